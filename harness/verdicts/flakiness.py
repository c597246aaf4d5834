# SPDX-License-Identifier: GPL-2.0-only
"""Flaky or broken: what it says of a failure that the same case was run again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of the standard normal distribution: a 95 % interval.
_Z = 1.959964


class HowOften(StrEnum):
    """How often a failure came back in fresh VMs."""

    ALWAYS = "always fails"
    SOMETIMES = "sometimes fails"
    NOT_AGAIN = "did not fail again"
    UNKNOWN = "could not be tried again"


@dataclass(frozen=True)
class Flakiness:
    """How often a case failed again.

    The first failure does not count: it is why the case was tried again at all.
    """

    failed: int
    # Tries that said something: those that ended with MISS or ERROR did not.
    tried: int

    @property
    def recurs(self) -> HowOften:
        """Say it in one word or three."""
        if not self.tried:
            return HowOften.UNKNOWN
        if self.failed == self.tried:
            return HowOften.ALWAYS
        return HowOften.SOMETIMES if self.failed else HowOften.NOT_AGAIN

    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval of the probability to fail (Wilson 1927).

        It is the one that holds for so few tries, 0 and all of them failing included.
        """
        n, p = self.tried, self.failed / self.tried
        middle = p + _Z**2 / (2 * n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
        whole = 1 + _Z**2 / n
        return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

    def __str__(self) -> str:
        if not self.tried:
            return str(self.recurs)
        low, high = self.interval()
        return (
            f"{self.recurs}: {self.failed} of {self.tried} in fresh VMs, "
            f"p {self.failed / self.tried:.2f} ({low:.2f} to {high:.2f})"
        )


def recurrence(verdicts: Iterable[Verdict]) -> Flakiness:
    """Count the verdicts of the tries after the first failure."""
    told = [verdict for verdict in verdicts if verdict in {Verdict.FAIL, Verdict.PASS}]
    return Flakiness(told.count(Verdict.FAIL), len(told))
