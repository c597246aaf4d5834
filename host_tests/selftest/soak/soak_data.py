# SPDX-License-Identifier: GPL-2.0-only
"""A run of a campaign as its records tell of it, well unless it is said otherwise."""

from __future__ import annotations

from dataclasses import replace

from harness.results.record import CaseRecord, KernelRecord, Run
from harness.results.store import RunStore
from harness.selftest.soak.child import Ended, Left
from harness.selftest.soak.draw import Batch
from harness.selftest.soak.inject import Step
from harness.verdicts.verdict import Verdict

LONG, SHORT = "guest_tests/race.c::waiters[shmem-shared]", "guest_tests/api.c::handshake"
STEPS = (
    Step(LONG, "~1", "power-off", 0.25),
    Step(SHORT),
    Step(LONG, "~2", "nothing"),
    Step(LONG, "~3", "qemu-killed"),
)
BATCH = Batch(7, "arm64", "vm", 0, vmcore=False, steps=STEPS)
KERNEL = KernelRecord("debian", "6.1.0", "6.1.176", "0" * 64, config_known=True, image="/x")


def case(step, vm, verdict=Verdict.PASS, message="", **more):
    program, _, name = step.case.rpartition("/")[2].partition(".c::")
    name, _, memory = name.rstrip("]").partition("[")
    facts = {"started": 1.0, "duration": 9.0, "phase": "case", **more}
    return CaseRecord(step.id, name, program, memory, (), verdict, message, vm=vm, **facts)


OFF, BESIDE, NOTHING, KILLED = (
    case(STEPS[0], "gw0.1", Verdict.FAIL, "the guest shut down in the middle of the case: x"),
    case(STEPS[1], "gw1.1"),
    case(STEPS[2], "gw1.1"),
    case(STEPS[3], "gw0.2", Verdict.MISS, "QEMU died: QEMU was killed by SIGKILL; it said: -"),
)
CASES = (OFF, BESIDE, NOTHING, KILLED)
STRIKES = {
    step.id: {"id": step.id, "when": 4.0, "late": False, "failed": ""}
    for step in STEPS
    if step.kind
}
BEGINS = (
    ("gw0.1", "race.waiters[shmem-shared]"),
    ("gw1.1", "api.handshake"),
    ("gw1.1", "race.waiters[shmem-shared]"),
    ("gw0.2", "race.waiters[shmem-shared]"),
)


def ended(folder, *, cases=CASES, code=1, complete=True, begins=BEGINS, strikes=STRIKES, left=None):
    """What harness.selftest.soak.child returns of such a run, with its records in ``folder``."""
    run = Run("id", "2026-07-02T12:00:00Z", (), "arm64", KERNEL, "0" * 64)
    # Of the run before it, where a test has several.
    (folder / "cases.jsonl").unlink(missing_ok=True)
    RunStore(folder, replace(run, cases=tuple(cases), complete=complete))
    lines = [f"[{9:12.6f}] {vm}: [    3.1] uffd-harness: begin {label}\n" for vm, label in begins]
    (folder / "serial.log").write_text("".join(lines))
    return Ended(code, folder, strikes, left or Left())
