# SPDX-License-Identifier: GPL-2.0-only
"""What counters of a kernel say of a case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdicts.health import complaints

WELL = "tainted 512 512\nhugepages-2048kB.free 64 64\nAnonPages 900 1900\nShmem 5000 40\n"


def of(line, *, own_pool=False):
    return complaints(WELL + line, own_pool=own_pool)


def test_a_kernel_that_is_as_it_was():
    assert of("") == ()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("hugepages-1048576kB.free 2 1", "hugepages-1048576kB.free is 1, and was 2 before"),
        ("hugepages-2048kB.resv 0 1", "hugepages-2048kB.resv is 1, and was 0 before"),
        ("hugepages-2048kB.nr 64 65", "hugepages-2048kB.nr is 65, and was 64 before"),
        ("AnonPages 1000 5097", "AnonPages grew by 4097 KiB: 1000 before, 5097 after"),
        ("Shmem 0 1025", "Shmem grew by 1025 KiB: 0 before, 1025 after"),
    ],
)
def test_what_leaked(line, complaint):
    assert of(line) == (complaint,)


@pytest.mark.parametrize(
    "line", ["AnonPages 1000 5096", "Shmem 0 1024", "AnonPages 5000 0", "Shmem 5000 0"]
)
def test_memory_is_never_quite_the_same(line):
    assert of(line) == ()


def test_a_case_with_a_guest_of_its_own_may_change_its_pool():
    assert of("hugepages-2048kB.nr 64 65", own_pool=True) == ()
    assert of("Shmem 0 9999", own_pool=True)


@pytest.mark.parametrize(
    ("before", "after", "letters"),
    [(0, 512, "W"), (512, 512 | 128, "D"), (0, 1 << 12 | 1 << 13, "OE"), (0, 1 << 40, "?")],
)
def test_new_taints(before, after, letters):
    [complaint] = complaints(f"tainted {before} {after}\n", own_pool=False)
    assert complaint == f"the kernel is tainted anew: {letters} ({before} before, {after} after)"


def test_an_old_taint_is_not_the_cases():
    assert complaints("tainted 513 1\n", own_pool=False) == ()


def test_silence_is_not_health():
    """An agent that counts nothing must not look like a kernel that is well."""
    for text in ("", "Shmem 0 0\n", "tainted x y\n", "tainted 0\n"):
        assert complaints(text, own_pool=False) == ("the guest does not say how its kernel is",)


@given(st.text(max_size=300), st.booleans())
def test_whatever_a_guest_says(text, own_pool):
    assert all("\n" not in line for line in complaints(text, own_pool=own_pool))


def test_a_guest_that_says_too_much():
    assert len(complaints("x 0 1\n" * 9999, own_pool=False)) < 100
