# SPDX-License-Identifier: GPL-2.0-only
"""Wait for a guest to be ready, and say what went wrong when it is not."""

from __future__ import annotations

import logging
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.machine.exits import ExitKind
from harness.machine.starvation import STARVED, Waiting
from harness.machine.vm import PANIC

if TYPE_CHECKING:
    from harness.machine.vm import VM

log = logging.getLogger("harness")

# What images/init/boot.c says on the console.
_WORD = re.compile(r"harness: (stage|trouble:|note:) ?(.*)")
READY = "sshd"

# On real hardware; an accelerator's timeout_scale multiplies them.
_FIRST_WORD_SECONDS = 15.0
_READY_SECONDS = 40.0
# A console that was silent for this part of the boot's time limit belongs to a kernel that
# hangs; one that still spoke belongs to a machine that is too slow.
_SILENT_PART = 0.5
_TAIL_LINES = 25


class BootTrouble(StrEnum):
    """What kept a guest from being ready."""

    CRASH = "crash"  # the kernel panicked or reset
    HANG = "hang"  # the kernel spoke, then fell silent
    SILENT = "silent"  # not one byte on the console
    SLOW = "slow"  # it was still going when the time was over, or QEMU had no CPU
    GUEST = "guest"  # the guest's own init could not do its work
    HOST = "host"  # QEMU went away


# What the kernel is blamed for.
KERNELS = frozenset({BootTrouble.CRASH, BootTrouble.HANG})


class BootError(HarnessError):
    """A VM did not become ready; the message has the last lines of its console."""

    def __init__(self, trouble: BootTrouble, what: str, vm: VM) -> None:
        self.trouble = trouble
        # Files that were kept of it, relative to the run's folder.
        self.evidence: tuple[str, ...] = ()
        self.what = what
        self.console = vm.console.since()
        self.splats = vm.console.splats()[0]
        tail = "\n".join(f"  | {line}" for line in self.console[-_TAIL_LINES:])
        super().__init__(f"{what}\n{tail or '  | (the console is empty)'}")


def _ended(vm: VM) -> BootError | None:
    end = vm.end()
    if end is None:
        return None
    if end.kind in {ExitKind.PANIC, ExitKind.RESET}:
        return BootError(BootTrouble.CRASH, f"the kernel died while booting: {end.detail}", vm)
    if end.kind is ExitKind.POWEROFF:
        return BootError(BootTrouble.CRASH, f"while booting, {end.detail}", vm)
    return BootError(BootTrouble.HOST, f"QEMU ended while the guest booted: {end.detail}", vm)


def _timed_out(vm: VM, limit: float, starved: float) -> BootError:
    last = vm.console.last_output
    if starved >= STARVED:
        what = (
            f"the host is too busy: QEMU waited for a CPU for {starved:.0%} of the time, and the "
            f"guest was not up after {limit:.0f} s. TIMEOUT_SCALE=2 doubles every time limit"
        )
        return BootError(BootTrouble.SLOW, what, vm)
    if last is None:
        tried = f"console={vm.boot.recipe.console} {vm.boot.recipe.earlycon}"
        what = (
            f"the kernel printed nothing in {limit:.0f} s; tried {tried}. Is its driver for "
            "this serial port built in, and is the image for this architecture?"
        )
        return BootError(BootTrouble.SILENT, what, vm)
    silent = vm.log.clock.now() - last
    if silent >= limit * _SILENT_PART:
        what = f"the kernel hangs while booting: its console has been silent for {silent:.0f} s"
        return BootError(BootTrouble.HANG, what, vm)
    what = (
        f"the guest was still booting after {limit:.0f} s (last console output {silent:.1f} s "
        "ago): is this machine overloaded? TIMEOUT_SCALE=2 doubles every time limit"
    )
    return BootError(BootTrouble.SLOW, what, vm)


def wait_ready(vm: VM, scale: float) -> dict[str, float]:
    """Wait until sshd listens; return the seconds from QEMU's start to each stage.

    ``scale`` multiplies the time limits.  Raises BootError as wait_stage does.
    """
    return wait_stage(
        vm, READY, _READY_SECONDS * scale, first_word_seconds=_FIRST_WORD_SECONDS * scale
    )


def wait_stage(
    vm: VM, stage: str, seconds: float, *, first_word_seconds: float | None = None
) -> dict[str, float]:
    """Wait for ``stage``; return the seconds from QEMU's start to each stage passed.

    Stages are ``kernel`` (the first console line), then ``init``, ``network`` and ``sshd`` as
    ``images/init/boot.c`` announces them.  The first line must come within ``first_word_seconds``
    (default: ``seconds``), ``stage`` within ``seconds``.  Raises BootError as soon as the
    kernel panics or the VM ends, when the time is over, or when init reports trouble.
    """
    stages: dict[str, float] = {}
    trouble: list[str] = []
    mark = 0
    waiting = Waiting(vm.pid)
    limit = first_word_seconds or seconds
    while stage not in stages:
        left = vm.started + limit - vm.log.clock.now()
        # A guest that never stops printing must not outlast the limit.
        line = vm.console.wait_for(lambda _: True, since=mark, timeout=left) if left > 0 else None
        if line is None:
            # The console closes when QEMU ends: give it a moment to be reaped.
            vm.end(wait=2.0 if vm.console.closed else 0.0)
            raise _ended(vm) or _timed_out(vm, limit, waiting.share())
        mark = line[0] + 1
        if not stages:
            limit = seconds
            stages["kernel"] = vm.log.clock.now() - vm.started
        if PANIC.search(line[1]):
            # Let the rest of the report come, until the reset ends QEMU.
            vm.end(wait=2.0)
            raise _ended(vm) or BootError(BootTrouble.CRASH, line[1], vm)
        if word := _WORD.search(line[1]):
            _note(vm, word, stages, trouble)
    if trouble:
        raise BootError(BootTrouble.GUEST, "the guest's init reports: " + "; ".join(trouble), vm)
    return stages


def _note(vm: VM, word: re.Match[str], stages: dict[str, float], trouble: list[str]) -> None:
    kind, text = word[1], word[2].strip()
    if kind == "stage":
        stages[text] = vm.log.clock.now() - vm.started
        log.info("%s: %s after %.1f s", vm.log.vm, text, stages[text])
    elif kind == "trouble:":
        trouble.append(text)
