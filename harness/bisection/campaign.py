# SPDX-License-Identifier: GPL-2.0-only
"""A bisection: both ends first, then the commits that git names, each result kept at once."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.bisection import state as kept
from harness.bisection.failure import Failure, Finding, Term, failures, find
from harness.bisection.measure import measure
from harness.bisection.rate import runs_needed
from harness.bisection.state import Outcome, State, Tested
from harness.errors import HostError, InputError
from harness.kernels.make import BuildError
from harness.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from harness.bisection.build import Builder
    from harness.bisection.git import Progress, Worktree
    from harness.bisection.measure import Measured
    from harness.bisection.trial import Trials

log = logging.getLogger("harness")

# Cases that fail at the bad end: so many are tried by themselves.
_CANDIDATES = 3


@dataclass
class Campaign:
    """One bisection in its folder."""

    folder: Path
    state: State
    worktree: Worktree
    builder: Builder
    trials: Trials
    # What the user said is to fail: ids of cases, an expression for -k, both empty for all.
    cases: tuple[str, ...] = ()
    only: str = ""
    # Runs that a good verdict takes, if the user said so.
    runs: int | None = None
    _since: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Bisect, or go on with it, until ``state`` has the outcome.

        Raises InputError when an end is not what it should be, HostError for an end of which
        that cannot be told, and for trouble of the host.  What is known by then is kept.
        """
        good, bad = self.state.good, self.state.bad
        log.info("its worktree is %s", self.worktree.folder)
        self.worktree.make(bad)
        while good not in self.state.commits:
            if self.state.failure is None:
                self._bad_end()
            self._good_end()
        progress = self.worktree.start(good, bad)
        while not progress.ended:
            tested = self.state.commits.get(progress.commit) or self._step(progress)
            progress = self.worktree.mark(tested.term)
        outcome = Outcome(progress.first_bad, progress.candidates, self.worktree.log())
        self._keep(outcome=outcome)

    def _keep(self, **changes: object) -> None:
        now = time.monotonic()
        seconds = round(self.state.seconds + now - self._since, 1)
        self.state, self._since = replace(self.state, **{**changes, "seconds": seconds}), now  # type: ignore[arg-type]
        kept.save(self.state, self.folder)

    def _learn(self, commit: str, tested: Tested) -> None:
        self._keep(commits={**self.state.commits, commit: tested})

    def _end(self, name: str, commit: str) -> str:
        """Build an end; return the hash of its image."""
        log.info("the %s end: %s: building", name, self._named(commit))
        began = time.monotonic()
        self.worktree.check_out(commit)
        try:
            image = self.builder.make(self.folder / commit[:12])
        except BuildError as error:
            # What is missing may be installed, and the same command goes on.
            raise HostError(
                f"--{name} {commit[:12]} does not build, so that nothing can be bisected: {error}; "
                f"all of it: {self.folder / commit[:12]}/build.log"
            ) from error
        log.info("built in %.0f s", time.monotonic() - began)
        return image

    def _bad_end(self) -> None:
        """See the bad end fail, and how often; this decides what is looked for."""
        commit = self.state.bad
        began = time.monotonic()
        image = self._end("bad", commit)
        built = time.monotonic() - began
        tried = []
        candidates = self.state.candidates or self._candidates(commit)
        for case in candidates[:_CANDIDATES]:
            found = measure(self.trials, commit, case, self.runs)
            tried.append(f"{case} in {found.tried} runs by itself")
            if found.failure is None:
                log.info("%s does not fail by itself: %d runs", case, found.tried)
                continue
            runs = self._runs_for(found)
            log.info("looking for: %s", found.failure)
            log.info("%s", found.said(runs, told=self.runs is not None))
            tested = Tested(
                Term.BAD,
                found.why,
                self.worktree.repository.subject(commit),
                found.tried,
                found.folder,
                round(built, 1),
                round(time.monotonic() - began - built, 1),
                image,
            )
            self._keep(
                failure=found.failure,
                failed=found.failed,
                tried=found.tried,
                runs=runs,
                commits={**self.state.commits, commit: tested},
            )
            return
        raise InputError(
            f"--bad {commit[:12]} does not fail: {'; '.join(tried)}. "
            "If it fails rarely, say --runs N with a larger number; if it needs what runs before "
            "it, 'python -m harness rerun RUN --history CASE' shows that"
        )

    def _candidates(self, commit: str) -> tuple[str, ...]:
        """Run what the user named, all of it, and return what could be looked for."""
        log.info("running %s", ", ".join(self.cases) or self.only or "the whole suite")
        ran = self.trials.run(commit[:12], self.cases, only=self.only, vmcore=False)
        if ran.run is None:
            raise InputError(f"--bad {commit[:12]}: nothing was run on its kernel: {ran.said}")
        failed = failures(ran.run)
        if failed:
            names = ", ".join(case.id.rpartition("::")[2] for case in failed[:_CANDIDATES])
            more = f" and {len(failed) - _CANDIDATES} more" if len(failed) > _CANDIDATES else ""
            log.info("the bad end fails in %s%s: the quickest first", names, more)
            found = tuple(case.id for case in failed)
        elif len(ran.run.cases) == 1:
            # It may be a rare failure.
            found = (ran.run.cases[0].id,)
        else:
            counts = f"{len(ran.run.cases)} cases, none of them failed"
            raise InputError(
                f"--bad {commit[:12]} does not fail ({counts}: {self.folder / ran.folder}): if "
                "it fails rarely, name the case with --case"
            )
        self._keep(candidates=found)
        return found

    def _runs_for(self, found: Measured) -> int:
        if self.runs is not None:
            return self.runs
        if found.failure is not None and found.failure.phase == "boot":
            # A kernel that has booted is saved and cloned: it does not boot again.
            return 1
        count = self.worktree.repository.count(self.state.good, self.state.bad)
        # Those of git's steps, and the good end's.
        return runs_needed(found.rate, math.ceil(math.log2(max(2, count))) + 1)

    def _good_end(self) -> None:
        """See the good end not fail; look for another failure if it does."""
        commit, failure = self.state.good, self.state.failure
        assert failure is not None
        began = time.monotonic()
        image = self._end("good", commit)
        built = time.monotonic() - began
        if image == self.state.commits[self.state.bad].image:
            raise InputError(
                f"'{self.builder.command}' makes the same kernel of both ends: does it build "
                f"what is checked out in {self.worktree.folder}?"
            )
        finding, runs, folder = self.trials.test(commit[:12], failure, self.state.runs)
        where = self.folder / (folder or commit[:12])
        if finding.term is Term.BAD:
            left = [case for case in self.state.candidates if case != failure.case]
            if failure.phase == "case" and (left := self._new_ones(commit, left)):
                log.info("%s fails at the good end, too: looking for another", failure.case)
                bad = {
                    sha: each for sha, each in self.state.commits.items() if sha != self.state.bad
                }
                self._keep(candidates=tuple(left), failure=None, commits=bad)
                return
            raise InputError(
                f"--good {commit[:12]} has that failure, too ({finding.why}; {where}): "
                "name an older commit"
            )
        if finding.term is Term.SKIP:
            raise HostError(
                f"--good {commit[:12]} does not say whether it is good: {finding.why} ({where})"
            )
        ran = time.monotonic() - began - built
        log.info("the good end is good: %s", _said(finding, runs, ran))
        self._learn(commit, self._tested(commit, finding, runs, folder, (built, ran), image))

    def _new_ones(self, commit: str, cases: list[str]) -> list[str]:
        """Return those of ``cases`` that do not fail at the good end."""
        if not cases:
            return []
        ran = self.trials.run(commit[:12], cases, vmcore=False)
        if ran.run is None:
            return []
        passed = {
            case.id
            for case in ran.run.cases
            if find(ran.run, Failure(case.id, "case", "")).term is Term.GOOD
        }
        return [case for case in cases if case in passed]

    def _step(self, progress: Progress) -> Tested:
        """Build and test the commit that git has checked out."""
        commit, failure = progress.commit, self.state.failure
        assert failure is not None
        number = sum(sha not in {self.state.good, self.state.bad} for sha in self.state.commits) + 1
        left = f", about {progress.steps} left" if progress.steps is not None else ""
        log.info("step %d%s: %s: building", number, left, self._named(commit))
        began = time.monotonic()
        name = commit[:12]
        try:
            image = self.builder.make(self.folder / name)
        except BuildError as error:
            built = time.monotonic() - began
            finding = Finding(Term.SKIP, f"does not build: {error}")
            log.info("skip: %s", finding.why)
            tested = self._tested(commit, finding, 0, "", (built, 0.0), "")
        else:
            built = time.monotonic() - began
            log.info("built in %.0f s; running", built)
            finding, runs, folder = self.trials.test(name, failure, self.state.runs)
            ran = time.monotonic() - began - built
            log.info("%s: %s", finding.term, _said(finding, runs, ran))
            tested = self._tested(commit, finding, runs, folder, (built, ran), image)
        self._learn(commit, tested)
        return tested

    def _tested(
        self,
        commit: str,
        finding: Finding,
        runs: int,
        folder: str,
        seconds: tuple[float, float],
        image: str,
    ) -> Tested:
        subject = self.worktree.repository.subject(commit)
        built, ran = (round(each, 1) for each in seconds)
        return Tested(finding.term, finding.why, subject, runs, folder, built, ran, image)

    def _named(self, commit: str) -> str:
        return f"{commit[:12]} {clean(self.worktree.repository.subject(commit))}"


def _said(finding: Finding, runs: int, seconds: float) -> str:
    return clean(f"{finding.why} ({runs} run{'s' if runs != 1 else ''}, {seconds:.0f} s)")
