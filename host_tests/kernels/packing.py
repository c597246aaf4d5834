# SPDX-License-Identifier: GPL-2.0-only
"""Pack data as kernel builds do: with the Python libraries, and with the tools themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import lz4.block
import lz4.frame
import zstandard
from lzallright import LZOCompressor

from harness.kernels import compression


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


def deb(folder: Path, package: str, files: dict[str, bytes], version: str = "7.9.3-2") -> Path:
    """Build the .deb ``package`` with ``files`` in ``folder``, named as dpkg-deb names it."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(
            f"Package: {package}\nVersion: {version}\nArchitecture: amd64\n"
            "Maintainer: x <x@x>\nDescription: x\n"
        )
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        built = folder / f"{package}_{version}_amd64.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", root, built], check=True)
    return built


def repacked(bzimage: bytes, way: str) -> bytes:
    """``bzimage`` with its kernel packed in another way, as mkpiggy.c and build.c lay it out.

    It does not boot: the decompressor in it is still the old one.
    """
    protected = (bzimage[0x1F1] + 1) * 512
    at, length = struct.unpack_from("<II", bzimage, 0x248)
    kernel = compression.decompress(bzimage[protected + at :][:length])
    payload = PACK[way](kernel) + struct.pack("<I", len(kernel))
    data = bytearray(bzimage[: protected + at] + payload)
    data += bzimage[len(data) :]
    data += bytes(-(len(data) - protected) % 16)
    struct.pack_into("<I", data, 0x24C, len(payload))
    struct.pack_into("<I", data, 0x1F4, (len(data) - protected) // 16)
    return bytes(data)


def zboot(kernel: bytes, way: str = "gzip") -> bytes:
    """An EFI zboot image as drivers/firmware/efi/libstub/zboot-header.S lays it out."""
    packed = PACK[way](kernel)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0xAA64, 0, 0, 0, 0, 0, 0)
    method = way.partition("-")[0].encode() + b"\0"
    header = b"MZ\0\0zimg" + struct.pack("<IIII", 0x100, len(packed), 0, 0) + method
    head = (header.ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + coff).ljust(0x100, b"\0")
    return head + packed + struct.pack("<I", len(kernel))
