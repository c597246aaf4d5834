# SPDX-License-Identifier: GPL-2.0-only
"""Run failures again in fresh VMs, when all cases have their verdicts: flaky or broken?

The first verdict stands whatever comes of it: a kernel that fails sometimes is wrong.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.results.record import Retry
from harness.run.runner import Runner
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.host.clock import Clock
    from harness.results.record import CaseRecord, VmRecord
    from harness.run.plan import Plan
    from harness.run.runner import Job

log = logging.getLogger("harness")

# Where much fails, what the first of them come to tells enough; a nightly job has to end.
MAX_CASES = 10
_MAX_SECONDS = 600.0


def is_tried_again(case: CaseRecord) -> bool:
    """Return True if ``case`` is one to run again.

    A kernel that did not boot was tried again already: by the next case.
    """
    return case.verdict is Verdict.FAIL and case.phase == "case"


def retry(
    plan: Plan, folder: Path, clock: Clock, failures: Sequence[tuple[Job, CaseRecord]]
) -> Iterator[tuple[CaseRecord, list[VmRecord], list[CaseRecord]]]:
    """Run each of ``failures`` again, as often as the settings say, each time in a fresh VM.

    Yields the record anew after every try, with the VMs that came and went meanwhile and what
    was seen as they ended.
    """
    count = plan.settings.retries
    if not failures or not count:
        return
    if len(failures) > MAX_CASES:
        log.info("%d cases failed: the first %d are run again", len(failures), MAX_CASES)
    # One dump of the memory is enough, the first failure's.
    settings = replace(plan.settings, isolation="case", vmcore=False)
    fresh = replace(plan, settings=settings)
    began = time.monotonic()
    with Runner(fresh, folder, clock, "retry") as runner:
        for job, first in failures[:MAX_CASES]:
            record = first
            for number in range(count):
                if time.monotonic() - began > _MAX_SECONDS:
                    log.info("failures were run again for %d s: no more of them", _MAX_SECONDS)
                    return
                again = runner.run(job)
                tried = Retry(again.verdict, again.message, again.vm, again.duration, again.started)
                record = replace(record, retries=(*record.retries, tried))
                log.info("again, %d of %d: %s %s", number + 1, count, again.verdict, job.label)
                yield record, runner.fleet.take_records(), runner.take_ends()
            log.info("%s %s", job.label, recurrence(each.verdict for each in record.retries))
