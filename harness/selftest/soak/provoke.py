# SPDX-License-Identifier: GPL-2.0-only
"""Trouble for a guest in the middle of a case: what a kernel, a program or a host can do to it.

A ``Trouble`` is prepared before the case begins (connections are made, files are put there), so
that it comes at once when it is to come.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.selftest.soak.kinds import FULL_DISK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.guest.guest import Guest
    from harness.machine.vm import VM
    from harness.run.runner import Job

    # Does it; says whether it is known that the case was still there to be troubled.
    Action = Callable[[], bool]
    Trouble = Callable[[Guest, Job], Action]

log = logging.getLogger("harness")

# Seconds: to connect, and for a script to end; what breaks the guest never does.
_CONNECT_SECONDS, _SCRIPT_SECONDS = 60.0, 60.0
_PUSH_SECONDS = 120.0
# A case takes one or two.
_FULL_SECONDS = 4.0
_BEGIN_SECONDS = 120.0
_FOLDER = "/root"
# Exit status of a script that found no case.
_TOO_LATE = 79

# Before each script; what the case's program is called.
_BEGIN = "cd {folder}; prog={program}; late={late}; pidof $prog >/dev/null || exit $late; "
# The case stands still, so that it has not passed before the trouble is there.
_HOLD = "pids=$(pidof $prog); kill -STOP $pids || exit $late; "
# By its numbers: to find it by its name takes the lock of its memory, which may be the trouble.
_GO_ON = "; kill -CONT $pids"
# The child of the case's first process: the one that has the memory.
_CHILD = "$(cat /proc/$(pidof $prog | tr ' ' '\\n' | sort -n | head -1)/task/*/children)"
_HAS_LOCK = "until dmesg | grep -q 'trouble: has the lock'; do :; done"
# The kernel kills the task with the highest score, however much memory there is (sysrq f): sshd
# that listens, then the one that the harness's agent came through.
_OOM = """
victim() { echo 1000 > /proc/$1/oom_score_adj; echo f > /proc/sysrq-trigger; sleep 1; }
parent() { sed -n 's/^PPid:[[:space:]]*//p' /proc/$1/status; }
for agent in $(pidof agent); do
    grep -q serve /proc/$agent/cmdline && break
done
session=$(parent $agent)
victim $(parent $session)
victim $session
"""


def in_guest(text: str, *files: Path) -> Trouble:
    """Return the trouble that ``text`` makes as a shell script beside the case.

    It runs in a folder with ``files``, ``$prog`` being the name of the case's program.
    """

    def prepare(guest: Guest, job: Job) -> Action:
        # Not at the top: it takes 0.1 s, in a run that may have nothing to do with it.
        from harness.guest.ssh import Ssh  # noqa: PLC0415
        from harness.guest.ssh_library import LOST  # noqa: PLC0415

        begin = _BEGIN.format(folder=_FOLDER, program=job.case.program.name, late=_TOO_LATE)
        with contextlib.ExitStack() as stack:
            vm = guest.vm
            ssh = Ssh(vm.ssh_port, guest.keys, vm.log, timeout=_CONNECT_SECONDS)
            stack.enter_context(ssh)
            # QEMU keeps the connections of a guest that has ended.
            vm.when_over(ssh.cut)
            if files:
                ssh.push(files, _FOLDER, timeout=_PUSH_SECONDS)
            # It waits for a line: an emulated guest takes a tenth of a second to start it.
            channel = ssh.start(["sh", "-c", f"read line; {begin}{text}"])
            kept = stack.pop_all()

        def go() -> bool:
            with contextlib.suppress(*LOST), kept:
                channel.sendall(b"\n")
                channel.status_event.wait(_SCRIPT_SECONDS)
            # Of a guest that is gone it is -1: a case that passed before that met no trouble.
            return channel.exit_status_ready() and channel.exit_status not in {_TOO_LATE, -1}

        return go

    return prepare


def on_host(do: Callable[[VM], object]) -> Trouble:
    """Return the trouble that ``do`` makes for QEMU."""

    def prepare(guest: Guest, job: Job) -> Action:
        def go() -> bool:
            end = f"uffd-harness: end {job.label}"
            late = any(end in line for line in guest.vm.console.since())
            if not late:
                do(guest.vm)
            return not late

        return go

    return prepare


def _cut_monitor(vm: VM) -> None:
    """Close the connection to QEMU's monitor, behind its client's back."""
    writer = vm.qmp._client._writer
    assert writer is not None
    writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _fill_disk(vm: VM) -> None:
    """Leave no room where the run's records are, for as long as a case takes and longer."""
    filler = vm.log.folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        time.sleep(_FULL_SECONDS)
    finally:
        filler.unlink(missing_ok=True)


