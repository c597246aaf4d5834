# SPDX-License-Identifier: GPL-2.0-only
"""Decompress the LZ4 legacy format, which is what kernels are compressed with.

The ``lz4`` package reads blocks and the newer frame format; the legacy container is doc/lz4_Frame
format.md, "Legacy frame", of the LZ4 sources: a magic number, then for each block its compressed
size and its data, without an end mark or checksums.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

import lz4.block

from harness.kernels.damage import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\x02\x21\x4c\x18"
# Bytes that each block but the last one unpacks to.
BLOCK = 8 << 20
# LZ4_COMPRESSBOUND(BLOCK): a block is never longer.
_LONGEST = BLOCK + BLOCK // 255 + 16


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield what the stream in ``file`` unpacks to, block by block; raises DamagedError.

    It ends with a block that is not full, at the end of the file, or at a number that is no
    block's size: kernels append the size of the whole (scripts/Makefile.lib, size_append).
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedError("its lz4 data has no magic number")
    length = 0
    while len(head := file.read(4)) == 4:
        (size,) = struct.unpack("<I", head)
        if length and size in {0, length}:
            return
        if not 0 < size <= _LONGEST:
            if length:
                return
            raise DamagedError(f"its lz4 data is damaged: a block of {size} bytes")
        data = file.read(size)
        if len(data) < size:
            raise DamagedError("its lz4 data ends too early")
        try:
            block = lz4.block.decompress(data, uncompressed_size=BLOCK)
        except lz4.block.LZ4BlockError as error:
            raise DamagedError(f"its lz4 data is damaged: {error}") from error
        yield block
        length += len(block)
        if len(block) < BLOCK:
            return
    if head:
        raise DamagedError("its lz4 data ends too early")
