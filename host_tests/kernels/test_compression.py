# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from harness.kernels import compression

PACK = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
}


@given(st.binary(max_size=5000), st.sampled_from(sorted(PACK)), st.binary(max_size=20))
def test_back_and_forth_whatever_follows(data, kind, trailer):
    packed = PACK[kind](data)
    assert compression.method(packed) == kind
    assert compression.decompress(packed + trailer) == data


@pytest.mark.parametrize("kind", sorted(PACK))
def test_truncated_data_is_noticed(kind):
    packed = PACK[kind](bytes(range(256)) * 100)
    with pytest.raises(compression.DamagedError):
        compression.decompress(packed[:-20])


@pytest.mark.parametrize("kind", sorted(PACK))
def test_what_would_fill_memory_is_refused(kind):
    packed = PACK[kind](bytes(1 << 24))
    with pytest.raises(compression.DamagedError, match="more than 1000 bytes"):
        compression.decompress(packed, 1000)


def test_plain_data_is_returned_and_lz4_is_named():
    assert compression.decompress(b"plain") == b"plain"
    with pytest.raises(compression.UnsupportedError, match="lz4"):
        compression.decompress(b"\x02\x21\x4c\x18" + bytes(100))


@given(st.sampled_from(sorted(compression.MAGICS)), st.binary(max_size=200))
def test_any_bytes(magic, data):
    with contextlib.suppress(compression.DamagedError, compression.UnsupportedError):
        compression.decompress(magic + data)
    assert len(compression.start(magic + data, 100)) <= 100
