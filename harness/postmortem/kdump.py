# SPDX-License-Identifier: GPL-2.0-only
"""Put the pieces of a kdump file that QEMU writes into their places.

QEMU 7.2 writes makedumpfile's "flattened" format, which can go through a pipe: a header of 4096
bytes, then records of offset, length (both 64 bits, big endian) and data, up to a record with
offset -1.  crash(8) reads that, drgn's libkdumpfile does not.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_MAGIC = b"makedumpfile"
_HEADER_BYTES = 4096
_RECORD = struct.Struct(">qq")
# struct new_utsname in struct disk_dump_header (QEMU's include/sysemu/dump.h): behind the
# signature and the version, six fields of 65 bytes.
_UTSNAME, _FIELD = 12, 65
_RELEASE = re.compile(rb"OSRELEASE=([^\n]{1,64})\n")
# Where VMCOREINFO is, which says OSRELEASE.
_START_BYTES = 64 << 10


class Unflatten:
    """Takes the stream in pieces and writes what it describes to a file."""

    def __init__(self, file: BinaryIO) -> None:
        """``file`` is open for reading and writing."""
        self._file = file
        self._pending = bytearray()
        self._began = False
        # Bytes that are left of the record that is being read.
        self._left = 0
        # The last record was read.
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take a piece; ValueError when the stream is not of this format."""
        self._pending += data
        if not self._began:
            if len(self._pending) < _HEADER_BYTES:
                return
            if not self._pending.startswith(_MAGIC):
                raise ValueError(f"it begins with {bytes(self._pending[:12])!r}")
            del self._pending[:_HEADER_BYTES]
            self._began = True
        while not self.complete and self._step():
            pass

    def _step(self) -> bool:
        """Take the next record's head, or what is there of its data; say whether it could."""
        if self._left:
            piece = self._pending[: self._left]
            self._file.write(piece)
            del self._pending[: len(piece)]
            self._left -= len(piece)
            return not self._left
        if len(self._pending) < _RECORD.size:
            return False
        offset, self._left = _RECORD.unpack_from(self._pending)
        del self._pending[: _RECORD.size]
        if offset < 0:
            self.complete = True
            self._left = 0
            return False
        if self._left < 0:
            raise ValueError(f"a record of {self._left} bytes")
        self._file.seek(offset)
        return True


def name_system(file: BinaryIO) -> None:
    """Complete the header: QEMU fills in the machine's name alone.

    libkdumpfile believes it only when all fields say something, and system is "Linux".
    """
    file.seek(0)
    found = _RELEASE.search(file.read(_START_BYTES))
    release = found[1] if found else b"?"
    for place, text in enumerate((b"Linux", b"guest", release, b"?")):
        file.seek(_UTSNAME + place * _FIELD)
        file.write(text.ljust(_FIELD, b"\0"))
