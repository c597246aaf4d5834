# SPDX-License-Identifier: GPL-2.0-only
"""A guest that is ready: a VM, an SSH connection to it, its files pushed, the agent there."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.guest.console import answered, tell
from harness.guest.outcome import SshError
from harness.guest.speed import slowness_of
from harness.machine.boot import BootError, wait_ready
from harness.machine.vm import VM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.guest.agent import Agent
    from harness.guest.keys import Keys
    from harness.guest.ssh import Ssh
    from harness.machine.command import Boot
    from harness.machine.evidence import EvidenceLog

    Examine = Callable[[VM, BootError], object]

log = logging.getLogger("harness")

# Where the programs are in the guest.
FOLDER = "/tests"

# On real hardware; multiplied by the accelerator's timeout_scale.
_CONNECT_SECONDS = 10.0
_PUSH_SECONDS = 20.0
_SEED_BYTES = 32
_NAME_LENGTH = 15  # TASK_COMM_LEN - 1


@dataclass(frozen=True)
class Guest:
    """A guest that runs commands."""

    vm: VM
    ssh: Ssh
    agent: Agent
    keys: Keys
    # Seconds from QEMU's start to each stage: kernel, init, network, sshd or renewed, then
    # ssh, programs, ready.
    stages: dict[str, float]
    # Factor on time limits: how slow its kernel is (harness.guest.speed).
    slowness: float = 1.0

    def answers(self, seconds: float) -> bool:
        """Try a command over a connection of its own, for at most ``seconds`` each way."""
        from harness.guest.ssh import Ssh  # noqa: PLC0415 (see connected())

        try:
            with Ssh(self.vm.ssh_port, self.keys, self.vm.log, timeout=seconds) as ssh:
                return ssh.run(["true"], timeout=seconds).exit_status == 0
        except SshError:
            return False

    def is_stopped(self, program: str, seconds: float) -> bool:
        """Return True if a signal has stopped ``program``, and nothing in the kernel holds it.

        It has ``seconds`` to answer each way; False when it does not.
        """
        from harness.guest.ssh import Ssh  # noqa: PLC0415 (see connected())

        try:
            with Ssh(self.vm.ssh_port, self.keys, self.vm.log, timeout=seconds) as ssh:
                said = ssh.run(["sh", "-c", "cat /proc/[0-9]*/stat"], timeout=seconds)
        except SshError:
            return False
        return stopped(program, said.stdout.decode("utf-8", "replace"))

    def console_answers(self, seconds: float) -> bool:
        """Ask the agent that listens on the console for a word, within ``seconds``."""
        token = secrets.token_hex(8)
        mark = self.vm.console.mark()
        try:
            self.vm.console.send(f"ping {token}\n".encode(), timeout=seconds)
        except HostError:
            return False
        answer = f"harness: stage alive {token}"
        wait = self.vm.console.wait_for
        return wait(lambda line: answer in line, since=mark, timeout=seconds) is not None


def stopped(program: str, stats: str) -> bool:
    """Return True if ``program`` is stopped (state T), after the lines of its guest's /proc/*/stat.

    proc(5): a task's name, of at most 15 characters, is in parentheses; its state follows.  The
    first of its processes must be, which has the timer, and none may be in the kernel for good
    (D); a debugger's stop is another (t).
    """
    states = {}
    for line in stats.splitlines():
        head, _, tail = line.rpartition(") ")
        pid, _, name = head.partition(" (")
        if name == program[:_NAME_LENGTH] and pid.isdecimal():
            states[int(pid)] = tail[:1]
    return bool(states) and states[min(states)] == "T" and "D" not in states.values()


@contextlib.contextmanager
def booted(
    boot: Boot,
    keys: Keys,
    files: Sequence[Path],
    log_to: EvidenceLog,
    scale: float,
    examine: Examine | None = None,
) -> Iterator[Guest]:
    """Boot a VM, connect to it and push ``files``; it ends with the block.

    ``scale`` multiplies the time limits, ``examine`` looks at a VM that did not boot.  Raises
    BootError when the guest does not become ready, SshError when it is ready but cannot be used,
    and what VM raises.
    """
    with VM(boot, log_to) as vm:
        stages = examined(vm, scale, examine)
        slowness = slowness_of(vm, scale)
        with connected(vm, keys, files, scale, stages, slowness) as guest:
            yield guest


def examined(vm: VM, scale: float, examine: Examine | None) -> dict[str, float]:
    """Do what wait_ready does; a VM that did not boot is given to ``examine``, still as it is."""
    try:
        return wait_ready(vm, scale)
    except BootError as error:
        if examine is not None:
            examine(vm, error)
        raise


@contextlib.contextmanager
def restored(
    boot: Boot,
    keys: Keys,
    files: Sequence[Path],
    log_to: EvidenceLog,
    scale: float,
    slowness: float = 1.0,
) -> Iterator[Guest]:
    """Start a VM from ``boot.state``, as ``booted`` does; ``files`` are those to push yet.

    ``slowness`` is that of its kernel, as it was measured before it was saved.

    What the clones of one saved VM must not share is renewed before anything connects to it:
    the kernel's random state, the time of day, the host name, sshd's key and who may log in.
    (Each has a network of its own, so that the MAC address need not differ.)

    Raises HostError when it does not come back, or SshError.
    """
    with VM(boot, log_to) as vm:
        stages = {"restored": log_to.clock.now() - vm.started}
        _renew(vm, keys, scale * slowness)
        stages["renewed"] = log_to.clock.now() - vm.started
        with connected(vm, keys, files, scale, stages, slowness) as guest:
            yield guest


def prepare_to_save(vm: VM, scale: float) -> None:
    """Have the guest ready to be saved; SSH does not answer any more.

    Its clones are back sooner: an SSH server is loaded, but has neither a key nor used a
    random number.  Raises HostError when the guest cannot.
    """
    tell(vm, "prepare {}", "prepared", scale)


def _renew(vm: VM, keys: Keys, scale: float) -> None:
    token = secrets.token_hex(8)
    seed = secrets.token_bytes(_SEED_BYTES)
    # The dot would be the end of a host name.
    name = vm.log.vm.replace(".", "-")
    answered(vm, keys.renewal(token, time.time_ns(), seed, name), f"renewed {token}", scale)


@contextlib.contextmanager
def connected(
    vm: VM,
    keys: Keys,
    files: Sequence[Path],
    scale: float,
    stages: dict[str, float],
    slowness: float,
) -> Iterator[Guest]:
    """Connect to ``vm``, push ``files``, start the agent; ``stages`` is added to."""
    # Not at the top: paramiko takes 0.1 s, in which the guest comes up.
    from harness.guest.agent import Agent  # noqa: PLC0415
    from harness.guest.ssh import Ssh  # noqa: PLC0415

    clock = vm.log.clock
    scale *= slowness
    with Ssh(vm.ssh_port, keys, vm.log, timeout=_CONNECT_SECONDS * scale) as ssh:
        # QEMU keeps the connections of a guest that has ended.
        vm.when_over(ssh.cut)
        stages["ssh"] = clock.now() - vm.started
        if files:
            ssh.push(files, FOLDER, timeout=_PUSH_SECONDS * scale)
            stages["programs"] = clock.now() - vm.started
        with Agent(ssh) as agent:
            stages["ready"] = clock.now() - vm.started
            log.info("%s: ready after %.1f s", vm.log.vm, stages["ready"])
            yield Guest(vm, ssh, agent, keys, stages, slowness)
