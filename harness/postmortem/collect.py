# SPDX-License-Identifier: GPL-2.0-only
"""After a case: learn how its VM is, and keep what shows why."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.machine import starvation
from harness.machine.boot import KERNELS, BootTrouble
from harness.machine.exits import ExitKind, VmExit
from harness.postmortem import summary
from harness.postmortem.evidence_folder import EvidenceFolder
from harness.postmortem.hang import Report, sample
from harness.postmortem.vmcore import dump

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guest.guest import Guest
    from harness.guest.outcome import Outcome
    from harness.machine.boot import BootError
    from harness.machine.vm import VM

log = logging.getLogger("harness")

HANG, REGISTERS, QEMU = "hang.txt", "registers.txt", "qemu.txt"
VMCORE, SUMMARY = "vmcore", "vmcore.txt"

# How long QEMU's end may take behind that of a connection.
_END_SECONDS = 3.0
_MONITOR_SECONDS = 10.0
# Multiplied by the scale: what the emulator has to do with memory it does as slowly.
_DUMP_SECONDS = 15.0
# Dumps of one worker, 512 MiB each at most.
_MOST_DUMPS = 8

# The guest ended, and QEMU keeps it as it was then.
_KEPT = frozenset({ExitKind.PANIC, ExitKind.RESET, ExitKind.POWEROFF})


@dataclass(frozen=True)
class State:
    """How a VM is after a command."""

    # How it ended; None while it runs.
    end: VmExit | None = None
    # A new command over SSH, and the agent on the console, answer; None: not asked.
    ssh: bool | None = None
    console: bool | None = None
    # A signal has stopped the program (SIGSTOP): it is not the kernel that keeps it.
    stopped: bool = False


def learn(guest: Guest, program: str, outcome: Outcome | None, seconds: float) -> State:
    """Learn how the guest is after it ran ``program`` (``outcome`` None: it could not be run).

    Whoever is asked has ``seconds`` to answer.
    """
    vm = guest.vm
    cut_off = outcome is None or outcome.lost
    if not cut_off and outcome is not None and not outcome.timed_out:
        # A kernel may print its last words and reset just behind the program's end.
        return State(vm.end())
    if end := vm.end(wait=_END_SECONDS if cut_off else 0.0):
        return State(end)
    if trouble := _of_qemu(vm):
        return State(vm.end() or VmExit(ExitKind.LOST, trouble))
    ssh = guest.answers(seconds)
    console = None if ssh else guest.console_answers(seconds)
    stopped = bool(ssh and outcome and outcome.timed_out) and guest.is_stopped(program, seconds)
    return State(vm.end(), ssh, console, stopped)


def _of_qemu(vm: VM) -> str:
    """Return why QEMU does not run the guest; "" when it does."""
    try:
        status = vm.qmp.execute("query-status", timeout=_MONITOR_SECONDS)["status"]
    except HostError:
        return f"QEMU's monitor does not answer; the process is {starvation.state(vm.pid)}"
    return "" if status == "running" else f"QEMU does not run the guest: it is {status}"


class Collector:
    """Collects evidence for one worker."""

    def __init__(
        self, run: Path, scale: float, *, vmcore: bool, vmlinux: Path | None = None
    ) -> None:
        """Keep it in the run's folder ``run``; ``scale`` multiplies time limits.

        ``vmlinux`` has the debug information of the kernel, where it is known.
        """
        self._run = run
        self._scale = scale
        self._vmlinux = vmlinux
        self._dumps = _MOST_DUMPS if vmcore else 0

    def collect(
        self, guest: Guest, state: State, label: str, *, hangs: bool, kernels_fault: bool
    ) -> tuple[str, ...]:
        """Return the files that are kept of the case ``label``; the guest is lost then.

        ``hangs`` says that something did not go on.  It takes at most some 10 s times the
        scale, and 15 s times the scale more for a dump of the memory, which only the
        ``kernels_fault`` is worth.
        """
        name = f"{label}-{guest.vm.log.vm}"
        return self._keep(guest.vm, state, name, hangs=hangs, memory=kernels_fault)

    def of_boot(self, vm: VM, error: BootError) -> None:
        """Keep the same of a VM that did not boot: ``error.evidence`` has the files then."""
        hangs = error.trouble in {BootTrouble.HANG, BootTrouble.SILENT, BootTrouble.SLOW}
        memory = error.trouble in KERNELS
        name = f"boot-{vm.log.vm}"
        if error.trouble is not BootTrouble.GUEST:
            error.evidence = self._keep(vm, State(vm.end()), name, hangs=hangs, memory=memory)

    def _keep(
        self, vm: VM, state: State, name: str, *, hangs: bool, memory: bool
    ) -> tuple[str, ...]:
        began = time.monotonic()
        shelf = EvidenceFolder(self._run, name)
        if state.end is None:
            self._of_running(vm, state, shelf, hangs=hangs, memory=memory)
        elif state.end.kind in _KEPT:
            self._of_kept(vm, shelf, memory=memory)
        else:
            lines = [state.end.detail, *starvation.describe(vm.pid)]
            shelf.write(QEMU, "\n".join([*lines, "", "it said:", vm.stderr() or "(nothing)"]))
        if shelf.files:
            took = time.monotonic() - began
            log.info("%s: %s, collected in %.1f s", vm.log.vm, ", ".join(shelf.files), took)
        return tuple(shelf.files)

    def _of_running(
        self, vm: VM, state: State, shelf: EvidenceFolder, *, hangs: bool, memory: bool
    ) -> None:
        report = Report(vm, self._scale)
        if hangs:
            answers = {True: "answers", False: "does not answer", None: "was not asked"}
            report.say(f"SSH {answers[state.ssh]}; the console {answers[state.console]}")
            report.section("QEMU", starvation.describe(vm.pid))
            report.look()
        if memory:
            self._dump(vm, shelf)
        if hangs:
            if not report.kernel_answered:
                report.nmi()
            shelf.write(HANG, report.text())

    def _of_kept(self, vm: VM, shelf: EvidenceFolder, *, memory: bool) -> None:
        try:
            shelf.write(REGISTERS, sample(vm).registers)
        except HostError as error:
            log.warning("%s: no registers: %s", vm.log.vm, error)
        if memory:
            self._dump(vm, shelf)

    def _dump(self, vm: VM, shelf: EvidenceFolder) -> None:
        if self._dumps <= 0 or (path := shelf.place(VMCORE)) is None:
            return
        self._dumps -= 1
        try:
            vm.qmp.execute("stop")
            why = dump(vm, path, _DUMP_SECONDS * self._scale)
            if vm.end() is None:
                vm.qmp.execute("cont")
        except HostError as error:
            why = str(error)
        if why:
            log.warning("%s: no dump of its memory: %s", vm.log.vm, why)
        else:
            shelf.keep(path)
            if text := summary.read(path, self._vmlinux):
                shelf.write(SUMMARY, text)
