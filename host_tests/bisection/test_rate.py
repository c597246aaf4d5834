# SPDX-License-Identifier: GPL-2.0-only
"""How many runs a good verdict takes, by the formula and by simulation."""

from __future__ import annotations

import random

import pytest

from harness.bisection.rate import LEAST, MOST, RISK, is_known, runs_needed
from harness.verdicts.flakiness import Flakiness


@pytest.mark.parametrize(
    ("failed", "tried", "verdicts", "runs"),
    # The Wilson interval's lower ends: 0.676, 0.163, 0.306, 0.0059.
    [(8, 8, 5, 6), (5, 14, 5, 35), (5, 8, 5, 18), (1, 30, 5, 1049)],
)
def test_runs(failed, tried, verdicts, runs):
    assert runs_needed(Flakiness(failed, tried), verdicts) == pytest.approx(runs, abs=1)


def test_more_verdicts_take_more_runs():
    rate = Flakiness(5, 10)
    assert runs_needed(rate, 20) > runs_needed(rate, 2) >= 1


def test_when_a_rate_is_known():
    assert is_known(Flakiness(LEAST, LEAST))
    assert not is_known(Flakiness(3, LEAST))
    assert is_known(Flakiness(5, 20))
    assert not is_known(Flakiness(4, 20))
    assert is_known(Flakiness(0, MOST))


@pytest.mark.parametrize("truth", [0.15, 0.5, 0.9])
def test_bisections_that_call_a_bad_commit_good_are_rare(truth):
    """Measure a rate as the bad end is, then miss the failure in all runs of five verdicts."""
    draw = random.Random(1)
    wrong = count = 0
    while count < 2000:
        rate = Flakiness(0, 0)
        while not is_known(rate):
            rate = Flakiness(rate.failed + (draw.random() < truth), rate.tried + 1)
        if rate.failed:
            count += 1
            runs = runs_needed(rate, 5)
            wrong += any(all(draw.random() >= truth for _ in range(runs)) for _ in range(5))
    # A rate whose interval misses the truth (1 in 40) adds a little.
    assert wrong / count < 3 * RISK
