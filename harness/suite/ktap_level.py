# SPDX-License-Identifier: GPL-2.0-only
"""A level of nesting while its results come, and how much of an output is kept."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from harness.suite.ktap_result import Counts, Result


@dataclass(frozen=True)
class Bounds:
    """How much of an output is kept; a suite whose programs print more has its own."""

    # Bytes of a line that are read.  A result line that was cut before its "#" is not ok: it might
    # have said SKIP.
    line: int = 64 << 10
    # Results of all levels together.  Those over it are counted (``left_out``); as many again are
    # kept of those that failed.
    results: int = 100_000
    # Lines kept with one result: the first half and the last.
    diagnostics: int = 100
    # Characters kept with all results together: diagnostics, then names and reasons, are cut.
    chars: int = 4 << 20
    # Levels of subtests.  Deeper results are read as the deepest level's.
    depth: int = 16


class Notes:
    """Diagnostics for the next result: the first and the last."""

    def __init__(self, limit: int) -> None:
        self._first = limit - limit // 2
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=limit // 2)
        self._dropped = 0

    def add(self, line: str) -> None:
        """Keep ``line`` for the next result."""
        if len(self._head) < self._first:
            self._head.append(line)
            return
        self._dropped += len(self._tail) == self._tail.maxlen
        self._tail.append(line)

    def take(self) -> tuple[str, ...]:
        """Return what was kept, and keep nothing of it."""
        gap = [f"[{self._dropped} lines left out]"] if self._dropped else []
        notes = (*self._head, *gap, *self._tail)
        self._head.clear()
        self._tail.clear()
        self._dropped = 0
        return notes


@dataclass
class Level:
    """One level of nesting while it is open."""

    prefix: str
    notes: Notes
    version: str | None = None
    name: str = ""  # as "# Subtest:" has it
    plan: int | None = None
    skipped: bool = False  # the plan said "1..0 # SKIP"
    results: list[Result] = field(default_factory=list)
    left_out: Counts = field(default_factory=Counts)
    counted: int = 0  # results that came, kept or not
    bail_out: str | None = None

    @property
    def missing(self) -> int:
        """How many of the plan's results have not come."""
        return max(0, (self.plan or 0) - self.counted)
