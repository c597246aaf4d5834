# SPDX-License-Identifier: GPL-2.0-only
"""The guest's userland: busybox and dropbear from Debian, with the libraries they need."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from harness.debian.apt import Suite
from harness.debian.deb import Deb
from harness.errors import InputError
from harness.image import cpio

if TYPE_CHECKING:
    from harness.architectures import Recipe

# The userland is the same for every kernel under test, so that a difference between two
# runs is the kernel's.
SUITE = "bookworm"

BUSYBOX = "bin/busybox"
SSHD = "usr/sbin/dropbear"


def _find(debs: list[Deb], path: str) -> tuple[Deb, str] | None:
    """Find ``path`` in the packages; merged-usr systems know /lib also as /usr/lib."""
    bare = path.lstrip("/").removeprefix("usr/")
    for deb in debs:
        names = deb.names()
        for name in (bare, f"usr/{bare}"):
            if name in names:
                return deb, name
    return None


def _library(debs: list[Deb], soname: str) -> str:
    for deb in debs:
        for name in deb.names():
            parts = PurePosixPath(name)
            # Not the variants for other CPUs that glibc has had in lib/<tuple>/<cpu>/.
            if parts.name == soname and parts.parent.name.count("-") >= 2:
                return name
    raise InputError(f"no package of the recipe has the library {soname}: add it to 'packages'")


def _needed(program: bytes) -> tuple[list[str], str | None]:
    """Return the libraries an ELF file asks for and the path of its dynamic linker."""
    elf = ELFFile(io.BytesIO(program))
    libraries = [
        # pyelftools adds the attribute as it reads the tag.
        str(cast(Any, tag).needed)
        for section in elf.iter_sections()
        if isinstance(section, DynamicSection)
        for tag in section.iter_tags("DT_NEEDED")
    ]
    linkers = [s.get_interp_name() for s in elf.iter_segments() if isinstance(s, InterpSegment)]
    return libraries, linkers[0] if linkers else None


def _read(debs: list[Deb], path: str) -> bytes:
    found = _find(debs, path)
    if found is None:
        raise InputError(f"no package of the recipe has the file {path}: add it to 'packages'")
    deb, name = found
    return deb.read(name)


def entries(recipe: Recipe) -> list[cpio.Entry]:
    """Return busybox, dropbear and its libraries for the recipe's architecture.

    The packages are fetched when the cache lacks them.  Raises InputError when the recipe's
    package list lacks a file or library, HostError when the mirror does not answer.
    """
    suite = Suite(SUITE, recipe.debian_arch)
    with ExitStack() as stack:
        debs = []
        for name in recipe.packages:
            package = suite.find(name)
            if package is None:
                raise InputError(f"images/{recipe.arch}.toml: no package {name} in {SUITE}")
            debs.append(stack.enter_context(Deb(suite.fetch(package))))
        sshd = _read(debs, SSHD)
        files = {BUSYBOX: _read(debs, BUSYBOX), SSHD: sshd}
        waiting, linker = _needed(sshd)
        if linker is not None:
            files[linker.lstrip("/")] = _read(debs, linker)
        while waiting:
            soname = waiting.pop()
            # libc asks for the dynamic linker, too: it is there, as the one that asks.
            if linker is not None and soname == PurePosixPath(linker).name:
                continue
            path = _library(debs, soname)
            if path not in files:
                files[path] = _read(debs, path)
                waiting += _needed(files[path])[0]
    return [cpio.file(path, data, 0o755) for path, data in sorted(files.items())]
