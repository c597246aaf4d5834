# SPDX-License-Identifier: GPL-2.0-only
"""Loadable modules, wherever they are: a folder, a build tree, or an archive."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.cache import host_errors, new_file
from harness.kernels import compression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.kernels.archives import Archives

_SUFFIXES = frozenset({"", *compression.SUFFIXES.values()})
# In a folder of modules, what leads to the tree that they were built from.
_TREES = frozenset({"build", "source"})


def name_of(path: str) -> str | None:
    """Return the name of the module in the file ``path``, as lsmod has it; None if it is none."""
    # Not pathlib: a kernel has 4000 of them.
    name, ko, suffix = path.rpartition("/")[2].rpartition(".ko")
    return _normal(name) if ko and suffix in _SUFFIXES else None


def _normal(name: str) -> str:
    return name.replace("-", "_")


def _by_name(paths: Iterable[str]) -> dict[str, str]:
    return {name: path for path in paths if (name := name_of(path))}


def _names(text: str) -> frozenset[str]:
    return frozenset(_by_name(text.split()))


def _unpack(data: bytes, where: str) -> bytes:
    try:
        return compression.decompress(data)
    except compression.DamagedError as error:
        message = f"the module {where} cannot be read: {error}"
        raise InputError(message) from error


class FolderModules:
    """The modules below ``/lib/modules/RELEASE``, or an installation's copy of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: set[Path] = set()

    @functools.cached_property
    def _paths(self) -> Mapping[str, str]:
        return _by_name(self._walk())

    def _walk(self) -> Iterator[str]:
        """Yield all files; links to folders are followed, each folder once."""
        seen: set[tuple[int, int]] = set()
        for folder, subfolders, files in os.walk(self.root, followlinks=True):
            found = os.stat(folder)  # noqa: PTH116 (not pathlib: as above)
            if (found.st_dev, found.st_ino) in seen:
                subfolders.clear()
                continue
            seen.add((found.st_dev, found.st_ino))
            if folder == str(self.root):
                # "build" and "source" are links to whole source trees.
                subfolders[:] = [name for name in subfolders if name not in _TREES]
            for file in files:
                yield f"{folder}/{file}"

    def builtin(self) -> frozenset[str]:
        """Return the names in modules.builtin; none when there is no such file."""
        path = self.root / "modules.builtin"
        return _names(path.read_text()) if path.is_file() else frozenset()

    def names(self) -> frozenset[str]:
        """Return the names of all modules."""
        return frozenset(self._paths)

    def read(self, name: str) -> bytes | None:
        """Return the module ``name``, decompressed; None when there is none.

        Raises HostError when it cannot be read, InputError when it is damaged.
        """
        path = self._paths.get(_normal(name))
        if path is None:
            return None
        with host_errors(f"cannot read {path}"):
            data = Path(path).read_bytes()
        self._read.add(Path(path))
        return _unpack(data, path)

    def files(self) -> list[Path]:
        """Return the files and folders that what was read so far depends on.

        depmod(8) and make write theirs into the folder itself whenever modules come or go.
        """
        lists = [self.root / "modules.builtin", self.root / "modules.order"]
        return [self.root, *lists, *sorted(self._read)]


class BuildTreeModules(FolderModules):
    """The modules in a kernel's build tree, listed by its modules.order."""

    def _walk(self) -> Iterator[str]:
        order = self.root / "modules.order"
        for line in order.read_text().split() if order.is_file() else ():
            # "kernel/a/b.ko" in old kernels, then "a/b.ko", "a/b.o" since 6.3.
            file = self.root / re.sub(r"\.o$", ".ko", line.removeprefix("kernel/"))
            if file.is_file():
                yield str(file)


class ArchiveModules:
    """Modules in archives, each kept in the cache once it has been read.

    Neither finding a kernel nor reading a module twice opens the archive.
    """

    def __init__(self, folder: Path, archives: Archives) -> None:
        self.folder = folder
        self._archives = archives

    @functools.cached_property
    def _paths(self) -> Mapping[str, str]:
        return _by_name((self.folder / "modules.list").read_text().split("\n"))

    def builtin(self) -> frozenset[str]:
        """Return the names in modules.builtin; none when the archive has no such file."""
        return _names((self.folder / "modules.builtin").read_text())

    def names(self) -> frozenset[str]:
        """Return the names of all modules."""
        return frozenset(self._paths)

    def read(self, name: str) -> bytes | None:
        """Return the module ``name``, decompressed; None when there is none."""
        name = _normal(name)
        path = self._paths.get(name)
        if path is None:
            return None
        kept = self.folder / "modules" / f"{name}.ko"
        with host_errors(f"cannot read {kept}"):
            if not kept.is_file():
                data = _unpack(self._archives.read(path), path)
                kept.parent.mkdir(exist_ok=True)
                with new_file(kept) as temporary:
                    temporary.write_bytes(data)
            return kept.read_bytes()

    def files(self) -> list[Path]:
        """Return the files that what was read so far depends on: they never change."""
        return [self.folder / "modules.list", self.folder / "modules.builtin"]
