# SPDX-License-Identifier: GPL-2.0-only
"""A campaign: its runs one after the other, and a record that is written after each."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.host.cache import new_file
from harness.run.plan import prepare
from harness.selftest.soak import child, module
from harness.selftest.soak.check import Checked, Count, check
from harness.selftest.soak.draw import draw
from harness.selftest.soak.pulse import Pulse

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.settings import Settings
    from harness.selftest.soak.draw import Batch

log = logging.getLogger("harness")

RECORD = "soak.json"
# A run during which the campaign stood still for so many seconds is done again if anything is
# wrong with it, so many times at most.
_STILL_SECONDS = 8.0
_MOST_AGAIN = 3


@dataclass(frozen=True)
class Order:
    """What a campaign is to do."""

    seed: int
    # Cases that meet trouble.
    starts: int
    arches: tuple[str, ...]
    # Names of the kinds of trouble; empty: all.
    kinds: tuple[str, ...]


class Campaign:
    """Runs what an order comes to, in a folder; what is in its record is not run again."""

    def __init__(self, order: Order, settings: Settings, folder: Path) -> None:
        """Use ``settings`` for each run, but for what is drawn.

        Raises InputError when the record in ``folder`` is of another order.
        """
        self._order = order
        self._settings = settings
        self._folder = folder
        self.checked: list[Checked] = self._known()

    def _known(self) -> list[Checked]:
        path = self._folder / RECORD
        if not path.exists():
            return []
        value = json.loads(path.read_text())
        wanted = json.loads(json.dumps(asdict(self._order)))
        if value["order"] != wanted:
            raise InputError(
                f"{path} is of {value['order']}, not of {wanted}: remove it, or name another "
                "--results"
            )
        return [_checked(run) for run in value["runs"]]

    def run(self) -> None:
        """Run what is left of it; an interrupt leaves the record as it was after the last run."""
        order = self._order
        batches = draw(order.seed, order.starts, order.arches, order.kinds)
        done = {run.number for run in self.checked}
        # At once: what follows takes its time.
        if any(batch.small_disk for batch in batches if batch.number not in done):
            self._folder.mkdir(parents=True, exist_ok=True)
            child.needs_small_disk(self._folder)
        modules = {arch: self._module(arch) for arch in order.arches}
        for batch in batches:
            if batch.number in done:
                continue
            log.info("%s", _describe(batch, len(batches)))
            began = time.monotonic()
            self._one(batch, modules[batch.arch])
            log.info("run %d took %.0f s", batch.number, time.monotonic() - began)

    def _module(self, arch: str) -> Path:
        """Build what all runs of ``arch`` use, so that none of them has to."""
        return module.module(prepare(replace(self._settings, arch=arch)))

    def _one(self, batch: Batch, trouble: Path) -> None:
        folder = self._folder / f"run-{batch.number:03}-{batch.arch}"
        result = self._undisturbed(batch, trouble, folder)
        self.checked.append(result)
        for complaint in result.complaints:
            log.warning("%s", complaint)
        if not result.complaints:
            # What shows that all is well is the records; dumps are large.
            for dump in folder.rglob("vmcore"):
                dump.unlink()
        self._write()

    def _undisturbed(self, batch: Batch, trouble: Path, folder: Path) -> Checked:
        set_aside: list[str] = []
        while True:
            # Of a campaign that was interrupted in the middle of it, or of a run set aside.
            shutil.rmtree(folder, ignore_errors=True)
            with Pulse() as pulse:
                ended = child.run(batch, self._settings, trouble, folder)
            result = check(batch, ended)
            still = pulse.longest >= _STILL_SECONDS
            if not (result.complaints and still and len(set_aside) < _MOST_AGAIN):
                return replace(result, set_aside=set_aside)
            what = f"{len(result.complaints)} complaints, the first: {result.complaints[0]}"
            set_aside.append(f"the campaign stood still for {pulse.longest:.0f} s; {what}")
            log.warning("run %d is done again: %s", batch.number, set_aside[-1])

    def _write(self) -> None:
        value = {"order": asdict(self._order), "runs": [asdict(run) for run in self.checked]}
        with new_file(self._folder / RECORD) as temporary:
            temporary.write_text(json.dumps(value, indent=1))


def _describe(batch: Batch, of: int) -> str:
    kinds = ", ".join(step.kind for step in batch.steps if step.kind)
    more = [f"isolation {batch.isolation}"]
    more += [f"retries {batch.retries}"] if batch.retries else []
    more += ["vmcore"] if batch.vmcore else []
    return f"run {batch.number} of {of}, {batch.arch}, {', '.join(more)}: {kinds}"


def _checked(value: dict[str, Any]) -> Checked:
    counts = {row: Count(**count) for row, count in value["counts"].items()}
    return Checked(**{**value, "counts": counts})
