# SPDX-License-Identifier: GPL-2.0-only
"""Runs that are drawn from a seed."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.selftest.soak.draw import draw
from harness.selftest.soak.kinds import KINDS

BOTH = ("x86_64", "arm64")


def kinds(batches, arch):
    return Counter(step.kind for b in batches if b.arch == arch for step in b.steps if step.kind)


def test_the_same_seed_gives_the_same_runs():
    assert draw(5, 200, BOTH) == draw(5, 200, BOTH)
    assert draw(5, 200, BOTH) != draw(6, 200, BOTH)


@pytest.mark.parametrize("starts", [1, 2, 9, 200, 203])
def test_as_many_as_asked_for(starts):
    batches = draw(5, starts, BOTH)
    counts = [kinds(batches, arch).total() for arch in BOTH]
    assert sum(counts) == starts
    assert counts[0] - counts[1] in {0, 1}
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))


def test_every_kind_comes_as_often_as_it_weighs():
    for arch in BOTH:
        there = {name: k.weight for name, k in KINDS.items() if not k.arches or arch in k.arches}
        assert kinds(draw(5, 2 * sum(there.values()), (arch,)), arch) == {
            name: 2 * weight for name, weight in there.items()
        }


def test_two_hundred_have_every_kind_on_each_architecture():
    batches = draw(1, 200, BOTH)
    for arch in BOTH:
        there = {name for name, k in KINDS.items() if not k.arches or arch in k.arches}
        assert set(kinds(batches, arch)) == there
    assert "triple-fault" not in kinds(batches, "arm64")


def test_some_kinds_alone():
    assert set(kinds(draw(5, 20, ("arm64",), ("panic", "oom")), "arm64")) == {"panic", "oom"}


def test_the_steps_of_a_run():
    for batch in draw(5, 200, BOTH):
        assert len({step.id for step in batch.steps}) == len(batch.steps)
        assert all(0 <= step.delay <= 0.5 for step in batch.steps)
        assert sum(not step.kind for step in batch.steps) == 3
        assert batch.isolation in {"vm", "case"}
    assert len({batch.steps[0].case for batch in draw(5, 200, BOTH)}) > 3, "in any order"


def test_runs_differ_in_how_they_are_run():
    batches = draw(5, 400, BOTH)
    ways = {(batch.isolation, batch.retries, batch.vmcore) for batch in batches}
    assert {way[0] for way in ways} == {"vm", "case"}
    assert {way[1] for way in ways} == {0, 1}
    assert {way[2] for way in ways} == {True, False}
