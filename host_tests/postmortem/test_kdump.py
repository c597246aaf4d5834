# SPDX-License-Identifier: GPL-2.0-only
"""The flattened kdump format: records out of a stream, in pieces of any size."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.postmortem.kdump import Unflatten, name_system

HEADER = b"makedumpfile".ljust(4096, b"\0")


def flat(records):
    body = b"".join(struct.pack(">qq", at, len(data)) + data for at, data in records)
    return HEADER + body + struct.pack(">qq", -1, -1)


def unflatten(stream, size=7):
    file = io.BytesIO()
    parts = Unflatten(file)
    for at in range(0, len(stream), size):
        parts.feed(stream[at : at + size])
    return parts, file.getvalue()


def test_records_go_to_their_places():
    parts, data = unflatten(flat([(4, b"cd"), (0, b"abxx"), (6, b""), (7, b"h")]))
    assert parts.complete
    assert data == b"abxxcd\0h"


@given(
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=50)), max_size=9),
    st.integers(1, 5000),
)
def test_any_pieces_give_the_same(records, size):
    stream = flat(records)
    parts, data = unflatten(stream, size)
    whole, expected = unflatten(stream, len(stream))
    assert parts.complete
    assert whole.complete
    assert data == expected


@given(st.integers(0, 4096 + 2 * 16 + 3))
def test_a_stream_that_is_cut_is_not_complete(length):
    stream = flat([(0, b"abc")])
    parts, _ = unflatten(stream[: min(length, len(stream) - 1)])
    assert not parts.complete


@pytest.mark.parametrize(
    "stream", [b"ELF" * 2000, HEADER + struct.pack(">qq", 0, -5) + b"x" * 16]
)  # fmt: skip
def test_what_is_no_such_stream(stream):
    with pytest.raises(ValueError, match=r"it begins with|a record of"):
        unflatten(stream)


def test_nothing_is_read_after_the_end():
    parts, data = unflatten(flat([(0, b"a")]) + struct.pack(">qq", 0, 1) + b"b")
    assert parts.complete
    assert data == b"a"


def field(data, number):
    return data[12 + 65 * number : 12 + 65 * (number + 1)].rstrip(b"\0")


def test_the_header_names_the_system():
    head = b"KDUMP   " + struct.pack("<I", 6) + b"\0" * 65 * 4 + b"x86_64".ljust(130, b"\0")
    old = head.ljust(5000, b"\0") + b"VMCOREINFO\0\0OSRELEASE=6.1.0-50-amd64\nX=1\n"
    file = io.BytesIO(old)
    name_system(file)
    data = file.getvalue()
    assert [field(data, n) for n in range(5)] == [b"Linux", b"guest", b"6.1.0-50-amd64", b"?",
                                                  b"x86_64"]  # fmt: skip
    assert data[5000:] == old[5000:]
    assert data[:12] == old[:12]


def test_without_vmcoreinfo_the_release_is_not_known():
    file = io.BytesIO(bytes(8000))
    name_system(file)
    assert field(file.getvalue(), 2) == b"?"
