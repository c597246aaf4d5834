# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import contextlib
import gzip
import io
import random
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packing import PACK, TOOLS, with_tool

from harness.kernels import compression

# Some repetition, some chance: no block is stored as it is.
SAMPLE = b"".join(random.Random(1).choice([b"abc" * 20, bytes([n % 256])]) for n in range(90000))
WAYS = pytest.mark.parametrize("way", sorted(PACK))


@given(st.binary(max_size=5000), st.sampled_from(sorted(PACK)), st.binary(max_size=20))
def test_back_and_forth_whatever_follows(data, way, trailer):
    packed = PACK[way](data)
    assert compression.method(packed) == way.partition("-")[0]
    if way == "lz4-legacy":  # it has no end mark: the size is what follows it in kernels
        trailer = len(data).to_bytes(4, "little")
    if not trailer.startswith(packed[:3]):
        assert compression.decompress(packed + trailer) == data


@WAYS
def test_the_packers_here_write_what_the_tools_do(way):
    if shutil.which(TOOLS[way][0]) is None:
        pytest.skip(
            f"{TOOLS[way][0]} is not installed; the same data is tested as packed in Python"
        )
    assert compression.decompress(with_tool(way, SAMPLE)) == SAMPLE


SIZES = [(way, (8 << 20) + 1) for way in sorted(PACK)]
SIZES += [("lz4-legacy", size) for size in ((8 << 20) - 1, 8 << 20, 24 << 20)]


@pytest.mark.parametrize(("way", "size"), SIZES)
@pytest.mark.parametrize("appended", [True, False], ids=["size appended", "alone"])
def test_several_blocks_and_the_size_that_kernels_append(way, size, appended):
    data = (SAMPLE * (size // len(SAMPLE) + 1))[:size]
    packed = PACK[way](data) + (size.to_bytes(4, "little") + bytes(60) if appended else b"")
    assert compression.decompress(packed) == data


@pytest.mark.parametrize("way", ["gzip", "xz", "zstd", "bzip2", "lz4-frame"])
def test_streams_after_each_other_are_one(way):
    # pigz, xz, pzstd and pbzip2 write such, and so does cat
    packed = PACK[way](b"one") + PACK[way](b"two") + PACK[way](b"three")
    assert compression.decompress(packed + b"padding") == b"onetwothree"


@WAYS
def test_truncated_data_is_noticed(way):
    packed = PACK[way](SAMPLE)
    for length in (len(packed) - 1, len(packed) // 2, 30):
        with pytest.raises(compression.DamagedError, match=rf"its {way.partition('-')[0]} data"):
            compression.decompress(packed[:length])


@WAYS
def test_damaged_data_is_noticed(way):
    packed = bytearray(PACK[way](SAMPLE))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(byte ^ 0xFF for byte in packed[middle : middle + 64])
    if way == "lz4-legacy":  # no checksum: other bytes, or none
        with contextlib.suppress(compression.DamagedError):
            assert compression.decompress(bytes(packed)) != SAMPLE
        return
    with pytest.raises(compression.DamagedError, match=r"damaged|too early") as caught:
        compression.decompress(bytes(packed))
    assert len(str(caught.value)) < 200


@WAYS
def test_what_would_fill_memory_is_refused(way):
    packed = PACK[way](bytes(1 << 25))
    with pytest.raises(compression.DamagedError, match="more than 1000 bytes"):
        compression.decompress(packed, 1000)


def test_plain_data_is_returned():
    assert compression.decompress(b"plain") == b"plain"
    assert b"".join(compression.pieces(io.BytesIO(b"plain"), 3)) == b"plain"


def test_an_lzo_file_of_an_old_lzop_with_a_filter():
    packed = PACK["lzo"](SAMPLE)
    old = b"\x09\x00" + packed[11:13] + packed[15:16]
    header = packed[:9] + old + (0x0B03).to_bytes(4, "big") + bytes(4) + bytes(4) + bytes(4)
    assert compression.decompress(header + b"\x00" + bytes(4) + packed[42:]) == SAMPLE


def test_the_start_is_had_of_truncated_data():
    packed = gzip.compress(SAMPLE)
    assert compression.start(packed[:2000], 100) == SAMPLE[:100]
    assert compression.start(packed[:2]) == packed[:2]


@given(st.sampled_from(sorted(PACK)), st.binary(max_size=200))
def test_any_bytes(way, data):
    magic = PACK[way](b"x")[:9]
    for head in (magic, magic[:6]):
        with contextlib.suppress(compression.DamagedError):
            compression.decompress(head + data)
        assert len(compression.start(head + data, 100)) <= 100
