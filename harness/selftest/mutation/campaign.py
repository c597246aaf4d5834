# SPDX-License-Identifier: GPL-2.0-only
"""All mutants, one after the other: edit, build, run the suite, undo, keep the result."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import logging
import time
from collections.abc import Iterator, Sequence  # noqa: TC003 (dataclass)
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import HostError
from harness.kernels.make import BuildError
from harness.selftest.mutation import kept
from harness.selftest.mutation.build import build_of
from harness.selftest.mutation.kept import Result
from harness.selftest.mutation.mutants import Mutant  # noqa: TC001 (dataclass)
from harness.selftest.mutation.report import line
from harness.selftest.mutation.source import StaleError, Tree
from harness.selftest.mutation.trial import Kind, Outcome, Suite, judge

if TYPE_CHECKING:
    from harness.kernels.build import Build

log = logging.getLogger("harness")

# A bug that so few cases notice may be their bad luck on a loaded machine: they are run again.
_FEW = 2


@dataclass(frozen=True)
class Campaign:
    """What is tried, on what, and how."""

    tree: Tree
    mutants: Sequence[Mutant]
    suite: Suite
    # Take what was caught by an older suite as caught by this one as well.
    survivors: bool

    def run(self) -> Iterator[tuple[Mutant, Result]]:
        """Give each mutant and its result: kept ones first, others as they come.

        Raises HostError when the kernel without any bug is not all green.
        """
        cases = kept.suite_digest()
        left = []
        for mutant in self.mutants:
            result = kept.find(mutant.name)
            if result and self._holds(mutant, result, cases):
                yield mutant, result
            else:
                left.append(mutant)
        log.info("%d mutants to try, %d known", len(left), len(self.mutants) - len(left))
        # Of one file after the other: make has least to build again then.
        left.sort(key=lambda mutant: (mutant.arch, mutant.edits[0].file, mutant.name))
        number = itertools.count(1)
        for arch, group in itertools.groupby(left, key=lambda mutant: mutant.arch):
            build = build_of(self.tree, architectures.load(arch))
            base = self._base(build, cases)
            for mutant in group:
                began = time.monotonic()
                outcome = self._try(mutant, build, base)
                result = self._keep(mutant.name, outcome, build, cases, began, mutant.digest)
                log.info("%d/%d %s: %s", next(number), len(left), mutant.name, line(result))
                yield mutant, result

    def known(self) -> list[tuple[Mutant, Result | None]]:
        """Return each mutant and what is known of it on this kernel, from whichever suite."""
        return [
            (mutant, result if result and self._is_of(mutant, result) else None)
            for mutant, result in ((mutant, kept.find(mutant.name)) for mutant in self.mutants)
        ]

    def _holds(self, mutant: Mutant, result: Result, cases: str) -> bool:
        known = result.suite == cases or (self.survivors and result.outcome.kind is Kind.CAUGHT)
        return known and self._is_of(mutant, result) and result.outcome.kind is not Kind.UNTESTED

    def _is_of(self, mutant: Mutant, result: Result) -> bool:
        build = build_of(self.tree, architectures.load(mutant.arch))
        return result.kernel == self._kernel(build, mutant.digest)

    def _kernel(self, build: Build, edits: str) -> str:
        text = f"{self.tree.origin}\0{build.fragment}\0{edits}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _base(self, build: Build, cases: str) -> str:
        """Build the kernel without a bug and see the suite pass on it; return its hash."""
        self.tree.restore()
        arch = build.recipe.arch
        log.info("building %s for %s without a bug", self.tree.origin, arch)
        began = time.monotonic()
        image = build.make()
        log.info("built in %.0f s", time.monotonic() - began)
        name = f"base-{arch}"
        result = kept.find(name)
        if result and (result.kernel, result.suite) == (self._kernel(build, image), cases):
            return image
        run = dataclasses.replace(self.suite, stop_after=0).run(name, arch, build.folder)
        assert run is not None, "only a selection can be empty"
        outcome = judge(run)
        if outcome.kind is not Kind.SURVIVED:
            raise HostError(
                f"the kernel without a bug is not green, so that no mutant can be told: "
                f"{outcome.kind} {', '.join(outcome.cases)}: {outcome.detail}; "
                f"see {self.suite.results / name}"
            )
        self._keep(name, outcome, build, cases, began, image)
        log.info("%s: all green", name)
        return image

    def _try(self, mutant: Mutant, build: Build, base: str) -> Outcome:
        try:
            with self.tree.edited(mutant.edits):
                if build.make() == base:
                    return Outcome(Kind.SAME, detail="the image is that of the kernel without it")
                return self._tested(mutant, build)
        except StaleError as error:
            return Outcome(Kind.STALE, detail=str(error))
        except BuildError as error:
            return Outcome(Kind.NOT_BUILT, detail=str(error))
        except HostError as error:
            return Outcome(Kind.UNTESTED, detail=str(error))

    def _tested(self, mutant: Mutant, build: Build) -> Outcome:
        outcome = self._caught(mutant, build)
        if outcome.kind is Kind.CAUGHT and len(outcome.cases) <= _FEW:
            ids = [f"{architectures.GUEST_TESTS.name}/{case}" for case in outcome.cases]
            again = self.suite.run(mutant.name, mutant.arch, build.folder, cases=ids)
            if again is None or judge(again).kind is not Kind.CAUGHT:
                return dataclasses.replace(outcome, kind=Kind.ONCE)
        return outcome

    def _caught(self, mutant: Mutant, build: Build) -> Outcome:
        """Run the suite; when it is to stop early, first the cases that are likeliest to fail."""
        stop_after = self.suite.stop_after
        if stop_after:
            rows = " or ".join(mutant.rows)
            first = self.suite.run(mutant.name, mutant.arch, build.folder, only=rows)
            outcome = judge(first, whole=False) if first else Outcome(Kind.SURVIVED)
            if outcome.kind in {Kind.CAUGHT, Kind.NOT_BOOTED}:
                return outcome
        run = self.suite.run(mutant.name, mutant.arch, build.folder)
        assert run is not None, "only a selection can be empty"
        outcome = judge(run)
        return dataclasses.replace(outcome, whole=not stop_after or len(outcome.cases) < stop_after)

    def _keep(
        self, name: str, outcome: Outcome, build: Build, cases: str, began: float, edits: str
    ) -> Result:
        result = Result(
            outcome,
            self._kernel(build, edits),
            cases,
            datetime.now(UTC).isoformat(timespec="seconds"),
            round(time.monotonic() - began, 1),
        )
        kept.keep(name, result)
        return result
