# SPDX-License-Identifier: GPL-2.0-only
"""Build the guest programs: one static binary for each ``guest_tests/*.c``."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from harness import compiler
from harness.cache import cache_dir, locked, new_folder
from harness.errors import InputError
from harness.guest.variant import compat_name
from harness.recipes import GUEST_TESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from harness.compiler import Compiler
    from harness.recipes import Recipe

_LOG = logging.getLogger("harness")

# -fno-toplevel-reorder keeps the cases in the order they are declared in.
_COMPILE = (*compiler.COMPILE, "-O2", "-pthread", "-fno-toplevel-reorder")

# A sabotage stands in front of the functions that it defines as __wrap_NAME() (ld --wrap).
_WRAPPED = re.compile(r"^\w+ __wrap_(\w+)\(", re.MULTILINE)

_PARALLEL = 2


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
    """Build every program for ``recipe`` and return the binaries, in order of their names.

    A binary depends only on its sources, the compiler and the flags; it is kept in the cache
    and only built when one of these changed.  The compiler is ``$CC_<arch>``, a command with
    its arguments, else ``<recipe.cross>-gcc``.

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
    called = {name: compat_name(name) if compat else name for name in wanted}
    binaries = {name: _binary(name, called[name], cc, sabotage) for name in wanted}
    missing = [name for name, binary in binaries.items() if not binary.is_file()]
    if not missing:
        return list(binaries.values())
    library = _library(cc)
    done = 0

    def compile_one(name: str) -> None:
        nonlocal done
        _build_one(name, binaries[name], cc, library, sabotage)
        done += 1
        _LOG.info("building guest programs for %s (%d of %d)", recipe.arch, done, len(missing))

    _in_parallel(compile_one, missing)
    return list(binaries.values())


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


def _sabotage_sources(sabotage: str | None) -> list[str]:
    return [f"sabotage/{sabotage}.c"] if sabotage else []


def _wraps(sabotage: str | None) -> list[str]:
    if sabotage is None:
        return []
    source = (GUEST_TESTS / "sabotage" / f"{sabotage}.c").read_text()
    return [f"-Wl,--wrap={function}" for function in _WRAPPED.findall(source)]


def _binary(name: str, called: str, cc: Compiler, sabotage: str | None) -> Path:
    sources = [f"{name}.c", *_library_sources(), *_sabotage_sources(sabotage)]
    flags = [*_COMPILE, *compiler.LINK, *_wraps(sabotage)]
    made_from = cc.made_from(GUEST_TESTS, flags, [*sources, *_headers()])
    return cache_dir("programs") / f"{cc.arch}-{called}-{made_from}" / called


def _library(cc: Compiler) -> list[Path]:
    """Compile the library, which all programs share, and return its objects."""
    sources = _library_sources()
    made_from = cc.made_from(GUEST_TESTS, _COMPILE, [*sources, *_headers()])
    folder = cache_dir("programs") / f"{cc.arch}-lib-{made_from}"
    objects = {source: f"{Path(source).stem}.o" for source in sources}
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as building:

                def compile_one(source: str) -> None:
                    output = building / objects[source]
                    arguments = [*_COMPILE, "-c", "-o", str(output), source]
                    cc.compile(GUEST_TESTS, source, arguments)

                _in_parallel(compile_one, sources)
    return [folder / name for name in objects.values()]


def _build_one(
    name: str, binary: Path, cc: Compiler, library: list[Path], sabotage: str | None
) -> None:
    source = f"{name}.c"
    with locked(binary.parent):
        if binary.is_file():
            return
        with new_folder(binary.parent) as folder:
            inputs = [source, *_sabotage_sources(sabotage), *map(str, library)]
            output = str(folder / binary.name)
            flags = [*_COMPILE, *compiler.LINK, *_wraps(sabotage)]
            cc.compile(GUEST_TESTS, source, [*flags, "-o", output, *inputs])
