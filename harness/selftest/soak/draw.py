# SPDX-License-Identifier: GPL-2.0-only
"""Draw the runs of a campaign from a seed: the same seed gives the same runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.selftest.soak.inject import Step
from harness.selftest.soak.kinds import FULL_DISK, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.selftest.soak.kinds import Kind

# Cases that take a second, on one CPU and on two: a trouble finds them running.
_LONG = (
    "guest_tests/accounting_uffd.c::contexts_of_waiters_are_freed",
    "guest_tests/race.c::many_waiters_one_continue[hugetlb-shared]",
)
# Cases between them, which nobody troubles: they must pass.
_SHORT = (
    "guest_tests/api.c::handshake",
    "guest_tests/continue.c::maps_page_as_it_is[hugetlb-shared]",
    "guest_tests/register.c::minor_registers[hugetlb-shared]",
)
# Cases with trouble in one run.
_RUN_CASES = 10
# Seconds from a case's begin to its trouble, at most: some take less than one.
_MOST_DELAY = 0.15


@dataclass(frozen=True)
class Batch:
    """One run of the harness."""

    number: int
    arch: str
    # As harness.run.plan.Settings has them.
    isolation: str
    retries: int
    vmcore: bool
    steps: tuple[Step, ...]

    @property
    def small_disk(self) -> bool:
        """Return True if its results are on a disk that can be filled."""
        return any(step.kind == FULL_DISK for step in self.steps)


def draw(seed: int, starts: int, arches: Sequence[str], names: Sequence[str] = ()) -> list[Batch]:
    """Return the runs in which ``starts`` cases meet trouble, dealt out over ``arches`` in turn.

    ``names`` are the kinds of trouble, all unless any is named.  Of each architecture's kinds
    none comes again before all have come as often as their weights say.
    """
    dice = random.Random(seed)
    batches: list[Batch] = []
    decks = {arch: _deck(dice, arch, names) for arch in arches}
    left = {
        arch: starts // len(arches) + (i < starts % len(arches)) for i, arch in enumerate(arches)
    }
    while any(left.values()):
        for arch in arches:
            if count := min(left[arch], _RUN_CASES):
                left[arch] -= count
                kinds = [next(decks[arch]) for _ in range(count)]
                batches.append(_batch(dice, len(batches) + 1, arch, kinds))
    return batches


def _deck(dice: random.Random, arch: str, names: Sequence[str]) -> Iterator[Kind]:
    there = [k for k in KINDS.values() if not k.arches or arch in k.arches]
    cards = [k for k in there for _ in range(k.weight) if not names or k.name in names]
    while True:
        dice.shuffle(cards)
        yield from cards


def _batch(dice: random.Random, number: int, arch: str, kinds: Sequence[Kind]) -> Batch:
    steps = []
    for count, kind in enumerate(kinds, 1):
        delay = round(dice.uniform(0, _MOST_DELAY), 3)
        steps.append(Step(dice.choice(_LONG), f"~{count}", kind.name, delay))
    for case in _SHORT:
        steps.insert(dice.randrange(len(steps) + 1), Step(case))
    return Batch(
        number=number,
        arch=arch,
        isolation=dice.choice(("vm", "case")),
        # Mostly none: a retry of a trouble that is over tells no more than the next case.
        retries=dice.choice((0, 0, 0, 1)),
        # Mostly none: a dump takes some seconds, and 60 MB, for which a small disk has no room.
        vmcore=dice.random() < 0.2 and all(kind.name != FULL_DISK for kind in kinds),
        steps=tuple(steps),
    )
