# SPDX-License-Identifier: GPL-2.0-only
"""The failure that a bisection looks for: nothing else counts as bad."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from harness.results.record import CaseRecord, Run


class Term(StrEnum):
    """What is said of a commit, in git bisect's words."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"


@dataclass(frozen=True)
class Failure:
    """One case that fails in one way."""

    case: str  # its id
    phase: str  # "case"; "boot" when the kernel does not boot
    message: str  # one line
    fingerprint: str = ""  # of its first splat; "" when it has none
    bug: str = ""  # what that splat is called: "oops in mfill_atomic"

    def __str__(self) -> str:
        what = f"{self.case} fails" if self.phase == "case" else "the kernel does not boot"
        return f"{what}: {f'{self.bug} [{self.fingerprint}]' if self.bug else self.message}"


@dataclass(frozen=True)
class Finding:
    """What one run, or all runs of one commit, say of a failure."""

    term: Term
    why: str  # one line


def failures(run: Run) -> list[CaseRecord]:
    """Return the cases of ``run`` in which the kernel failed, the quickest first."""
    failed = [case for case in run.cases if case.verdict is Verdict.FAIL]
    return sorted(failed, key=lambda case: case.duration)


def failure_of(case: CaseRecord) -> Failure:
    """Return the failure that ``case`` met."""
    for splat in case.splats[:1]:
        return Failure(case.id, case.phase, case.message, splat.fingerprint, splat.bug)
    return Failure(case.id, case.phase, case.message)


def find(run: Run, failure: Failure) -> Finding:
    """Return whether ``run`` shows ``failure``.

    BAD is the same case failing in the same phase, with the same fingerprint, or else without
    any splat, as it was.  GOOD is the case passing; where the failure is one to boot, that the
    case was run at all.  Everything else says nothing: SKIP.
    """
    case = next((case for case in run.cases if case.id == failure.case), None)
    if case is None:
        return Finding(Term.SKIP, "the run ended before the case")
    said = f"{case.verdict}: {case.message}" if case.message else str(case.verdict)
    if case.verdict is Verdict.FAIL and case.phase == failure.phase:
        found = [splat.fingerprint for splat in case.splats]
        same = failure.fingerprint in found if failure.fingerprint else not found
        if same:
            return Finding(Term.BAD, said)
        other = "".join(f" ({splat.bug} [{splat.fingerprint}])" for splat in case.splats[:1])
        return Finding(Term.SKIP, f"another failure: {case.message}{other}")
    if failure.phase == "boot" and case.vm and case.phase == "case":
        return Finding(Term.GOOD, f"it boots ({said})")
    if case.verdict is Verdict.PASS:
        return Finding(Term.GOOD, said)
    where = "it does not boot: " if case.phase == "boot" else ""
    return Finding(Term.SKIP, where + said)
