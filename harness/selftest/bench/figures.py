# SPDX-License-Identifier: GPL-2.0-only
"""What was measured: values by round, and what is made of them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, as often as there are values."""

    # Stable name, for scripts: "cold.ready".  The part before the dot is the bench's part.
    key: str
    # For people.
    name: str
    # "s", "ms", "MiB", or "x" for a ratio.
    unit: str
    # In the order they were measured.
    values: tuple[float, ...]
    # What is to be known about it; why there is no value.
    note: str = ""

    @property
    def part(self) -> str:
        """The part of the bench that measured it."""
        return self.key.partition(".")[0]

    @property
    def median(self) -> float | None:
        """Median of the values; None when there is none."""
        return statistics.median(self.values) if self.values else None


def figure(key: str, name: str, unit: str, values: Iterable[float], note: str = "") -> Figure:
    """Return a figure of ``values``, rounded to what is worth reading."""
    return Figure(key, name, unit, tuple(round(value, 4) for value in values), note)


def missing(key: str, name: str, unit: str, why: str) -> Figure:
    """Return a figure that could not be measured, and ``why``."""
    return Figure(key, name, unit, (), why)


def ratio(key: str, name: str, over: Figure, under: Figure) -> Figure:
    """Return the ratio of two medians; without a value when one of them has none."""
    if over.median is None or not under.median:
        return missing(key, name, "x", over.note or under.note or f"no {under.name}")
    return figure(key, name, "x", [over.median / under.median])


class BenchError(HarnessError):
    """A measurement broke off; what was measured before it stands."""
