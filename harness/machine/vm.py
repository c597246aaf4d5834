# SPDX-License-Identifier: GPL-2.0-only
"""A virtual machine as a context manager: started, watched, and surely ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from harness.errors import HostError
from harness.host.cache import host_errors
from harness.host.memo import stamp
from harness.host.process import spawn
from harness.host.scratch import scratch_folder
from harness.machine import loop
from harness.machine.command import qemu_argv
from harness.machine.console import Console
from harness.machine.exits import ExitKind, VmExit
from harness.machine.qmp import Qmp
from harness.splats.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from harness.machine.command import Boot
    from harness.machine.evidence import EvidenceLog

PANIC = re.compile(r"Kernel panic - not syncing: .*")
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\b")
# QEMU opens its monitor at once; the time is for a host that is swapping.
_QMP_SECONDS = 30.0
# A state without the memory is less than 1 MiB.
_STATE_SECONDS = 30.0
_STATE_POLL_SECONDS = 0.002
# How long a console must say nothing to have said all; what is meant is a socket's buffer.
_QUIET_SECONDS = 0.02
# How long QEMU may take to be gone once its monitor is.
_GONE_SECONDS = 2.0
# The same where it is on its way out: giving back a guest's memory needs a CPU.
_EXIT_SECONDS = 30.0
_PF_EXITING = 0x4  # include/linux/sched.h


class LaunchError(HostError):
    """QEMU did not start: what it was to run, or to go on from, has had no part in that."""


class VM:
    """One QEMU process; runs between ``with VM(...) as vm`` and the end of the block.

    Entering raises LaunchError, with QEMU's own words, when it does not start, and HostError when
    it does not go on from a saved state.
    """

    def __init__(self, boot: Boot, log: EvidenceLog) -> None:
        self.boot = boot
        self.log = log
        self.qmp = Qmp(log, self._over_soon)
        self.console = Console(log)
        self.argv: list[str] = []
        # TCP port on 127.0.0.1 that leads to the guest's port 22.
        self.ssh_port = 0
        # On the run's clock.
        self.started = 0.0
        self.ended: float | None = None
        self._asked_to_end = False
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: VmExit | None = None
        # Set once the VM has ended and its console has been read to its end.
        self._over = threading.Event()
        self._when_over: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            # From here on __exit__ cleans up.
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        # QEMU's stderr and core files are nobody else's business.
        runtime = self._stack.enter_context(scratch_folder())
        try:
            with host_errors("QEMU did not start"):
                qmp, serial = self._spawn(runtime)
        except HostError as error:
            raise LaunchError(str(error)) from error
        self._stack.callback(self._stop)
        self._stack.callback(self.qmp.close)
        self.console.attach(serial)
        try:
            self.qmp.connect(qmp, _QMP_SECONDS)
            self._learn_port()
        except HostError as error:
            raise LaunchError(self._launch_report(error)) from error
        self._check_kernel()
        try:
            if self.boot.state is not None:
                self._go_on(self.boot.state)
            self.qmp.execute("cont")
        except HostError as error:
            raise HostError(self._launch_report(error)) from error

    def _spawn(self, runtime: Path) -> tuple[socket.socket, socket.socket]:
        """Start QEMU in ``runtime``; return our ends of its monitor and its serial port."""
        stderr = runtime / "qemu.stderr"
        qmp_ours, qmp_theirs = socket.socketpair()
        serial_ours, serial_theirs = socket.socketpair()
        for ours in (qmp_ours, serial_ours):
            self._stack.callback(ours.close)
        serial_ours.setblocking(False)
        with qmp_theirs, serial_theirs, _initrd(self.boot) as initrd, stderr.open("wb") as errors:
            fds = (qmp_theirs.fileno(), serial_theirs.fileno(), initrd.fileno())
            self.argv = qemu_argv(self.boot, qmp_fd=fds[0], serial_fd=fds[1], initrd_fd=fds[2])
            self.started = self.log.clock.now()
            try:
                self._process = spawn(
                    self.argv,
                    pass_fds=fds,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    cwd=runtime,
                )
            except FileNotFoundError as error:
                if shutil.which(self.argv[0]):
                    raise
                message = f"{self.argv[0]} is not in PATH any more: run 'make deps'"
                raise HostError(message) from error
        self._stderr = stderr
        return qmp_ours, serial_ours

    def _check_kernel(self) -> None:
        """Raise LaunchError if QEMU, which has read the kernel by now, read another one.

        A tree may have been built anew: a verdict would be on the wrong kernel, and so would be a
        saved VM, for good.
        """
        boot = self.boot
        if boot.image_stamp is None or boot.packed is not None or boot.state is not None:
            return
        if stamp(boot.kernel) != list(boot.image_stamp):
            raise LaunchError(f"{boot.kernel} is not what it was when the run began: start again")

    def save(self, state: Path) -> None:
        """Stop the VM for good and write to ``state`` all of it but its memory.

        The memory must be in shared files (``Boot.ram``), which from then on belong to the
        state: QEMU's x-ignore-shared leaves them out of the migration stream
        (docs/system/vm-templating.rst).  Raises HostError when QEMU cannot or the disk is
        full.
        """
        assert self.boot.ram is not None
        assert self.boot.ram.shared
        self.qmp.execute("stop")
        self._ignore_shared_memory()
        with host_errors(f"cannot write {state}"), state.open("wb") as file:
            self.qmp.give_fd("state", file.fileno())
            self.qmp.execute("migrate", {"uri": "fd:state"})
            self._await(lambda: self._migrated("save"), "saving the VM")
            file.flush()
            os.fsync(file.fileno())

    def _go_on(self, state: Path) -> None:
        """Load what ``save`` wrote; the VM is stopped then, as it was."""
        self._ignore_shared_memory()
        with host_errors(f"cannot read {state}"), state.open("rb") as file:
            self.qmp.give_fd("state", file.fileno())
            self.qmp.execute("migrate-incoming", {"uri": "fd:state"})
        self._await(lambda: self._migrated("load"), "loading the saved VM")

    def _ignore_shared_memory(self) -> None:
        capability = {"capability": "x-ignore-shared", "state": True}
        self.qmp.execute("migrate-set-capabilities", {"capabilities": [capability]})

    def _migrated(self, what: str) -> bool:
        """Return True if a migration is over; HostError when it failed."""
        told = self.qmp.execute("query-migrate")
        if told.get("status") in {"failed", "cancelled"}:
            why = told.get("error-desc", "QEMU does not say why")
            raise HostError(f"QEMU could not {what} the VM: {why}")
        return bool(told.get("status") == "completed")

    def _await(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _STATE_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                raise HostError(f"{what} took more than {_STATE_SECONDS:.0f} s")
            time.sleep(_STATE_POLL_SECONDS)

    def _learn_port(self) -> None:
        table = self.qmp.execute("human-monitor-command", {"command-line": "info usernet"})
        found = _FORWARD.search(table)
        if not found:
            raise HostError(f"QEMU forwards no port to the guest; 'info usernet' says:\n{table}")
        self.ssh_port = int(found[1])

    def _launch_report(self, error: Exception) -> str:
        """Return all that is known of a QEMU that did not start; its own first word comes first."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        said = self.stderr().strip()
        why = said.splitlines()[0] if said else str(error)
        return (
            f"QEMU did not start: {why}\n"
            f"  exit status: {self._process.returncode}\n"
            f"  command: {shlex.join(self.argv)}\n"
            f"  it said: {said or '(nothing)'}\n"
            f"  over QMP: {error}"
        )

    def stderr(self) -> str:
        """Return the last 4096 bytes that QEMU itself wrote."""
        with contextlib.suppress(OSError):
            return self._stderr.read_bytes()[-4096:].decode("utf-8", "replace")
        return ""

    @property
    def pid(self) -> int:
        """Process id of QEMU."""
        assert self._process is not None
        return self._process.pid

    def when_over(self, call: Callable[[], None]) -> None:
        """Have ``call`` be called, on the loop's thread, when the VM has ended."""
        self._when_over.append(call)

    def _over_soon(self) -> None:
        """Note, on the loop, that the guest has shut down or that the monitor has gone."""
        loop.start(self._wind_up())

    async def _wind_up(self) -> None:
        # What the guest wrote before its end may still be on its way.
        heard: float | None = -1.0
        while not self.console.closed and heard != self.console.last_output:
            heard = self.console.last_output
            await asyncio.sleep(_QUIET_SECONDS)
        self.console.close()
        self._over.set()
        for call in self._when_over:
            call()

    def end(self, wait: float = 0.0) -> VmExit | None:
        """Return how the VM ended; None while it runs (waiting ``wait`` seconds for an end).

        A guest that has reset or shut down is kept by QEMU as it was then, with its memory and
        registers, until the ``with`` block ends.
        """
        if self._end is None and self._process is not None and self._over.wait(wait):
            self.ended = self.log.clock.now()
            self._end = self._cause()
        return self._end

    def _cause(self) -> VmExit:
        assert self._process is not None
        shutdown = self.qmp.last("SHUTDOWN")
        if self._asked_to_end:
            return VmExit(ExitKind.KILLED_BY_HOST, "ended by the harness")
        panics = [m[0] for line in self.console.since() if (m := PANIC.search(line))]
        found, _ = self.console.splats()
        panics = panics or [splat.title for splat in found if splat.kind is Kind.PANIC]
        if panics or self.qmp.last("GUEST_PANICKED"):
            return VmExit(ExitKind.PANIC, panics[-1] if panics else "QMP GUEST_PANICKED")
        reason = shutdown["data"]["reason"] if shutdown else None
        match reason:
            case "guest-reset":
                return VmExit(
                    ExitKind.RESET, "the guest reset itself and its console does not say why"
                )
            case "guest-shutdown":
                return VmExit(ExitKind.POWEROFF, "the guest powered itself off")
            case None:
                return self._gone()
            case _:
                return VmExit(ExitKind.QEMU_DIED, f"QEMU was told to end: SHUTDOWN reason {reason}")

    def _gone(self) -> VmExit:
        """Return why the connection to QEMU is gone, without a word before."""
        assert self._process is not None
        try:
            try:
                code = self._process.wait(_GONE_SECONDS)
            except subprocess.TimeoutExpired:
                code = self._process.wait(_EXIT_SECONDS if is_exiting(self.pid) else 0.0)
        except subprocess.TimeoutExpired:
            return VmExit(ExitKind.LOST, "QEMU is there, but the connection to it is broken")
        status = _status(code)
        said = self.stderr().strip() or "(nothing)"
        return VmExit(ExitKind.QEMU_DIED, f"QEMU {status}; it said: {said}")

    def give_up(self) -> None:
        """Whatever ends the VM from now on, it was us."""
        self._asked_to_end = self._asked_to_end or self.end() is None

    def kill(self) -> None:
        """End QEMU at once, without a word to the guest."""
        self.give_up()
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _stop(self) -> None:
        """End QEMU if it still runs, and reap it."""
        self.kill()
        if self._end is None:
            self.ended = self.log.clock.now()
            self._end = self._cause()
        self.console.detach()


def _initrd(boot: Boot) -> BinaryIO:
    """Return the image with its overlay as a file in memory.

    The overlay holds keys: so they never are on a disk, and nothing is left behind however
    the run ends.
    """
    file = os.fdopen(os.memfd_create("initrd"), "w+b")
    with boot.initrd.open("rb") as image:
        shutil.copyfileobj(image, file)
    file.write(boot.overlay)
    file.flush()
    return file


def is_exiting(pid: int) -> bool:
    """Return True if the process ``pid`` is on its way out, or gone: proc(5), the flags in stat."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    return bool(int(fields[9 - 3]) & _PF_EXITING)


def _status(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
