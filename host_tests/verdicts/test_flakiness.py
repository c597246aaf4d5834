# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a failure that was tried again."""

from __future__ import annotations

import math

import pytest

from harness.verdicts.flakiness import Flakiness, HowOften, recurrence
from harness.verdicts.verdict import Verdict

PASS, FAIL, MISS, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.MISS, Verdict.ERROR


@pytest.mark.parametrize(
    ("verdicts", "recurs", "words"),
    [
        ([FAIL] * 3, HowOften.ALWAYS, "always fails: 3 of 3 in fresh VMs, p 1.00 (0.44 to 1.00)"),
        (
            [PASS] * 3,
            HowOften.NOT_AGAIN,
            "did not fail again: 0 of 3 in fresh VMs, p 0.00 (0.00 to ",
        ),
        ([PASS, FAIL, PASS], HowOften.SOMETIMES, "sometimes fails: 1 of 3 in fresh VMs, p 0.33 "),
        # A try that told nothing is none.
        ([FAIL, MISS, ERROR], HowOften.ALWAYS, "always fails: 1 of 1 "),
        ([MISS], HowOften.UNKNOWN, "could not be tried again"),
        ([], HowOften.UNKNOWN, "could not be tried again"),
    ],
)
def test_words(verdicts, recurs, words):
    found = recurrence(verdicts)
    assert found.recurs is recurs
    assert str(found).startswith(words)


@pytest.mark.parametrize(
    ("failed", "tried", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, p. 861), table I, method 3: score.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(failed, tried, low, high):
    found = Flakiness(failed, tried).interval()
    assert math.isclose(found[0], low, abs_tol=1e-4)
    assert math.isclose(found[1], high, abs_tol=1e-4)
