# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's source as Debian has it (linux-source-6.12), unpacked once in the cache."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import architectures
from harness.debian.apt import Suite, newest
from harness.debian.command import run
from harness.debian.deb import Deb
from harness.errors import HostError, InputError
from harness.host.cache import cache_dir, locked, new_folder

if TYPE_CHECKING:
    from pathlib import Path

    from harness.debian.apt import Package

log = logging.getLogger("harness")

# The package that depends on the suite's newest source.
NEWEST = "linux-source"
_NAME = re.compile(rf"{NEWEST}-\d[\w.]*")


@dataclass(frozen=True)
class Source:
    """A kernel's source, and the folder that it and its builds are in."""

    folder: Path
    # The package and its version: "linux-source-6.12 6.12.117-1".
    origin: str

    @property
    def source(self) -> Path:
        """The top of the source."""
        return self.folder / "source"


def find(suite: str, package: str = NEWEST, version: str | None = None) -> tuple[Suite, Package]:
    """Return the package of a source, and its suite; nothing but the index is fetched.

    Without ``version`` it is the newest.  Raises InputError when the suite has no such package.
    """
    # The package is for all architectures: any one's index has it.
    found = Suite(suite, architectures.for_host().debian_arch)
    names = [package]
    if package == NEWEST:
        meta = None if version else found.find(package)
        names = _NAME.findall(meta.depends) if meta else found.names(f"{NEWEST}-")
    sources = [found.find(name, version) for name in names if _NAME.fullmatch(name)]
    best = newest([source for source in sources if source])
    if best is None:
        what = f" of version {version}" if version else ""
        raise InputError(f"{suite} has no {package}{what}: see guest_tests/debug_kernels")
    return found, best


def fetch(suite: Suite, package: Package, use: str) -> Source:
    """Return the source of ``package``, fetched and unpacked once for each ``use`` made of it.

    ``use`` names a folder of the cache: who edits a source has one of its own.  Raises HostError
    when it cannot be fetched or unpacked.
    """
    folder = cache_dir(use, f"{package.name}_{package.version}")
    tree = Source(folder, f"{package.name} {package.version}")
    with locked(tree.source, waiting=f"{package.name} is being unpacked: waiting"):
        if not tree.source.is_dir():
            _unpack(suite.fetch(package), f"usr/src/{package.name}.tar.xz", tree.source)
    return tree


def _unpack(deb: Path, name: str, to: Path) -> None:
    log.info("unpacking %s", deb.name)
    with new_folder(to) as temporary:
        archive = temporary / "source.tar.xz"
        with Deb(deb) as opened:
            archive.write_bytes(opened.read(name))
        command = ["tar", "--extract", "--strip-components=1", "--file", str(archive)]
        result = run([*command, "--directory", str(temporary)])
        if result.code:
            raise HostError(f"cannot unpack {name}: {result.complaint}")
        archive.unlink()
