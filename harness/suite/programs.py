# SPDX-License-Identifier: GPL-2.0-only
"""Build the guest programs, one for each ``guest_tests/*.c``, as one static binary.

Each program has a name of its own, which is a link to the binary: of the 700 KB that one would
have by itself nearly all is libc and the library, and a guest takes 7 s to unpack eighty of them
under emulation.
"""

from __future__ import annotations

import hashlib
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from harness.architectures import GUEST_TESTS
from harness.errors import InputError
from harness.host import compiler
from harness.host.cache import cache_dir, locked, new_file, new_folder
from harness.suite.variant import compat_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from harness.architectures import Recipe
    from harness.host.compiler import Compiler

_LOG = logging.getLogger("harness")

# -fno-toplevel-reorder keeps the cases in the order they are declared in.
_COMPILE = (*compiler.COMPILE, "-O2", "-pthread", "-fno-toplevel-reorder")

# armhf's linker lays segments out for pages of 4 KiB; of 16 or 64 KiB, which 32-bit tasks may meet
# on an arm64 kernel, the end of the code and the data would share one (SIGSEGV).
_COMPAT_LINK = ("-Wl,-z,max-page-size=65536",)

# A sabotage stands in front of the functions that it defines as __wrap_NAME() (ld --wrap).
_WRAPPED = re.compile(r"^\w+ \*?__wrap_(\w+)\(", re.MULTILINE)

_PARALLEL = 2

# The binary's name begins so.
_ALL = "uffd-tests"


def names() -> list[str]:
    """Return the names of all programs, one for each area of the contract."""
    return sorted(path.stem for path in GUEST_TESTS.glob("*.c"))


def sabotages() -> list[str]:
    """Return the names of all sabotages: faults that ``build`` can link into the programs."""
    return sorted(path.stem for path in (GUEST_TESTS / "sabotage").glob("*.c"))


def build(
    recipe: Recipe,
    *,
    sabotage: str | None = None,
    only: Collection[str] | None = None,
    compat: bool = False,
) -> list[Path]:
    """Build every program for ``recipe`` and return them, in order of their names.

    They are links to one binary, beside them, that knows by its name which program it is.  It
    depends only on its sources, the compiler and the flags; it is kept in the cache and only
    built when one of these changed.  The compiler is ``$CC_<arch>``, a command with its
    arguments, else ``<recipe.cross>-gcc``.

    With ``sabotage`` the programs see a kernel that is wrong in that one way (a file of
    ``guest_tests/sabotage``): it shows that the cases notice.  ``only`` names the programs to
    build.  With ``compat`` they are for the guests of another architecture, beside its own
    programs, and have names of their own (``compat_name``).

    Raises HostError when there is no compiler, BuildError when a program does not compile,
    InputError when there is no such sabotage.
    """
    if sabotage is not None and sabotage not in sabotages():
        message = f"unknown sabotage '{sabotage}': expected one of {', '.join(sabotages())}"
        raise InputError(message)
    cc = compiler.find(recipe)
    wanted = [name for name in names() if only is None or name in only]
    called = [compat_name(name) if compat else name for name in wanted]
    objects = _objects(cc, [f"{name}.c" for name in wanted])
    objects |= _objects(cc, _library_sources())
    objects |= _objects(cc, [f"sabotage/{sabotage}.c"] if sabotage else [])
    flags = [*_COMPILE, *compiler.LINK, *(_COMPAT_LINK if compat else ()), *_wraps(sabotage)]
    made_from = _digest([*flags, *called, *(path.name for path in objects.values())])
    folder = cache_dir("programs") / f"{cc.arch}-{made_from}"
    if not folder.is_dir():
        _compile(cc, {source: path for source, path in objects.items() if not path.is_file()})
        _link(cc, folder, called, flags, list(objects.values()))
    return [folder / name for name in called]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _objects(cc: Compiler, sources: list[str]) -> dict[str, Path]:
    """Return where the object of each source is, or will be: all share the headers."""
    headers, found = _headers(), {}
    for source in sources:
        made_from = cc.made_from(GUEST_TESTS, _COMPILE, [source, *headers])
        name = f"{cc.arch}-{Path(source).stem}-{made_from}.o"
        found[source] = cache_dir("programs") / name
    return found


def _compile(cc: Compiler, objects: dict[str, Path]) -> None:
    done = 0

    def compile_one(source: str) -> None:
        nonlocal done
        path = objects[source]
        with locked(path):
            if not path.is_file():
                with new_file(path) as temporary:
                    arguments = [*_COMPILE, "-c", "-o", str(temporary), source]
                    cc.compile(GUEST_TESTS, source, arguments)
        done += 1
        _LOG.info("building guest programs for %s (%d of %d)", cc.arch, done, len(objects))

    _in_parallel(compile_one, list(objects))


def _link(
    cc: Compiler, folder: Path, called: list[str], flags: list[str], objects: list[Path]
) -> None:
    with locked(folder):
        if folder.is_dir():
            return
        with new_folder(folder) as building:
            # Each has its own: one with a sabotage is put beside those that are whole.
            binary = building / f"{_ALL}-{folder.name}"
            cc.compile(GUEST_TESTS, _ALL, [*flags, "-o", str(binary), *map(str, objects)])
            for name in called:
                (building / name).symlink_to(binary.name)


def _in_parallel(function: Callable[[str], None], arguments: list[str]) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        running = [pool.submit(function, argument) for argument in arguments]
        try:
            for one in running:
                one.result()
        except BaseException:
            # The first error is the one to show; what has not begun need not.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _headers() -> list[str]:
    found = [*GUEST_TESTS.glob("lib/*.h"), *GUEST_TESTS.glob("sabotage/*.h")]
    return sorted(str(path.relative_to(GUEST_TESTS)) for path in found)


def _library_sources() -> list[str]:
    return sorted(f"lib/{path.name}" for path in GUEST_TESTS.glob("lib/*.c"))


def _wraps(sabotage: str | None) -> list[str]:
    if sabotage is None:
        return []
    source = (GUEST_TESTS / "sabotage" / f"{sabotage}.c").read_text()
    return [f"-Wl,--wrap={function}" for function in _WRAPPED.findall(source)]
