# SPDX-License-Identifier: GPL-2.0-only
"""Decompress lzop's format, which is what CONFIG_KERNEL_LZO compresses kernels with.

The ``lzallright`` package decompresses the LZO1X blocks; the container is read as the kernel's
lib/decompress_unlzo.c does, and its checksums are compared.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

from lzallright import LZOCompressor, LZOError

from harness.kernels.damage import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Checksum = Callable[[bytes], int]

MAGIC = b"\x89LZO\x00\r\n\x1a\n"
# Bytes a block unpacks to at most: lzop's BLOCK_SIZE, and the kernel's LZO_BLOCK_SIZE.
_BLOCK = 256 << 10
# The version of lzop that added the level and the upper half of the time to the header.
_LEVEL_SINCE = 0x0940
_HAS_FILTER = 0x0800
# Flag -> the checksum that follows a block's sizes; of what it unpacks to, then of what it is.
_PLAIN_SUMS: dict[int, Checksum] = {0x0001: zlib.adler32, 0x0100: zlib.crc32}
_PACKED_SUMS: dict[int, Checksum] = {0x0002: zlib.adler32, 0x0200: zlib.crc32}


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield what the stream in ``file`` unpacks to, block by block; raises DamagedError."""
    flags = _header(file)
    while length := _u32(file):
        size = _u32(file)
        if length > _BLOCK or not 0 < size <= length:
            raise DamagedError(f"its lzo data is damaged: a block of {size} and {length} bytes")
        plain = [(_u32(file), sum_of) for flag, sum_of in _PLAIN_SUMS.items() if flags & flag]
        packed = [
            (_u32(file), sum_of)
            for flag, sum_of in _PACKED_SUMS.items()
            if flags & flag and size < length
        ]
        data = _exactly(file, size)
        _compare(data, packed)
        if size < length:  # else it is stored as it is
            data = _unpacked(data, length)
        _compare(data, plain)
        yield data


def _header(file: BinaryIO) -> int:
    """Read the header; return its flags."""
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedError("its lzo data has no magic number")
    version = struct.unpack(">H", _exactly(file, 2))[0]
    newer = version >= _LEVEL_SINCE
    # Versions of the library and needed, method, level.
    _exactly(file, 6 if newer else 3)
    flags = _u32(file)
    # Filter, mode, time.
    _exactly(file, (4 if flags & _HAS_FILTER else 0) + 4 + (8 if newer else 4))
    # The name, and the header's checksum.
    _exactly(file, _exactly(file, 1)[0] + 4)
    return flags


def _unpacked(data: bytes, length: int) -> bytes:
    try:
        plain = LZOCompressor.decompress(data, length)
    except LZOError as error:
        # Not its text: that may hold all of the data.
        raise DamagedError(f"its lzo data is damaged: {error.args[0]}") from None
    if len(plain) != length:
        raise DamagedError(f"its lzo data is damaged: {len(plain)} bytes for {length}")
    return plain


def _compare(data: bytes, sums: list[tuple[int, Checksum]]) -> None:
    for stated, sum_of in sums:
        if sum_of(data) != stated:
            raise DamagedError("its lzo data is damaged: a checksum differs")


def _u32(file: BinaryIO) -> int:
    return int(struct.unpack(">I", _exactly(file, 4))[0])


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise DamagedError("its lzo data ends too early")
    return data
