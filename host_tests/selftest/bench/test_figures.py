# SPDX-License-Identifier: GPL-2.0-only
"""Medians and ratios."""

from __future__ import annotations

import pytest

from harness.selftest.bench.figures import figure, missing, ratio


@pytest.mark.parametrize(
    ("values", "median"), [([3], 3), ([1, 9], 5), ([9, 1, 2], 2), ([], None), ([0.12345], 0.1235)]
)
def test_the_median(values, median):
    assert figure("cold.x", "x", "s", values).median == median


def test_a_figure_belongs_to_its_part():
    assert figure("warm.first_case", "x", "s", [1]).part == "warm"


def test_a_ratio_is_that_of_the_medians():
    over = figure("cold.over", "over", "s", [6, 1, 60])
    under = figure("cold.under", "under", "s", [5, 4, 4])
    found = ratio("cold.ratio", "ratio", over, under)
    assert (found.unit, found.values) == ("x", (1.5,))


@pytest.mark.parametrize("zero", [(), (0.0,)])
def test_no_ratio_without_both(zero):
    some = figure("a.b", "some", "s", [1])
    none = figure("a.c", "none", "s", zero, "it does not run here")
    assert ratio("a.d", "ratio", some, none).median is None
    assert ratio("a.d", "ratio", some, none).note == "it does not run here"


def test_what_could_not_be_measured_says_why():
    found = missing("peers.vng", "virtme-ng", "s", "not for this architecture")
    assert (found.median, found.note) == (None, "not for this architecture")
    assert ratio("a.d", "ratio", found, figure("a.b", "some", "s", [1])).note == found.note
