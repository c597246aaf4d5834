# SPDX-License-Identifier: GPL-2.0-only
"""What the controller of a session writes down, as it goes; a full disk loses none of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from harness.errors import HostError
from harness.host.codec import from_json
from harness.results.record import CaseRecord, VmRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.host.git import Git
    from harness.results.record import Run
    from harness.results.store import RunStore

log = logging.getLogger("harness")

# At the end of a run, for git to say what it was asked at its start.
_GIT_SECONDS = 10.0


class Records:
    """The records of one run, in memory and in its folder."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        # What git was asked, and which fields of the run its answers change.
        self._asked: list[tuple[Git, Callable[[Mapping[str, str]], Mapping[str, object]]]] = []
        # Why the records on disk are not what they should be; "" when they are.
        self.unwritten = ""

    @property
    def run(self) -> Run:
        """The run as it is known now."""
        return self._store.run

    @property
    def folder(self) -> Path:
        """Where the records are written."""
        return self._store.folder

    def ask(self, git: Git, change: Callable[[Mapping[str, str]], Mapping[str, object]]) -> None:
        """Record what ``change`` makes of git's answers (fields of Run), once they are there."""
        self._asked.append((git, change))

    def add_case(self, case: CaseRecord) -> None:
        """Record ``case``, or that it is known better."""
        self._take_answers()
        self._write(lambda store: store.add_case(case))

    def add_vms(self, vms: Mapping[str, list[Any]]) -> None:
        """Record VMs ("vms"), and what was seen as they ended ("ends"), given as JSON values."""
        for value in vms.get("vms", []):
            self._add_vm(from_json(VmRecord, value))
        for value in vms.get("ends", []):
            self.add_case(from_json(CaseRecord, value))

    def _add_vm(self, vm: VmRecord) -> None:
        self._write(lambda store: store.add_vm(vm))

    def set_durations(self, durations: Mapping[str, float]) -> None:
        """Record how long the stages of the run took, in seconds."""
        self._write(lambda store: store.update(durations=dict(durations)))

    def finish(self, *, complete: bool) -> None:
        """Complete the records, unless that is done; ``complete``: all cases have been run."""
        if self._store.run.finished is None:
            self._take_answers(wait=_GIT_SECONDS)
            self._write(lambda store: store.finish(complete=complete))

    def _take_answers(self, wait: float = 0.0) -> None:
        for git, change in list(self._asked):
            answers = git.answers(wait)
            if answers is None:
                continue
            self._asked.remove((git, change))
            if fields := change(answers):
                self._write(lambda store, fields=fields: store.update(**fields))  # type: ignore[misc]

    def _write(self, change: Callable[[RunStore], None]) -> None:
        """Change the records.

        Those that cannot be written (a full disk) stay in memory until they can be: the cases
        go on, and the run does not look green when it ends like that.
        """
        try:
            change(self._store)
        except HostError as error:
            if not self.unwritten:
                log.warning("the records could not be written; the cases go on: %s", error)
            self.unwritten = str(error)
        else:
            self.unwritten = ""
