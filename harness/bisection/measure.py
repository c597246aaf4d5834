# SPDX-License-Identifier: GPL-2.0-only
"""The bad end's failure, and how often it shows: runs of one case, each in a fresh VM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.bisection.failure import Failure, Term, failure_of, failures, find
from harness.bisection.rate import is_known
from harness.errors import HostError, InputError
from harness.verdicts.flakiness import Flakiness

if TYPE_CHECKING:
    from harness.bisection.trial import Trials

# Runs that say nothing: no more than so many.
_UNTOLD = 3


@dataclass
class Measured:
    """What the runs of one case at the bad end came to."""

    failure: Failure | None = None
    failed: int = 0
    tried: int = 0  # runs that said whether it fails
    untold: int = 0  # the others
    folder: str = ""  # of the first run that failed
    why: str = ""  # what it said

    @property
    def rate(self) -> Flakiness:
        """How often it fails."""
        return Flakiness(self.failed, self.tried)

    def said(self, runs: int, *, told: bool) -> str:
        """Return how often it fails, and how many runs a good verdict takes (as ``told``)."""
        takes = f"each good verdict takes {runs} run{'s' if runs != 1 else ''}"
        if told:
            return f"{takes} (--runs)"
        low, high = self.rate.interval()
        rate = f"fails in {self.failed} of {self.tried} runs (rate {low:.2f} to {high:.2f})"
        return f"it {rate}: {takes}"


def measure(trials: Trials, commit: str, case: str, runs: int | None) -> Measured:
    """Run ``case`` on ``commit``, which is built, until the rate of its failure is known.

    Where the user said how many ``runs`` there are to be, the first that fails suffices.  Raises
    InputError when a run leaves no record, HostError when they say nothing again and again.
    """
    found = Measured()
    while True:
        ran = trials.run(commit[:12], [case], vmcore=found.failed == 0)
        if ran.run is None:
            raise InputError(f"--bad {commit[:12]}: nothing was run: {ran.said}")
        if found.failure is None:
            found.failure = next(map(failure_of, failures(ran.run)), None)
        finding = find(ran.run, found.failure or Failure(case, "case", ""))
        if finding.term is Term.SKIP:
            found.untold += 1
            if found.untold >= _UNTOLD:
                raise HostError(
                    f"--bad {commit[:12]} does not say whether it is bad: {finding.why} "
                    f"({trials.folder / ran.folder})"
                )
            continue
        found.tried += 1
        found.failed += finding.term is Term.BAD
        if finding.term is Term.BAD and not found.folder:
            found.folder, found.why = ran.folder, finding.why
        if _suffices(found, runs):
            return found


def _suffices(found: Measured, runs: int | None) -> bool:
    if found.failure is not None and found.failure.phase == "boot":
        # A kernel that booted once is saved and cloned from then on.
        return True
    if runs is not None:
        return found.failed > 0 or found.tried >= runs
    return is_known(found.rate)
