# SPDX-License-Identifier: GPL-2.0-only
"""Kernels in archives: what is needed of them is taken out once and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tarfile
import tempfile
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from harness.debian.deb import Deb
from harness.errors import InputError
from harness.host.cache import cache_dir, host_errors, locked, new_folder
from harness.kernels import compression
from harness.kernels.modules import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

# The layouts of Debian, of make bindeb-pkg and of make tar-pkg, the last perhaps below a folder.
# The image: in /boot until Debian's 6.18, then beside the modules; likewise the config.  tar-pkg
# puts the ELF file vmlinux-REL beside vmlinuz-REL, and calls an image it does not know
# vmlinux-kbuild-REL.
_IMAGES = (
    re.compile(r"(?:[^/]+/)?boot/vmlinuz-[^/]+"),
    re.compile(r"(?:usr/)?lib/modules/[^/]+/vmlinuz"),
    re.compile(r"(?:[^/]+/)?boot/vmlinux-kbuild-[^/]+"),
    re.compile(r"boot/vmlinux-[^/]+"),
)
_CONFIG = re.compile(r"(?:[^/]+/)?boot/config-[^/]+|(?:usr/)?lib/modules/[^/]+/config")
# Debian's own is a line that says where the real one is.
_SYSTEM_MAP = re.compile(
    r"(?:[^/]+/)?boot/System\.map-[^/]+|(?:usr/)?lib/modules/[^/]+/System\.map"
)
_BUILTIN = re.compile(r"(?:.*/)?modules\.builtin")
# Bytes that an archive unpacks to at most: modules with debug information take a few GiB.
_MOST = 1 << 34


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
    """Return the tar archive ``path``, compressed in any way that the kernel's tools do or not."""
    return Archives(lambda: [_opened_tar(path)])


def is_tar(path: Path) -> bool:
    """Return True if the file ``path`` begins as a tar archive, compressed or not."""
    with path.open("rb") as file:
        return compression.start_of(file, 512)[257:262] == b"ustar"


def key_of(paths: Sequence[Path]) -> str:
    """Return a key, in hex, that stands for the contents of the archives ``paths``."""
    stats = [(str(path.resolve()), path.stat()) for path in paths]
    key = repr([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def taken(key: str, archives: Archives, what: str, *, image: bool = True) -> Path:
    """Return a folder of the cache with what is needed of the kernel in ``archives``.

    ``vmlinuz`` with ``vmlinuz.sha256``, ``config`` and ``System.map``, if there are;
    ``modules.list``, the paths of all modules; ``modules.builtin``.  ``key`` stands for the
    archives' contents, ``what`` names them in errors.  Raises InputError when an ``image`` is
    wanted and they have none, or when one of them cannot be read.
    """
    folder = cache_dir("kernels") / (key if image else f"{key}-modules")
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as temporary:
                _take(archives, temporary, what, wanted=image)
    return folder


def _take(archives: Archives, folder: Path, what: str, *, wanted: bool) -> None:
    image = None
    if wanted:
        image = next((data for each in _IMAGES if (data := archives.first(each))), None)
    modules = [name for name in archives.names() if name_of(name)]
    if wanted and image is None:
        message = f"{what} contains no kernel: expected /boot/vmlinuz-* in it"
        if modules:
            message += "; it has modules only: name the package that has their kernel"
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
    """Open the archive ``path`` for reading at random: what is compressed is unpacked first."""
    try:
        with path.open("rb") as packed, contextlib.ExitStack() as stack:
            plain: IO[bytes] = packed
            if compression.method(packed.read(16)):
                plain = stack.enter_context(_temporary())
                _unpack(packed, plain)
            plain.seek(0)
            yield _Tar(stack.enter_context(tarfile.open(fileobj=plain, mode="r:")))
    except compression.DamagedError as error:
        raise InputError(f"{path} is a truncated or damaged archive: {error}") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        message = f"{path} is not a tar archive, or damaged: {error}"
        raise InputError(message) from error


def _temporary() -> IO[bytes]:
    with host_errors("cannot unpack an archive"):
        return tempfile.TemporaryFile(dir=cache_dir())


def _unpack(packed: BinaryIO, plain: IO[bytes]) -> None:
    packed.seek(0)
    for piece in compression.pieces(packed, _MOST):
        with host_errors("cannot unpack an archive"):
            plain.write(piece)
