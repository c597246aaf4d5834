# SPDX-License-Identifier: GPL-2.0-only
"""Overhead: what a case costs beyond its own work, against the same loop inside the guest."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.host.clock import Clock
from harness.run.runner import Job, Runner
from harness.selftest.bench import runs
from harness.selftest.bench.figures import BenchError, figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.guest.guest import Guest
    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure
    from harness.selftest.bench.runs import Finished

_CASES = 100
# As many runs in all, in parts that a median can be made of.
_LOOPS = 4
_LOOP_SECONDS = 120.0
# Its output goes nowhere: to carry it is the harness's part.
_LOOP = 'n=0; while [ $n -lt {count} ]; do "$@" >/dev/null || exit; n=$((n + 1)); done'


def overhead(bench: Bench) -> Iterator[Figure]:
    """Run a hundred cases through the harness, and the same program in loops in a guest.

    Half of the loops before and half after: load that comes or goes meets both.
    """
    each, inside, difference = [], [], []
    with Runner(bench.plan, bench.folder, Clock(), "loop") as runner:
        case = bench.trivial_case()
        runner.run(Job(bench.trivial_id, case, ""))
        if case.profile not in runner.fleet.running:
            raise BenchError(f"{bench.trivial_id} left no guest: does it apply to this kernel?")
        guest = runner.fleet.running[case.profile]
        argv = command(bench.folder)
        for number in range(bench.rounds):
            loops = [_loop(guest, argv, bench.plan.scale) for _ in range(_LOOPS // 2)]
            finished = runs.run(bench, bench.trivial_id, repeat=_CASES)
            loops += [_loop(guest, argv, bench.plan.scale) for _ in range(_LOOPS // 2)]
            each.append(1000 * statistics.median(intervals(finished)))
            inside.append(1000 * statistics.median(loops))
            difference.append(each[-1] - inside[-1])
            counts = (number + 1, bench.rounds, each[-1], inside[-1])
            bench.say("overhead %d/%d: %.1f ms a case, %.1f ms in the guest", *counts)
    yield figure("overhead.case", "from a case's start to the next one's", "ms", each)
    yield figure("overhead.loop", "the same program in a loop inside the guest", "ms", inside)
    yield figure("overhead.each", "harness and transport", "ms", difference)


def intervals(finished: Finished) -> list[float]:
    """Return the seconds between the starts of consecutive cases in the same VM."""
    cases = sorted(finished.run.cases, key=lambda case: case.started)
    verdicts = {str(case.verdict) for case in cases}
    vms = {case.vm for case in cases}
    if len(cases) != _CASES or verdicts != {"PASS"} or len(vms) != 1:
        raise BenchError(
            f"{len(cases)} cases with {verdicts} in {len(vms)} VMs: expected {_CASES} that pass in "
            f"one; see {finished.folder}"
        )
    return [after.started - before.started for before, after in pairwise(cases)]


def command(folder: Path) -> list[str]:
    """Return the command of the last case that was run, from the ssh.jsonl in ``folder``."""
    lines = (folder / "ssh.jsonl").read_text().splitlines()
    commands = [json.loads(line).get("command") for line in lines]
    found: list[str] = [argv for argv in commands if argv and "run" in argv][-1]
    return found


def _loop(guest: Guest, argv: Sequence[str], scale: float) -> float:
    """Run ``argv`` again and again in the guest; return the seconds that each took."""
    count = _CASES // _LOOPS
    script = _LOOP.format(count=count)
    loop = ["/bin/busybox", "sh", "-c", script, "sh", *argv]
    done = guest.agent.run(loop, timeout=_LOOP_SECONDS * scale)
    if done.exit_status != 0:
        raise BenchError(f"the loop in the guest did not end well: {done}")
    return (done.ended - done.started) / count
