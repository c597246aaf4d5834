# SPDX-License-Identifier: GPL-2.0-only
"""The suite on one kernel, through the command that users have, and what its records say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence  # noqa: TC003 (dataclass)
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path  # noqa: TC003 (dataclass)

from harness import architectures
from harness.errors import Exit, HostError
from harness.host.codec import from_json
from harness.host.process import end, spawn
from harness.results.record import CaseRecord, Run
from harness.verdicts.verdict import Verdict

_BAD = (Verdict.FAIL, Verdict.ERROR, Verdict.MISS)
_NOTHING_MATCHES = Exit.INPUT  # what "harness run" ends with then, among other bad input


class Kind(StrEnum):
    """What became of a mutant."""

    CAUGHT = "caught"
    # One case or two failed, and none of them did so when they were run again.
    ONCE = "caught once"
    SURVIVED = "survived"
    # The text that it replaces is not in this source.
    STALE = "text not found"
    NOT_BUILT = "not built"
    # The compiler made the same kernel of it.
    SAME = "same kernel"
    NOT_BOOTED = "not booted"
    # No case failed, but some could not be run or broke.
    UNTESTED = "not tested"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and how one knows."""

    kind: Kind
    cases: tuple[str, ...] = ()  # ids of those that failed
    areas: tuple[str, ...] = ()  # of the contract: what those cases are about
    detail: str = ""  # one line: the first message, or what went wrong
    whole: bool = True  # the suite was not stopped early: these are all that fail


@dataclass(frozen=True)
class Suite:
    """How the suite is run."""

    accelerator: str
    timeout_scale: float
    vms: str  # as -n takes it
    stop_after: int  # cases that fail; 0 for never
    results: Path  # a folder below it for each kernel

    def run(
        self, name: str, arch: str, kernel: Path, *, only: str = "", cases: Sequence[str] = ()
    ) -> Run | None:
        """Run on ``kernel`` all cases, or those that match ``only``, or ``cases`` by their ids.

        Returns None when ``only`` matches none.  What the run prints is in ``results/name``.
        Raises HostError when it leaves no record.
        """
        folder = self.results / name
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "harness", "run", "--arch", arch]
        command += ["--kernel", str(kernel), "--results", str(folder), "-n", self.vms]
        command += ["--accel", self.accelerator, "--timeout-scale", str(self.timeout_scale)]
        # Few failures are run again here, many say enough; a mutant's memory tells nobody anything.
        command += ["--retries", "0", "--no-vmcore"]
        command += ["--maxfail", str(self.stop_after)] if self.stop_after else []
        command += ["-k", only] if only else []
        # Again means in a VM of their own: what went before may be why they failed.
        command += ["--isolation", "case", *cases] if cases else []
        latest = folder / f"latest-{arch}"
        latest.unlink(missing_ok=True)
        log = folder / ("again.log" if cases else "rows.log" if only else "run.log")
        with log.open("wb") as output:
            child = spawn(command, stdout=output, stderr=subprocess.STDOUT, cwd=architectures.ROOT)
            try:
                code = child.wait()
            finally:
                end(child)
        if code == _NOTHING_MATCHES and only and not latest.exists():
            return None
        try:
            return from_json(Run, json.loads((latest / "results.json").read_text()))
        except (OSError, ValueError) as error:
            raise HostError(f"the suite left no record: {log} says why") from error


def judge(run: Run, *, whole: bool = True) -> Outcome:
    """Return what ``run`` says of its kernel: CAUGHT, SURVIVED, NOT_BOOTED or UNTESTED.

    A kernel that does not come up fails too, but no case has noticed anything.  ``whole`` says
    that no case was left out of the run.
    """
    failed = [c for c in run.cases if c.verdict is Verdict.FAIL and c.phase == "case"]
    if failed:
        return Outcome(
            Kind.CAUGHT,
            tuple(_short(case) for case in failed),
            tuple(sorted({row.partition("-")[0] for case in failed for row in case.rows})),
            failed[0].message,
            whole=whole,
        )
    bad = [case for case in run.cases if case.verdict in _BAD]
    if boot := [case for case in bad if case.phase == "boot"]:
        return Outcome(Kind.NOT_BOOTED, detail=boot[0].message)
    if bad:
        return Outcome(Kind.UNTESTED, detail=f"{_short(bad[0])}: {bad[0].message}")
    if not run.complete or not any(case.verdict is Verdict.PASS for case in run.cases):
        return Outcome(Kind.UNTESTED, detail="the run broke off")
    return Outcome(Kind.SURVIVED)


def _short(case: CaseRecord) -> str:
    return case.id.removeprefix(f"{architectures.GUEST_TESTS.name}/")
