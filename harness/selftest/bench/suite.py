# SPDX-License-Identifier: GPL-2.0-only
"""Suite: the wall time of all cases, by the number of VMs and by what shares one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.run.settings import ISOLATIONS
from harness.selftest.bench import runs
from harness.selftest.bench.figures import figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure
    from harness.selftest.bench.runs import Finished

_JOBS = (1, 2)
# Cases that are run both ways, a VM for all and one for each: of all cases that would take an
# hour, and be the sum of hundreds of starts.  32-bit kernels have api.c's alone.
_SAMPLE = ("guest_tests/api.c", "guest_tests/continue.c")


def suite(bench: Bench) -> Iterator[Figure]:
    """Run all cases with one VM and with two, half as often as the rest; once with no saved VM.

    Then a sample of them with the VM shared, and with a fresh one for each case.
    """
    rounds = (bench.rounds + 1) // 2
    bench.say("suite: with no saved VM")
    with runs.no_templates(bench) as cache:
        cold = _run(bench, "vm", _JOBS[-1], cache=cache)
    bench.say("suite: with no saved VM %.1f s; then a run that is not counted", cold.seconds)
    _run(bench, "vm", _JOBS[-1])
    sample = [(isolation, jobs, _SAMPLE) for isolation in ISOLATIONS for jobs in _JOBS]
    found: dict[tuple[str, int, tuple[str, ...]], list[Finished]] = {
        way: [] for way in (*(("vm", jobs, ()) for jobs in _JOBS), *sample)
    }
    for number in range(rounds):
        for (isolation, jobs, cases), finished in found.items():
            finished.append(_run(bench, isolation, jobs, *cases))
            what = " ".join(cases) or "all"
            counts = (number + 1, rounds, what, isolation, jobs, finished[-1].seconds)
            bench.say("suite %d/%d: %s, isolation %s, JOBS=%d: %.1f s", *counts)
    for (isolation, jobs, cases), finished in found.items():
        name = f"{' '.join(cases) or 'all cases'}, isolation {isolation}, JOBS={jobs}"
        key = f"suite.{'sample_' if cases else ''}{isolation}_{jobs}"
        yield figure(key, name, "s", [each.seconds for each in finished], outcome(finished))
    name = f"all cases, isolation vm, JOBS={_JOBS[-1]}, no saved VM"
    yield figure("suite.cold", name, "s", [cold.seconds], outcome([cold]))


def _run(
    bench: Bench, isolation: str, jobs: int, *cases: str, cache: Path | None = None
) -> Finished:
    return runs.run(bench, "--isolation", isolation, "-n", str(jobs), *cases, cache=cache)


def outcome(finished: list[Finished]) -> str:
    """Return how many cases had which verdict, and whether that was so in every run."""
    counts = [Counter(str(case.verdict) for case in each.run.cases) for each in finished]
    vms = sorted({len(each.run.vms) for each in finished})
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts[0].items()))
    said += f", {'-'.join(map(str, vms))} VMs"
    return said if all(each == counts[0] for each in counts) else f"{said}; not so in every run"
