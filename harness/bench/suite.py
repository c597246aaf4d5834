# SPDX-License-Identifier: GPL-2.0-only
"""Suite: the wall time of all cases, by the number of VMs and by what shares one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.bench import runs
from harness.bench.figures import figure
from harness.plan import ISOLATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.bench.bench import Bench
    from harness.bench.figures import Figure
    from harness.bench.runs import Finished

_JOBS = (1, 2)


def suite(bench: Bench) -> Iterator[Figure]:
    """Run all cases in each way in turn, half as often as the rest; once with no saved VM.

    A fresh VM for each case takes minutes, and its time is the sum of hundreds of starts: that
    is run once.
    """
    rounds = (bench.rounds + 1) // 2
    ways = [(isolation, jobs) for isolation in ISOLATIONS for jobs in _JOBS]
    often = [(isolation, jobs) for isolation, jobs in ways if isolation != "case"]
    bench.say("suite: with no saved VM")
    with runs.no_templates(bench) as cache:
        cold = _run(bench, "vm", _JOBS[-1], cache=cache)
    bench.say("suite: with no saved VM %.1f s; then a run that is not counted", cold.seconds)
    _run(bench, "vm", _JOBS[-1])
    found: dict[tuple[str, int], list[Finished]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in ways if number == 0 else often:
            found[way].append(_run(bench, *way))
            counts = (number + 1, rounds, *way, found[way][-1].seconds)
            bench.say("suite %d/%d: isolation %s, JOBS=%d: %.1f s", *counts)
    for (isolation, jobs), finished in found.items():
        name = f"isolation {isolation}, JOBS={jobs}"
        key = f"suite.{isolation}_{jobs}"
        yield figure(key, name, "s", [each.seconds for each in finished], outcome(finished))
    name = f"isolation vm, JOBS={_JOBS[-1]}, no saved VM"
    yield figure("suite.cold", name, "s", [cold.seconds], outcome([cold]))


def _run(bench: Bench, isolation: str, jobs: int, cache: Path | None = None) -> Finished:
    return runs.run(bench, "--isolation", isolation, "-n", str(jobs), cache=cache)


def outcome(finished: list[Finished]) -> str:
    """Say how many cases had which verdict, and whether that was so in every run."""
    counts = [Counter(str(case.verdict) for case in each.run.cases) for each in finished]
    vms = sorted({len(each.run.vms) for each in finished})
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts[0].items()))
    said += f", {'-'.join(map(str, vms))} VMs"
    return said if all(each == counts[0] for each in counts) else f"{said}; not so in every run"
