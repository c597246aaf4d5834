# SPDX-License-Identifier: GPL-2.0-only
"""Pack data as kernel builds do: with the Python libraries, and with the tools themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import zlib

import lz4.block
import lz4.frame
import zstandard
from lzallright import LZOCompressor


def lz4_legacy(data: bytes) -> bytes:
    """What ``lz4 -l`` writes: a magic, and blocks of 8 MiB, each after its size."""
    packed = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[at : at + (8 << 20)], store_size=False)
        packed += struct.pack("<I", len(block)) + block
    return packed


def lzop(data: bytes, flags: int = 0x0303) -> bytes:
    """What lzop writes, with all four checksums unless ``flags`` says otherwise."""
    header = struct.pack(">HHHBBIIII", 0x1040, 0x20A0, 0x0940, 1, 5, flags, 0o100644, 0, 0)
    header += b"\x04name"
    packed = b"\x89LZO\x00\r\n\x1a\n" + header + struct.pack(">I", zlib.adler32(header))
    for at in range(0, len(data), 256 << 10):
        block = data[at : at + (256 << 10)]
        small = LZOCompressor().compress(block)
        stored = len(small) >= len(block)
        packed += struct.pack(">II", len(block), len(block) if stored else len(small))
        for flag, checksum, of in (
            (0x1, zlib.adler32, block),
            (0x100, zlib.crc32, block),
            (0x2, zlib.adler32, small),
            (0x200, zlib.crc32, small),
        ):
            if flags & flag and not (stored and of is small):
                packed += struct.pack(">I", checksum(of))
        packed += block if stored else small
    return packed + bytes(4)


# Name of this way -> how; what stands before a "-" is the method.
PACK = {
    "gzip": lambda data: gzip.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=0),
    "zstd": zstandard.ZstdCompressor(1).compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "lz4-legacy": lz4_legacy,
    "lz4-frame": lz4.frame.compress,
    "lzo": lzop,
}

# The command that scripts/Makefile.lib of the kernel packs with; all read and write a pipe.
TOOLS = {
    "gzip": ["gzip", "-n", "-1"],
    "xz": ["xz", "-0", "--check=crc32"],
    "lzma": ["lzma", "-0"],
    "zstd": ["zstd", "-q", "-1"],
    "bzip2": ["bzip2", "-1"],
    "lz4-legacy": ["lz4", "-q", "-l", "-1", "-", "-"],
    "lz4-frame": ["lz4", "-q", "-1", "-", "-"],
    "lzo": ["lzop", "-q", "-1"],
}


def with_tool(way: str, data: bytes) -> bytes:
    """``data`` as the tool itself packs it."""
    return subprocess.run(TOOLS[way], input=data, stdout=subprocess.PIPE, check=True).stdout
