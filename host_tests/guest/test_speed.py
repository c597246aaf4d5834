# SPDX-License-Identifier: GPL-2.0-only
"""How slow a kernel is, from what its guest measured."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.errors import HostError
from harness.guest.speed import cost_in, factor


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (2.6, 1.0),
        (1.0, 1.0),  # a fast kernel gets no less time
        (3.8, 1.0),  # stock kernels differ, too
        (5.2, 2.0),
        (13.1, 5.0),
        (260.0, 8.0),  # a hang must be noticed all the same
    ],
)
def test_time_limits_follow_what_the_kernel_costs(cost, expected):
    assert factor(cost, 2.6) == expected


def test_what_the_guest_says():
    assert cost_in("1300000 650000") == 2.0


@pytest.mark.parametrize("said", ["", "5", "5 0", "five 2", "1 2 3", "-4 2"])
def test_nonsense_is_no_measurement(said):
    with pytest.raises(HostError, match="expected two numbers"):
        cost_in(said)


def test_what_a_stock_kernel_costs_is_known_where_most_runs_are():
    for arch in ("x86_64", "arm64"):
        assert architectures.load(arch).accelerators["tcg"].kernel_cost
