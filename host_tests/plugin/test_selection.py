# SPDX-License-Identifier: GPL-2.0-only
"""What ids on the command line mean, in collections of the real cases."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness import architectures

API = "guest_tests/api.c"
HOLE = "guest_tests/continue.c::hole_refused"


def collected(*words):
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--arch", "x86_64", *words]
    done = subprocess.run(argv, cwd=architectures.ROOT, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_an_id_is_one_case():
    """In a record it is a command line's last word: it runs that case and no variant of it."""
    both = [f"{API}::handshake", f"{API}::handshake[compat]"]
    assert set(both) <= set(collected(API)), "there is a variant"
    for name in both:
        assert collected(name) == [name]
    assert collected(*both) == both


@pytest.mark.parametrize("words", [(API, f"{API}::handshake"), (f"{API}::handshake", API)])
def test_beside_the_file_all_of_it_is_meant(words):
    assert f"{API}::handshake[compat]" in collected(*words)


def test_a_name_that_is_no_id_means_all_its_variants():
    found = collected(HOLE)
    assert f"{HOLE}[shmem-shared]" in found
    assert len(found) > 3
    assert collected(f"{HOLE}[shmem-shared]") == [f"{HOLE}[shmem-shared]"]
