# SPDX-License-Identifier: GPL-2.0-only
"""Kernels in archives: what is needed of them is taken out once and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tarfile
from typing import TYPE_CHECKING, Protocol

from harness.debian.deb import Deb
from harness.errors import InputError
from harness.host.cache import cache_dir, locked, new_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

# Debian's layouts, and that of make bindeb-pkg.  The image: in /boot until 6.18, then beside
# the modules; likewise the config.
_IMAGE = re.compile(r"boot/vmlinu[xz]-[^/]+|(?:usr/)?lib/modules/[^/]+/vmlinuz")
_CONFIG = re.compile(r"boot/config-[^/]+|(?:usr/)?lib/modules/[^/]+/config")
# Debian's own is a line that says where the real one is.
_SYSTEM_MAP = re.compile(r"boot/System\.map-[^/]+|(?:usr/)?lib/modules/[^/]+/System\.map")
_BUILTIN = re.compile(r"(?:.*/)?modules\.builtin")
_MODULE = re.compile(r".*\.ko(?:\.xz|\.gz|\.zst)?")


class Archive(Protocol):
    """An open archive of named files."""

    def names(self) -> Sequence[str]:
        """Return the paths in it."""
        ...

    def read(self, name: str) -> bytes:
        """Return the contents of the file ``name``; KeyError when it has none."""
        ...


class Archives:
    """Archives that belong together, opened only when something is read from them."""

    def __init__(self, openers: Callable[[], list[AbstractContextManager[Archive]]]) -> None:
        """Take a function that gives the archives; it may download them first."""
        self._openers = openers
        self._stack = contextlib.ExitStack()
        self._members: dict[str, Archive] = {}

    def names(self) -> list[str]:
        """Return the paths in all of them."""
        if not self._members:
            for opener in self._openers():
                archive = self._stack.enter_context(opener)
                self._members.update(dict.fromkeys(archive.names(), archive))
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Return the contents of the file ``name``; KeyError when none has it."""
        self.names()
        return self._members[name].read(name)

    def first(self, pattern: re.Pattern[str]) -> bytes | None:
        """Return the contents of the first file whose path is ``pattern``; None without one."""
        name = next((name for name in self.names() if pattern.fullmatch(name)), None)
        return None if name is None else self.read(name)


def debs(paths: Callable[[], Sequence[Path]]) -> Archives:
    """Return the .debs that ``paths`` gives as one; it is called when they are needed."""
    return Archives(lambda: [Deb(path) for path in paths()])


def tar(path: Path) -> Archives:
    """Return the tar archive ``path``, compressed or not."""
    return Archives(lambda: [_opened_tar(path)])


def taken(key: str, archives: Archives, what: str) -> Path:
    """Return a folder of the cache with what is needed of the kernel in ``archives``.

    ``vmlinuz`` with ``vmlinuz.sha256``, ``config`` and ``System.map``, if there are;
    ``modules.list``, the paths of all modules; ``modules.builtin``.  ``key`` stands for the
    archives' contents, ``what`` names them in errors.  Raises InputError when they have
    neither an image nor modules.
    """
    folder = cache_dir("kernels") / key
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as temporary:
                _take(archives, temporary, what)
    return folder


def _take(archives: Archives, folder: Path, what: str) -> None:
    image = archives.first(_IMAGE)
    modules = [name for name in archives.names() if _MODULE.fullmatch(name)]
    if image is None and not modules:
        message = f"{what} contains no kernel: expected /boot/vmlinuz-* or modules in it"
        raise InputError(message)
    sha256 = None if image is None else hashlib.sha256(image).hexdigest().encode()
    for name, data in (
        ("vmlinuz", image),
        ("vmlinuz.sha256", sha256),
        ("config", archives.first(_CONFIG)),
        ("System.map", archives.first(_SYSTEM_MAP)),
        ("modules.builtin", archives.first(_BUILTIN) or b""),
        ("modules.list", "\n".join(modules).encode()),
    ):
        if data is not None:
            (folder / name).write_bytes(data)


class _Tar:
    """A tar archive, its paths written without a leading ``./``."""

    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file
        self._members = {m.name.removeprefix("./"): m for m in file if m.isfile()}

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        stream = self._file.extractfile(self._members[name])
        if stream is None:
            raise KeyError(name)
        return stream.read()


@contextlib.contextmanager
def _opened_tar(path: Path) -> Iterator[Archive]:
    try:
        with tarfile.open(path) as file:
            yield _Tar(file)
    except (tarfile.TarError, EOFError, OSError) as error:
        message = f"{path} is not a tar archive, or damaged: {error}"
        raise InputError(message) from error