def troubles(module: Path | None = None) -> dict[str, Trouble]:
    """Return all troubles by their names; those of trouble.ko only with ``module``, the file.

    ``nothing`` leaves the case alone.
    """
    return {
        "nothing": on_host(lambda _: None),
        "panic": in_guest(_HOLD + "echo c > /proc/sysrq-trigger"),
        "power-off": in_guest(_HOLD + "poweroff -f"),
        "oom": in_guest(_HOLD + _OOM),
        # Its parent too, which would end it when its time is over.
        "stopped": in_guest(_HOLD),
        "leak": in_guest(_HOLD + "fallocate -l 2097152 /dev/hugepages/leak" + _GO_ON),
        "ssh-stalls": in_guest(_HOLD + "(sleep 1; kill -CONT $pids) & killall -STOP dropbear"),
        "qemu-killed": on_host(lambda vm: os.kill(vm.pid, signal.SIGKILL)),
        "qemu-stopped": on_host(lambda vm: os.kill(vm.pid, signal.SIGSTOP)),
        "paused": on_host(lambda vm: vm.qmp.execute("stop")),
        "monitor-gone": on_host(_cut_monitor),
        FULL_DISK: on_host(_fill_disk),
        **(_of_module(module) if module else {}),
    }


def _of_module(module: Path) -> dict[str, Trouble]:
    def insmod(what: str, before: str = _HOLD, after: str = "") -> Trouble:
        return in_guest(f"{before}insmod trouble.ko what={what}{after}", module)

    # The watchdog speaks after twice that many seconds; 20 s are usual.
    soon = "sysctl -w kernel.watchdog_thresh=1; "
    return {
        "oops": insmod("oops", after=_GO_ON),
        # Nothing on the console says so: a module that is not the kernel's own, and goes at once.
        "taint": insmod("nothing", after=_GO_ON),
        "soft-lockup": insmod("soft-lockup", before=soon + _HOLD),
        "hard-lockup": insmod("hard-lockup"),
        "triple-fault": insmod("triple-fault"),
        "reset": insmod("reset"),
        # It stands still until the lock is taken, then it must run into it.
        "stuck": insmod(f"mmap-lock pid={_CHILD}", after=f" & {_HAS_LOCK}{_GO_ON}"),
    }


@dataclass
class Strike:
    """One trouble for one case: given to a runner, it strikes when the case has begun."""

    trouble: Trouble
    # Seconds from the case's begin, as its console tells of it.
    delay: float = 0.0
    # On the run's clock, once it was made.
    when: float | None = None
    # The case was over before it could be, or the guest went before it told: what passed then
    # met no trouble.
    late: bool = False
    # It was made, or could not be: what it does to the guest may keep that from being known.
    done: bool = False
    # Why it could not be prepared; "" when it could.
    failed: str = ""
    _thread: threading.Thread | None = field(default=None, repr=False)

    def __call__(self, guest: Guest, job: Job) -> None:
        """Prepare it in ``guest``, where ``job`` is about to run; it never raises."""
        mark = guest.vm.console.mark()
        try:
            action = self.trouble(guest, job)
        except HarnessError as error:
            self.failed = str(error)
            log.warning("%s: no trouble was made: %s", guest.vm.log.vm, error)
            return

        def strike() -> None:
            begin = f"uffd-harness: begin {job.label}"
            wait = guest.vm.console.wait_for
            if not wait(lambda line: begin in line, since=mark, timeout=_BEGIN_SECONDS):
                self.failed = "the case did not begin"
                return
            time.sleep(self.delay)
            self.when = guest.vm.log.clock.now()
            try:
                self.late = not action()
            except (HarnessError, OSError) as error:
                self.failed = str(error)
            self.done = True

        self._thread = threading.Thread(target=strike, name="trouble", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until it was made, for at most ``seconds``."""
        if self._thread is not None:
            self._thread.join(seconds)
