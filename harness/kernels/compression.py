# SPDX-License-Identifier: GPL-2.0-only
"""Decompress what kernels, their modules and archives of them are compressed with."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

import lz4.frame
import zstandard

from harness.kernels import lz4_legacy, lzop
from harness.kernels.damage import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SUFFIXES", "DamagedError", "decompress", "method", "pieces", "start", "start_of"]

# Bytes given to a decoder at once.  What that much can unpack to (of zstd 128 MiB, of bzip2
# 80 MiB) fits into memory; what all of it does is bounded by the caller.
_CHUNK = 1 << 12
# Bytes: more than any kernel unpacks to, less than would hurt.
_MOST = 1 << 29


class _Decoder(Protocol):
    """What the decoders of zlib, lzma, bz2, zstandard and lz4.frame have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True)
class _Method:
    name: str
    # First bytes; as in the kernel's lib/decompress.c.
    magic: bytes
    # Yields what a file's stream unpacks to, in pieces; it may raise _FAILURES.
    pieces: Callable[[BinaryIO], Iterator[bytes]]


def _streams(
    name: str, magic: bytes, decoder: Callable[[], _Decoder], *, many: bool = True
) -> _Method:
    """Return a method whose streams a library reads; ``many`` may follow each other.

    pbzip2, pigz and the like write more than one.
    """

    def pieces(file: BinaryIO) -> Iterator[bytes]:
        data = file.read(_CHUNK)
        while True:
            current = decoder()
            while data and not current.eof:
                yield current.decompress(data)
                data = b"" if current.eof else file.read(_CHUNK)
            if not current.eof:
                raise DamagedError(f"its {name} data ends too early")
            data = current.unused_data or b""
            if len(data) < len(magic):
                data += file.read(_CHUNK)
            if not many or not data.startswith(magic):
                return

    return _Method(name, magic, pieces)


_METHODS = (
    _streams("gzip", b"\x1f\x8b\x08", lambda: zlib.decompressobj(wbits=31)),
    _streams("xz", b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    # Its magic is so short that the size a kernel appends may look like it.
    _streams("lzma", b"\x5d\x00\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE), many=False),
    _streams(
        "zstd",
        b"\x28\xb5\x2f\xfd",
        lambda: zstandard.ZstdDecompressor(max_window_size=_MOST).decompressobj(),
    ),
    _streams("bzip2", b"BZh", bz2.BZ2Decompressor),
    _streams("lz4", b"\x04\x22\x4d\x18", lz4.frame.LZ4FrameDecompressor),
    _Method("lz4", lz4_legacy.MAGIC, lz4_legacy.pieces),
    _Method("lzo", lzop.MAGIC, lzop.pieces),
)
# Method -> the suffix that its tool gives to files.
SUFFIXES = {
    "gzip": ".gz",
    "xz": ".xz",
    "lzma": ".lzma",
    "zstd": ".zst",
    "bzip2": ".bz2",
    "lz4": ".lz4",
    "lzo": ".lzo",
}
# What decoders raise for damaged data: bz2 OSError and EOFError, lz4.frame RuntimeError.
_FAILURES = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, RuntimeError)


def _method(data: bytes) -> _Method | None:
    return next((method for method in _METHODS if data.startswith(method.magic)), None)


def method(data: bytes) -> str | None:
    """Name the compression of ``data`` by its first bytes; None when it is none we know."""
    found = _method(data)
    return found.name if found else None


def pieces(file: BinaryIO, most: int) -> Iterator[bytes]:
    """Yield what ``file`` decompresses to, in pieces, or its contents when it is not compressed.

    Whatever follows the compressed data is ignored: kernels append the unpacked size and
    padding to it.  Raises DamagedError, also when it gives more than ``most`` bytes.
    """
    begin = file.tell()
    found = _method(file.read(16))
    file.seek(begin)
    if found is None:
        while data := file.read(1 << 20):
            yield data
        return
    length = 0
    try:
        for piece in found.pieces(file):
            length += len(piece)
            if length > most:
                raise DamagedError(f"its {found.name} data unpacks to more than {most} bytes")
            yield piece
    except _FAILURES as error:
        raise DamagedError(f"its {found.name} data is damaged: {error}") from error


def decompress(data: bytes, most: int = _MOST) -> bytes:
    """Decompress ``data``, as pieces() does."""
    return b"".join(pieces(io.BytesIO(data), most)) if method(data) else data


def start(data: bytes, size: int = 1 << 16) -> bytes:
    """Return the first bytes that ``data`` decompresses to, as far as they can be had."""
    return start_of(io.BytesIO(data), size)


def start_of(file: BinaryIO, size: int) -> bytes:
    """Return the first ``size`` bytes that ``file`` decompresses to, as start() does."""
    parts: list[bytes] = []
    length = 0
    try:
        for piece in pieces(file, _MOST):
            parts.append(piece)
            length += len(piece)
            if length >= size:
                break
    except DamagedError:
        pass
    return b"".join(parts)[:size]
