# SPDX-License-Identifier: GPL-2.0-only
"""The guests of one worker: started when they are needed, ended when they are not, recorded."""

from __future__ import annotations

import contextlib
import logging
import shutil
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.machine.command import kernel_command_line
from harness.machine.evidence import EvidenceLog
from harness.machine.templates import Template
from harness.results.record import VmRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.guest.guest import Examine, Guest
    from harness.host.clock import Clock
    from harness.run.plan import Plan

log = logging.getLogger("harness")

# After so many boots in a row that failed, no other is tried.
_BOOT_ATTEMPTS = 2


class GuestPool:
    """At most one guest for each machine profile."""

    def __init__(
        self, plan: Plan, folder: Path, clock: Clock, worker: str, examine: Examine
    ) -> None:
        """``folder`` is the run's; ``examine`` is called with a VM that does not boot."""
        self._plan = plan
        self._folder = folder
        self._clock = clock
        self._worker = worker
        self._keys = Keys()
        contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
        self._nursery = GuestFactory(contents, self._keys, plan.scale, examine)
        # Those that run, by profile, and what ends each of them.
        self.running: dict[str, Guest] = {}
        self._ends: dict[str, contextlib.ExitStack] = {}
        # Number of the first console line, by profile, that no case has been judged by: what
        # comes between two cases (a late splat) belongs to the next one, never to none.
        self.unread: dict[str, int] = {}
        self._started = 0
        self._failed_boots = 0
        self._last_boot_failure = ""
        # Of the VMs that were started or ended since they were last taken.
        self.records: list[VmRecord] = []
        # Called with a guest that is well, and its profile, before it ends: returns a word on
        # each watcher of its kernel.
        self.last_look: Callable[[Guest, str], dict[str, str]] | None = None

    def take_records(self) -> list[VmRecord]:
        """Return the records of VMs that were started or ended since the last call."""
        records, self.records = self.records, []
        return records

    def get(self, profile: str) -> Guest:
        """Return the running guest of ``profile``, starting one if there is none.

        Raises BootError when its kernel does not boot, HarnessError for other trouble, and at
        once after two that failed.
        """
        if profile in self.running:
            return self.running[profile]
        if self._failed_boots >= _BOOT_ATTEMPTS:
            raise HarnessError(
                f"no VM: the last {self._failed_boots} boots failed: {self._last_boot_failure}"
            )
        self._started += 1
        name = f"{self._worker}.{self._started}"
        evidence = EvidenceLog(self._folder, self._clock, name)
        boot = self._plan.boot(profile, self._keys)
        log.info("%s: starting QEMU (%s, profile %s)", name, self._plan.recipe.arch, profile)
        stack = contextlib.ExitStack()
        try:
            guest = stack.enter_context(self._nursery.ready(boot, evidence))
        except HarnessError as error:
            self._failed_boots += 1
            self._last_boot_failure = str(error).splitlines()[0]
            raise
        self._failed_boots = 0
        self.running[profile], self._ends[profile] = guest, stack
        self.unread[profile] = guest.vm.console.mark()
        self.records.append(self._record(guest, profile))
        self._keep_boot_console(guest, profile)
        return guest

    def drop(self, profile: str, *, lost: bool = False) -> None:
        """End the guest of ``profile``, if there is one; who needs one gets a fresh VM.

        ``lost`` says that it is not to be asked anything any more.
        """
        guest = self.running.pop(profile, None)
        if guest is None:
            return
        words: dict[str, str] = {}
        with contextlib.ExitStack() as stack:
            # It ends, whatever comes of the last look.
            stack.push(self._ends.pop(profile))
            if self.last_look is not None and not lost and guest.vm.end() is None:
                words = self.last_look(guest, profile)
        self.records.append(self._record(guest, profile, words))
        guest.vm.log.close()

    def drop_all(self) -> None:
        """End all guests."""
        for profile in list(self.running):
            self.drop(profile)

    def _keep_boot_console(self, guest: Guest, profile: str) -> None:
        """Keep what the kernel said when the VM that ``guest`` is a clone of was booted."""
        copy = self._folder / f"boot-{profile}.log"
        if guest.vm.boot.state is None or copy.exists():
            return
        try:
            shutil.copyfile(Template(guest.vm.boot.state.parent).console, copy)
        except OSError as error:
            log.warning("%s could not be written: %s", copy, error)

    def boot_console(self, guest: Guest) -> list[str]:
        """Return what the kernel of ``guest`` said before the first case."""
        state = guest.vm.boot.state
        if state is None:
            return list(guest.vm.console.since())
        try:
            return Template(state.parent).console.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []

    def _record(self, guest: Guest, profile: str, words: dict[str, str] | None = None) -> VmRecord:
        vm = guest.vm
        end = vm.end()
        return VmRecord(
            name=vm.log.vm,
            profile=profile,
            command=tuple(vm.argv),
            qemu_version=vm.qmp.version,
            accelerator=self._plan.choice.name,
            accelerator_why=self._plan.choice.why,
            boot_stages={stage: round(s, 3) for stage, s in guest.stages.items()},
            started=round(vm.started, 3),
            ended=round(vm.ended, 3) if vm.ended is not None else None,
            end=end.kind if end else None,
            boot_method="image" if vm.boot.packed is None else "direct",
            template=vm.boot.state.parent.name if vm.boot.state else "",
            qemu=shutil.which(vm.argv[0]) or vm.argv[0],
            kernel_command_line=kernel_command_line(vm.boot),
            slowness=guest.slowness,
            watchers=words or {},
        )
