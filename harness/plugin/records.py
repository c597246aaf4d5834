# SPDX-License-Identifier: GPL-2.0-only
"""What the controller of a session writes down, as it goes; a full disk loses none of it."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING, Any

from harness import architectures
from harness.errors import HostError
from harness.host.codec import from_json
from harness.results.record import CaseRecord, VmRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.results.record import Run
    from harness.results.store import RunStore

log = logging.getLogger("harness")

# At the end of a run, for git to say what it was asked at its start.
_VERSION_SECONDS = 10.0


class Records:
    """The records of one run, in memory and in its folder."""

    def __init__(self, store: RunStore, version: Version) -> None:
        self._store = store
        self._version: Version | None = version
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

    def add_case(self, case: CaseRecord) -> None:
        """Record ``case``, or that it is known better."""
        self._take_version()
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
            self._take_version(wait=_VERSION_SECONDS)
            self._write(lambda store: store.finish(complete=complete))

    def _take_version(self, wait: float = 0.0) -> None:
        if self._version is None or not self._version.is_known(wait):
            return
        version, self._version = self._version.text, None
        if version:
            self._write(lambda store: store.update(harness_version=version))

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


class Version:
    """The harness's version as git describes it, in the background."""

    def __init__(self) -> None:
        self.text = ""
        self._git: subprocess.Popen[str] | None = None
        try:
            self._git = subprocess.Popen(
                ["git", "-C", str(architectures.ROOT), "describe", "--always", "--dirty", "--tags"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            log.debug("no git: %s", error)

    def is_known(self, wait: float) -> bool:
        """Say whether ``text`` is final: git has said it, or had ``wait`` seconds (0: not yet)."""
        if self._git is None:
            return True
        try:
            said, _ = self._git.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            if not wait:
                return False
            self._git.kill()
            self._git.wait()
            said = ""
        if self._git.returncode == 0:
            self.text = said.strip()
        self._git = None
        return True
