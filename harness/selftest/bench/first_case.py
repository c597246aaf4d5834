# SPDX-License-Identifier: GPL-2.0-only
"""Warm: how long a user waits for the first case when the VM has been saved before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.selftest.bench import runs
from harness.selftest.bench.figures import figure, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure
    from harness.selftest.bench.runs import Finished

# Each takes 2 s: the median is to be that of ten where the boots are five.
_RUNS_PER_ROUND = 2

# From a stage of VmRecord.boot_stages to the next; "" is QEMU's start.
_STEPS = (
    ("", "restored", "saved state loaded"),
    ("restored", "renewed", "keys, random state, clock renewed"),
    ("renewed", "ssh", "SSH connection"),
    ("ssh", "ready", "agent started"),
)


def warm(bench: Bench) -> Iterator[Figure]:
    """Run one case in ten runs, after one that is not counted: it may have to save the VM."""
    bench.say("warm: a run that is not counted")
    runs.run(bench, bench.trivial_id)
    count = _RUNS_PER_ROUND * bench.rounds
    found = []
    for number in range(count):
        found.append(runs.run(bench, bench.trivial_id))
        bench.say("warm %d/%d: %.2f s to the first case", number + 1, count, found[-1].first_case)
    yield figure(
        "warm.first_case", "collected to first case", "s", [each.first_case for each in found]
    )
    yield figure(
        "warm.lookup",
        "  of it: collected to QEMU's start",
        "s",
        [each.first_vm.started - each.collected for each in found],
    )
    for first, last, name in _STEPS:
        yield figure(
            f"warm.{last}", f"  of it: {name}", "s", [_step(each, first, last) for each in found]
        )
    yield _own(found)
    yield figure("warm.whole", "the whole command, one case", "s", [each.seconds for each in found])


def _step(finished: Finished, first: str, last: str) -> float:
    stages = {"": 0.0, **finished.first_vm.boot_stages}
    return stages[last] - stages[first]


def _own(found: list[Finished]) -> Figure:
    """Return what the harness itself takes before there is any case to run."""
    key, name = "warm.harness", "the harness's start-up and collection"
    parts = [each.run.durations for each in found]
    if not all({"startup", "collection"} <= set(each) for each in parts):
        return missing(key, name, "s", "the runs' records do not say startup and collection")
    return figure(key, name, "s", [each["startup"] + each["collection"] for each in parts])
