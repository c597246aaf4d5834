# SPDX-License-Identifier: GPL-2.0-only
"""Decompress what kernels and their modules are compressed with."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

# First bytes -> name; as in the kernel's lib/decompress.c.
MAGICS = {
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\x02\x21\x4c\x18": "lz4",
    b"\x89LZO\x00": "lzo",
}
# Bytes given to a decoder at once; what it returns is bounded by _MOST in all.
_CHUNK = 1 << 16
# Bytes: more than any kernel unpacks to, less than would hurt.
_MOST = 1 << 29


class DamagedError(Exception):
    """The data ends too early, or does not decompress."""


class UnsupportedError(Exception):
    """The data is compressed in a way this module does not read (lz4, lzo)."""


class _Decoder(Protocol):
    """What the decoders of zlib, lzma, bz2 and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE),
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=_MOST).decompressobj(),
    "bzip2": bz2.BZ2Decompressor,
}


def method(data: bytes) -> str | None:
    """Name the compression of ``data`` by its first bytes; None when it is none we know."""
    return next((name for magic, name in MAGICS.items() if data[:8].startswith(magic)), None)


def decompress(data: bytes, most: int = _MOST) -> bytes:
    """Decompress ``data``; whatever follows the compressed stream is ignored.

    Kernels append the unpacked size and padding to it.  Data that is not compressed is
    returned as it is.  Raises DamagedError, also when it gives more than ``most`` bytes, and
    UnsupportedError.
    """
    kind = method(data)
    if kind is None:
        return data
    if kind not in _DECODERS:
        raise UnsupportedError(kind)
    decoder = _DECODERS[kind]()
    parts: list[bytes] = []
    length = 0
    try:
        for at in range(0, len(data), _CHUNK):
            parts.append(decoder.decompress(data[at : at + _CHUNK]))
            length += len(parts[-1])
            if length > most:
                raise DamagedError(f"its {kind} data unpacks to more than {most} bytes")
            if decoder.eof:
                break
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError) as error:
        raise DamagedError(f"its {kind} data is damaged: {error}") from error
    if not decoder.eof:
        raise DamagedError(f"its {kind} data ends too early")
    return b"".join(parts)


def start(data: bytes, size: int = 1 << 16) -> bytes:
    """Return the first bytes that ``data`` decompresses to, as far as they can be had."""
    kind = method(data)
    if kind not in _DECODERS:
        return data[:size]
    try:
        return _DECODERS[kind]().decompress(data[:size])[:size]
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError):
        return b""
