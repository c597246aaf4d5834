# SPDX-License-Identifier: GPL-2.0-only
"""What of a run is not as it must be: verdicts, cases that are lost or ran twice, leftovers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.results.store import load
from harness.selftest.soak.kinds import KINDS, busy, wrong
from harness.verdicts.verdict import Verdict, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.results.record import CaseRecord, Run
    from harness.selftest.soak.child import Ended
    from harness.selftest.soak.draw import Batch
    from harness.selftest.soak.inject import Step

# The row of cases that nobody troubled, and that of the run as a whole.
BYSTANDER, WHOLE = "(beside them)", "(whole run)"
# All of these must be zero.
FAULTS = ("wrong", "lost", "twice", "orphans", "files", "ports")
# "[   12.5] vm.1: [    3.1] uffd-harness: begin NAME[MEMORY]", in serial.log.
_BEGIN = re.compile(r"^\[ *[\d.]+\] (\S+): .*uffd-harness: begin (\S+)", re.MULTILINE)
# Seconds from the end of a case that a trouble came too late for.
_LATE_SECONDS = 0.5


@dataclass
class Count:
    """What became of one kind of trouble on one architecture."""

    # Cases that met it.
    cases: int = 0
    # Seconds from the trouble to the record, one number for each.
    seconds: list[float] = field(default_factory=list)
    # The host was too busy to tell; the case was over before the trouble came.
    busy: int = 0
    late: int = 0
    # How many of each of FAULTS.
    faults: dict[str, int] = field(default_factory=dict)


@dataclass
class Checked:
    """One run of a campaign, checked."""

    number: int
    arch: str
    # VMs that were started.
    vms: int
    # By kind, BYSTANDER and WHOLE.
    counts: dict[str, Count]
    # What is wrong, for people.
    complaints: list[str]
    # Why it was done again, once for each time (harness.selftest.soak.pulse).
    set_aside: list[str] = field(default_factory=list)


def check(batch: Batch, ended: Ended) -> Checked:
    """Check what a run left."""
    checked = Checked(batch.number, batch.arch, 0, {}, [])
    try:
        run = load(ended.results) if ended.results else None
    except HarnessError as error:
        run = None
        _complain(checked, WHOLE, "wrong", f"its records cannot be read: {error}")
    cases = {case.id.rpartition("/")[2]: case for case in run.cases} if run else {}
    for step in batch.steps:
        case = cases.get(step.id.rpartition("/")[2])
        _check_step(checked, step, case, ended.strikes.get(step.id, {}))
    if run and ended.results:
        checked.vms = len(run.vms)
        _check_run(checked, batch, run, ended.code)
        lost = [step for step in batch.steps if step.id.rpartition("/")[2] not in cases]
        for text in _twice(run, ended.results, Counter(map(_label, lost))):
            _complain(checked, WHOLE, "twice", text)
    for name, found in (
        ("orphans", ended.left.processes),
        ("files", ended.left.files),
        ("ports", ended.left.ports),
    ):
        for thing in found:
            _complain(checked, WHOLE, name, f"left behind: {thing}")
    return checked


def _complain(checked: Checked, row: str, fault: str, text: str) -> None:
    faults = checked.counts.setdefault(row, Count()).faults
    faults[fault] = faults.get(fault, 0) + 1
    checked.complaints.append(f"run {checked.number}, {checked.arch}, {row}: {fault}: {text}")


def _check_step(
    checked: Checked, step: Step, case: CaseRecord | None, strike: Mapping[str, object]
) -> None:
    row = step.kind or BYSTANDER
    count = checked.counts.setdefault(row, Count())
    count.cases += 1
    if case is None:
        _complain(checked, row, "lost", f"{step.id} has no record")
        return
    if not step.kind:
        if case.verdict is not Verdict.PASS:
            _complain(checked, row, "wrong", f"{step.id}: {case.verdict} {case.message}")
        return
    when = strike.get("when")
    if strike.get("failed") or not isinstance(when, (int, float)):
        why = strike.get("failed") or "nobody says why"
        _complain(checked, row, "wrong", f"{step.id}: no trouble was made: {why}")
        return
    kind = KINDS[step.kind]
    ended = case.started + case.duration
    # It had passed before its trouble could show.
    late = bool(strike.get("late")) or ended <= when + _LATE_SECONDS
    if late and case.verdict is Verdict.PASS and kind.verdict is not Verdict.PASS:
        count.late += 1
        return
    count.seconds.append(max(0.0, ended - when))
    count.busy += busy(kind, case)
    if why := wrong(kind, case):
        _complain(checked, row, "wrong", f"{step.id} in {case.vm}: {why}")


def _check_run(checked: Checked, batch: Batch, run: Run, code: int) -> None:
    if not run.complete:
        _complain(checked, WHOLE, "wrong", f"the run is not complete; its exit code is {code}")
    elif code != (expected := exit_code(case.verdict for case in run.cases)):
        _complain(checked, WHOLE, "wrong", f"exit code {code}, expected {expected}")
    planned = {step.id.rpartition("/")[2] for step in batch.steps}
    for case in run.cases:
        if case.id.rpartition("/")[2] not in planned:
            _complain(checked, WHOLE, "wrong", f"a case that nobody asked for: {case.id}")
        if len(case.retries) > batch.retries or (
            case.verdict is Verdict.FAIL and len(case.retries) != batch.retries
        ):
            _complain(checked, WHOLE, "wrong", f"{case.id}: {len(case.retries)} retries")
        for again in case.retries:
            if again.verdict is not Verdict.PASS:
                text = f"{case.id}, again in {again.vm}: {again.verdict} {again.message}"
                _complain(checked, WHOLE, "wrong", text)


def _label(step: Step) -> str:
    """Return what a step's case is called on the console."""
    program, _, name = step.case.rpartition("/")[2].partition(".c::")
    return f"{program}.{name}"


def _twice(run: Run, folder: Path, lost: Counter[str]) -> Iterator[str]:
    """Yield what began in a VM more often than the records say.

    Of those that are ``lost`` there is no record, but they may have begun, too.
    """
    told: Counter[tuple[str, str]] = Counter()
    for case in run.cases:
        memory = f"[{case.memory}]" if case.memory else ""
        label = f"{case.program}.{case.name}{memory}"
        told.update((vm, label) for vm in (case.vm, *(again.vm for again in case.retries)))
    log = folder / "serial.log"
    serial = log.read_text(errors="replace") if log.exists() else ""
    for (vm, label), times in Counter(_BEGIN.findall(serial)).items():
        more = times - told[vm, label]
        excused = min(more, lost[label])
        lost[label] -= max(0, excused)
        if more > excused:
            yield f"{label} began {times} times in {vm}, the records tell of {told[vm, label]}"
