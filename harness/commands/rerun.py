# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness rerun``: a run once more, or some of its cases, from its own record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.results.store import load
from harness.run.settings import Settings

if TYPE_CHECKING:
    import argparse

    from harness.results.record import CaseRecord
    from harness.run.plan import Plan

log = logging.getLogger("harness")


class Replay:
    """A run that was recorded, and what of it is to be run again."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Read the record; InputError when there is none, or it has no such case."""
        self._options = options
        self._run = load(options.run)
        if not self._run.kernel.spec or self._run.settings is None:
            raise InputError(f"{options.run} does not say how to find its kernel: it is too old")
        folder = options.run if options.run.is_dir() else options.run.parent
        # What was seen at the end of a VM is no case.
        self._cases = [case for case in self._run.cases if case.phase != "end"]
        self._results = options.results or folder.resolve().parent

    def words(self) -> list[str]:
        """Return the words of ``python -m harness run`` that do it."""
        run, settings = self._run, self._run.settings
        assert settings is not None
        kept = Settings(
            run.arch,
            run.kernel.spec,
            accelerator=settings.accelerator,
            timeout_scale=settings.timeout_scale,
            retries=settings.retries,
            append=settings.append,
            isolation=settings.isolation,
            boot=settings.boot,
        )
        words = ["run", *kept.to_argv(without=("isolation",)), "--results", str(self._results)]
        if self._options.history:
            cases = self._before(self._find(self._options.history))
            return [*words, "-n", "1", "--isolation", "vm", *(case.id for case in cases)]
        if self._options.cases:
            chosen = [self._find(name) for name in self._options.cases]
            # In VMs of their own: what went before may be a part of why.
            return [*words, "--isolation", "case", *(case.id for case in chosen)]
        if not self._cases:
            raise InputError(f"{self._options.run} has no cases: there is nothing to run again")
        # What shared a VM shares one again, in the order it had.
        workers = {case.vm.partition(".")[0] for case in self._cases if case.vm}
        words += ["-n", str(max(1, len(workers))), "--isolation", settings.isolation]
        return [*words, *(case.id for case in _by_time(list(self._cases)))]

    def check(self, plan: Plan) -> None:
        """Raise InputError unless ``plan`` has the kernel of the record."""
        if plan.kernel.sha256 != self._run.kernel.sha256:
            raise InputError(
                f"{self._run.kernel.spec} is not the kernel of that run any more: its image's "
                f"sha256 is {plan.kernel.sha256[:16]}..., it was {self._run.kernel.sha256[:16]}..."
            )
        if plan.image.sha256 != self._run.image_sha256:
            log.info("the guest image is not that of the run: the harness has changed since")

    def _before(self, last: CaseRecord) -> list[CaseRecord]:
        """Return what ran in the VM of ``last`` up to it, in that order."""
        same = [case for case in self._cases if case.vm and case.vm == last.vm]
        return [case for case in _by_time(same) if case.started <= last.started] or [last]

    def _find(self, name: str) -> CaseRecord:
        """Return the case that ``name`` is the id of, or the last part of its id."""
        found = [c for c in self._cases if name in {c.id, c.id.rpartition("::")[2]}]
        if not found:
            known = [case.id for case in self._cases if name in case.id][:5]
            hint = f": did you mean {', '.join(known)}?" if known else ""
            raise InputError(f"the run {self._run.id} has no case '{name}'{hint}")
        if len(found) > 1:
            raise InputError(f"'{name}' is the name of {', '.join(case.id for case in found)}")
        return found[0]


def _by_time(cases: list[CaseRecord]) -> list[CaseRecord]:
    return sorted(cases, key=lambda case: case.started)
