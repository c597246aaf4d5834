# SPDX-License-Identifier: GPL-2.0-only
"""The case on one kernel: runs of the harness, each a process of its own, until they tell."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 (dataclass)
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

from harness.bisection.failure import Finding, Term, find
from harness.errors import HostError, InputError
from harness.results import store
from harness.run.child import HARNESS, LIMIT, last_words, run_child, run_folders
from harness.run.settings import Settings  # noqa: TC001

if TYPE_CHECKING:
    from harness.bisection.failure import Failure
    from harness.results.record import Run

# Runs of one commit that say nothing: after so many it is skipped.  The first may have been the
# host's trouble.
_UNTOLD = 2


@dataclass(frozen=True)
class Ran:
    """One run of the harness."""

    run: Run | None  # None when it left no record
    folder: str  # its name below the bisection's; "" without a record
    said: str  # its last words


@dataclass(frozen=True)
class Trials:
    """How cases are run on the worktree's kernel."""

    # The bisection's.
    folder: Path
    # Of every run; its kernel is the worktree.
    settings: Settings
    # VMs at the same time, where there are many cases.
    vms: str = "auto"
    # What is put before ``run``.
    harness: tuple[str, ...] = HARNESS

    def run(self, name: str, cases: Sequence[str], *, only: str = "", vmcore: bool = True) -> Ran:
        """Run ``cases`` (all of them for none, or those that ``only`` selects) once.

        The records are in the folder ``name``.  One case has a VM of its own; several share.
        Raises HostError when there is a record that cannot be read.
        """
        one = len(cases) == 1
        settings = replace(
            self.settings,
            isolation="case" if one else "vm",
            retries=0,
            vmcore=vmcore and self.settings.vmcore,
        )
        results = self.folder / name
        results.mkdir(parents=True, exist_ok=True)
        argv = [*self.harness, "run", *settings.to_argv(), "--results", str(results)]
        argv += ["-n", "1" if one else self.vms, *(["-k", only] if only else []), *cases]
        before = set(run_folders(results))
        limit = LIMIT * max(1.0, settings.timeout_scale)
        _, late = run_child(argv, results / "run.log", limit)
        said = last_words(results / "run.log")
        if late:
            said = f"it took more than {limit:.0f} s and was ended"
        for new in sorted(set(run_folders(results)) - before):
            try:
                return Ran(store.load(results / new), f"{name}/{new}", said)
            except InputError as error:
                # It was made by this harness, unless that has changed meanwhile.
                raise HostError(f"the record of a run cannot be read: {error}") from error
        return Ran(None, "", said)

    def test(self, name: str, failure: Failure, runs: int) -> tuple[Finding, int, str]:
        """Run the case of ``failure`` until it fails like that, or did not in ``runs`` runs.

        Return what that says, how many runs it took, and the folder of the last one.
        """
        clear = untold = 0
        while True:
            ran = self.run(name, [failure.case])
            found = Finding(Term.SKIP, ran.said) if ran.run is None else find(ran.run, failure)
            clear += found.term is Term.GOOD
            untold += found.term is Term.SKIP
            if found.term is Term.BAD or clear >= runs or untold >= _UNTOLD:
                return found, clear + untold + (found.term is Term.BAD), ran.folder
