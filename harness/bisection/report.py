# SPDX-License-Identifier: GPL-2.0-only
"""What a bisection came to: for the terminal, and as a mail to the commit's author."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import architectures
from harness.bisection.failure import Term
from harness.contract import reader
from harness.errors import HarnessError
from harness.kernels.make import environment
from harness.results import store
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.bisection.git import Repository
    from harness.bisection.state import State
    from harness.results.record import CaseRecord, Run

MAIL = "mail.txt"
CONFIG = "config"  # the kernel's, to be attached
_WIDTH = 72  # characters; git log's own
_SPLAT_LINES = 60
# Documentation/admin-guide/reporting-regressions.rst: who is told of a regression.
_LISTS = "regressions@lists.linux.dev, linux-mm@kvack.org"


@dataclass(frozen=True)
class Report:
    """A bisection that has its outcome, in its folder."""

    state: State
    folder: Path
    repository: Repository

    def text(self) -> str:
        """Return what is printed at the end."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        state, outcome = self.state, self.state.outcome
        assert outcome is not None
        if outcome.first_bad:
            yield f"first bad commit: {outcome.first_bad}"
            yield ""
            shown = self.repository.show(outcome.first_bad, "--stat", "--format=medium")
            yield from (clean(line) for line in shown.splitlines())
        else:
            yield "git cannot tell the first bad commit: what is left could not be tested"
            yield ""
            yield "it is one of:"
            for commit in outcome.candidates:
                tested = state.commits.get(commit)
                why = f": {tested.why}" if tested and tested.term is Term.SKIP else ""
                yield clean(f"  {commit[:12]} {self.repository.subject(commit)}{why}")
        yield ""
        yield f"looked for   {clean(str(state.failure))}"
        yield f"             {self._rate()}"
        yield f"tested       {self._counts()}"
        yield f"evidence     {self.evidence()}"
        for number, command in enumerate(self.again()):
            yield f"{'' if number else 'again':13}{command}"
        yield f"mail         {self.folder / MAIL} (attach {self.folder / CONFIG})"
        yield ""
        yield from self._log()

    def _log(self) -> Iterator[str]:
        """Yield the lines of ``git bisect log``."""
        assert self.state.outcome is not None
        yield from map(clean, self.state.outcome.log.splitlines())

    def evidence(self) -> Path:
        """Return the folder of the run that shows the failure, that of the last bad commit."""
        return self.folder / self.state.commits[self._last_bad()].run

    def again(self) -> list[str]:
        """Return the commands that show the failure again, in the user's tree."""
        state = self.state
        assert state.failure is not None
        variables = environment(architectures.load(state.arch))
        words = [f"{name}={variables[name]}" for name in ("ARCH", "CROSS_COMPILE")]
        run = ["python", "-m", "harness", "run", "--arch", state.arch, "--kernel", "."]
        run += ["--isolation", "case", state.failure.case]
        build = f"export {shlex.join(words)}; {state.build}"
        return [f"git checkout {self._last_bad()[:12]}", build, shlex.join(run)]

    def mail(self) -> str:
        """Return the report as a mail, in the form that the kernel asks for."""
        return "\n".join(self._mail()) + "\n"

    def _mail(self) -> Iterator[str]:
        state, outcome, failure = self.state, self.state.outcome, self.state.failure
        assert outcome is not None
        assert failure is not None
        run, case = self._record()
        if outcome.first_bad:
            author = self.repository.show(outcome.first_bad, "--no-patch", "--format=%an <%ae>")
            yield f"To: {clean(author.strip())}"
            introduced = outcome.first_bad
        else:
            introduced = f"{state.good}..{state.bad}"
        yield f"Cc: {_LISTS}"
        name = failure.case.rpartition("::")[2]
        what = failure.bug or (f"{name} fails" if failure.phase == "case" else "no boot")
        since = f' since "{self.repository.subject(introduced)}"' if outcome.first_bad else ""
        yield clean(f"Subject: [REGRESSION] userfaultfd: {what}{since}")
        yield ""
        yield "Hi,"
        yield ""
        if outcome.first_bad:
            subject = clean(self.repository.subject(introduced))
            yield from _wrapped(f'a bisection ends at {introduced[:12]} ("{subject}").')
        else:
            yield "a bisection was left with these commits, none of which can be tested:"
            yield from (
                clean(f"  {commit[:12]} {self.repository.subject(commit)}")
                for commit in outcome.candidates
            )
        yield ""
        yield f"#regzbot introduced: {introduced}"
        yield ""
        yield from self._what_fails(case)
        yield ""
        yield from self._machine(run)
        for splat in case.splats[:1] if case else ():
            yield ""
            yield from (clean(line) for line in splat.lines[:_SPLAT_LINES])
        yield ""
        yield "To reproduce, with uffd-minor-harness:"
        yield ""
        yield from (f"  {command}" for command in self.again())
        yield ""
        yield "git bisect log:"
        yield ""
        yield from self._log()

    def _what_fails(self, case: CaseRecord | None) -> Iterator[str]:
        failure = self.state.failure
        assert failure is not None
        yield from _wrapped(clean(str(failure)))
        rows = reader.load().rows
        for row in case.rows if case else ():
            if row in rows:
                statement = " ".join(rows[row].statement.split())
                yield from _wrapped(f"Expected ({row}): {statement}")
        if failure.bug:
            yield from _wrapped(f"Seen: {clean(failure.message)}")
        yield from _wrapped(self._rate())

    def _machine(self, run: Run | None) -> Iterator[str]:
        if run is None:
            return
        yield f"Kernel: {clean(run.kernel.release)}, {run.arch}, {self._last_bad()[:12]}"
        for host in sorted({f"{vm.qemu_version}, {vm.accelerator}" for vm in run.vms}):
            yield f"QEMU: {host}"

    def _record(self) -> tuple[Run | None, CaseRecord | None]:
        """Return the run that shows the failure, and the case in it, if they are still there."""
        assert self.state.failure is not None
        try:
            run = store.load(self.evidence())
        except HarnessError:
            return None, None
        return run, next((c for c in run.cases if c.id == self.state.failure.case), None)

    def _last_bad(self) -> str:
        """Return the bad commit that was tested last: git's first bad one, if there is one."""
        outcome, bad = self.state.outcome, self.state.bad
        assert outcome is not None
        if outcome.first_bad in self.state.commits:
            return outcome.first_bad
        tested = [sha for sha, each in self.state.commits.items() if each.term is Term.BAD]
        return tested[-1] if tested else bad

    def _rate(self) -> str:
        state = self.state
        often = f"It fails in {state.failed} of {state.tried} runs at the bad end"
        return f"{often}; a good commit passed {state.runs} of {state.runs}."

    def _counts(self) -> str:
        terms = [tested.term for tested in self.state.commits.values()]
        counts = ", ".join(f"{terms.count(term)} {term}" for term in Term if term in terms)
        return f"{len(terms)} commits in {self.state.seconds / 60:.1f} min: {counts}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
