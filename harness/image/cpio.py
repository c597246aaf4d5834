# SPDX-License-Identifier: GPL-2.0-only
"""Write initramfs archives: the "newc" cpio format, the same bytes for the same entries.

Format: Documentation/driver-api/early-userspace/buffer-format.rst in the kernel tree.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The name that ends an archive, whatever comes after it (init/initramfs.c, do_name()).
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One file, folder, link or device of the archive; owned by root, dated 1970."""

    # Path inside the archive, without a leading slash.
    name: str
    # Type and permissions as in stat(2) st_mode.
    mode: int
    # Contents of a file, target of a symbolic link, empty otherwise.
    data: bytes = b""
    # Major and minor number of a device.
    device: tuple[int, int] = (0, 0)


def file(name: str, data: bytes, permissions: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(name, stat.S_IFREG | permissions, data)


def folder(name: str, permissions: int = 0o755) -> Entry:
    """Return a folder."""
    return Entry(name, stat.S_IFDIR | permissions)


def link(name: str, target: str) -> Entry:
    """Return a symbolic link to ``target``."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def device(name: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """Return a character device."""
    return Entry(name, stat.S_IFCHR | permissions, device=(major, minor))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _record(entry: Entry, inode: int) -> bytes:
    name = entry.name.encode() + b"\0"
    numbers = [
        inode,
        entry.mode,
        0,  # uid
        0,  # gid
        1,  # nlink
        0,  # mtime
        len(entry.data),
        0,  # device the file is on, major and minor
        0,
        *entry.device,
        len(name),
        0,  # checksum, unused by newc
    ]
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + name) + _padded(entry.data)


def archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive of ``entries``, in order, with the folders above them.

    The order and the bytes depend on the entries alone.  A folder that no entry names is
    added as ``rwxr-xr-x`` before the first entry in it: the kernel makes none by itself.
    The result is padded to 512 bytes, so that archives can be concatenated, which the
    kernel reads as one file system, later entries replacing earlier ones.  Raises ValueError
    for the one name that no entry can have.
    """
    complete: dict[str, Entry] = {}
    for entry in entries:
        for parent in reversed(PurePosixPath(entry.name).parents[:-1]):
            complete.setdefault(str(parent), folder(str(parent)))
        complete[entry.name] = entry
    if _TRAILER in complete:
        raise ValueError(f"{_TRAILER} ends a cpio archive: nothing in it can have that name")
    records = [_record(entry, inode) for inode, entry in enumerate(complete.values(), start=1)]
    whole = b"".join(records) + _record(Entry(_TRAILER, 0), 0)
    return whole + b"\0" * (-len(whole) % 512)
