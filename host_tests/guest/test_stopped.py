# SPDX-License-Identifier: GPL-2.0-only
"""Is it the kernel that keeps a program, or somebody's SIGSTOP: what /proc/*/stat says."""

import pytest

from harness.guest.guest import stopped

OTHERS = "1 (init) S 0 1 1 0 -1\n77 (agent serve) x) S 1 77\n2 (kthreadd) S 0 0\n"


@pytest.mark.parametrize(
    ("tasks", "yes"),
    [
        ("", False),
        ("90 (migration_live) T 77 90\n91 (migration_live) T 90 91\n", True),
        # Its child may have been on its way out of the kernel; the timer is the parent's.
        ("90 (migration_live) T 77 90\n91 (migration_live) S 90 91\n", True),
        ("91 (migration_live) T 90 91\n90 (migration_live) S 77 90\n", False),
        ("90 (migration_live) T 77 90\n91 (migration_live) D 90 91\n", False),
        ("90 (migration_live) t 77 90\n", False),
        ("90 (migration_live) R 77 90\n", False),
        ("90 (other) T 77 90\n", False),
        ("90 (migration_live", False),
        ("x (migration_live) T 1\n", False),
    ],
)
def test_stopped(tasks, yes):
    assert stopped("migration_live", OTHERS + tasks) is yes


def test_the_kernel_keeps_fifteen_characters_of_a_name():
    assert stopped("migration_live.compat", "90 (migration_live.) T 77 90")
