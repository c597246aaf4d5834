# SPDX-License-Identifier: GPL-2.0-only
"""Read files out of a .deb without unpacking it."""

from __future__ import annotations

import posixpath
import tarfile
import tempfile
from typing import TYPE_CHECKING, Self

from harness.debian.command import run
from harness.errors import InputError
from harness.host.cache import cache_dir, host_errors

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_MAGIC = b"!<arch>\ndebian-binary"  # deb(5)
_MAX_LINKS = 40  # as in the kernel's path walk


class Deb:
    """The files of one .deb, read at random; a context manager.

    dpkg-deb writes the package's tar, decompressed, to a nameless temporary file (some 400 MiB
    for a kernel): it takes seconds once, and nothing is left behind however the process ends.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``; InputError when it is no .deb, or a truncated or damaged one."""
        self.path = path
        try:
            with path.open("rb") as file:
                start = file.read(len(_MAGIC))
        except OSError as error:
            message = f"cannot read {path}: {error.strerror}"
            raise InputError(message) from error
        if start != _MAGIC:
            found = f"it starts with {start[:8]!r}" if start else "it is empty"
            message = f"{path} is not a Debian package (.deb): {found}"
            raise InputError(message)
        with host_errors(f"cannot unpack {path}"):
            # The caller's with statement closes it.
            self._file = tempfile.TemporaryFile(dir=cache_dir())  # noqa: SIM115
        try:
            self._unpack()
            self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115
            self._members = {_clean(member.name): member for member in self._tar}
        except tarfile.TarError as error:
            self._file.close()
            message = f"{path} is truncated or damaged: {error}"
            raise InputError(message) from error
        except BaseException:
            self._file.close()
            raise

    def _unpack(self) -> None:
        result = run(["dpkg-deb", "--fsys-tarfile", str(self.path)], stdout=self._file)
        if result.code:
            message = f"{self.path} is truncated or damaged: {result.complaint}"
            raise InputError(message)
        self._file.seek(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the temporary space back."""
        self._tar.close()
        self._file.close()

    def names(self) -> list[str]:
        """Return the paths in it, without a leading ``/``, in the package's order."""
        return [name for name in self._members if name]

    def member(self, name: str) -> tarfile.TarInfo | None:
        """Return what ``name`` stands for, symbolic links inside the package followed.

        None when the package has no such path, or when a link leads out of the package.
        """
        parts = _clean(name).split("/")
        done = ""
        links = 0
        while parts:
            done = posixpath.join(done, parts.pop(0))
            found = self._members.get(done)
            if found is None:
                return None
            if found.issym() or found.islnk():
                links += 1
                if links > _MAX_LINKS:
                    return None
                # A symbolic link counts from where it stands, a hard link from the top.
                base = posixpath.dirname(done) if found.issym() else ""
                target = _clean(posixpath.join("/", base, found.linkname))
                parts = [*target.split("/"), *parts]
                done = ""
        return self._members.get(done)

    def read(self, name: str) -> bytes:
        """Return the contents of the file ``name``; KeyError when there is no such file."""
        member = self.member(name)
        if member is None or not member.isfile():
            raise KeyError(name)
        with host_errors(f"cannot read {name} of {self.path}"):
            stream = self._tar.extractfile(member)
            if stream is None:
                raise KeyError(name)
            return stream.read()


def _clean(name: str) -> str:
    """Write a tar's ``./usr/bin/x`` and a user's ``/usr/bin/x`` the same way: ``usr/bin/x``."""
    return posixpath.normpath("/" + name).lstrip("/")


def field(path: Path, name: str) -> str:
    """Return the control field ``name`` of the .deb ``path``, empty when it has none.

    Raises InputError when ``path`` cannot be read as a .deb.
    """
    result = run(["dpkg-deb", "--field", str(path), name])
    if result.code:
        message = f"{path} is truncated or damaged: {result.complaint}"
        raise InputError(message)
    return result.stdout.decode(errors="replace").strip()
