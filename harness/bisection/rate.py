# SPDX-License-Identifier: GPL-2.0-only
"""How often a failure shows, and how many runs without it make a commit good."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.verdicts.flakiness import Flakiness

# Probability that any good verdict of a bisection is wrong, because the failure did not show.
RISK = 0.01
# Runs of the bad end: at least so many; a rare failure is tried on until it was seen often
# enough to know its rate, or for so many runs.
LEAST, MOST, ENOUGH = 8, 30, 5


def is_known(rate: Flakiness) -> bool:
    """Return True if the rate has been measured well enough."""
    return rate.tried >= MOST or (rate.tried >= LEAST and rate.failed >= ENOUGH)


def runs_needed(rate: Flakiness, verdicts: int) -> int:
    """Return how many runs without the failure a good verdict takes.

    With p the lower end of the rate's 95 % interval, n runs all miss the failure with
    probability (1 - p)^n; over ``verdicts`` good verdicts that may come to RISK at most.
    """
    low, _ = rate.interval()
    return max(1, math.ceil(math.log(RISK / max(1, verdicts)) / math.log1p(-low)))
