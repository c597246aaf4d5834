# SPDX-License-Identifier: GPL-2.0-only
"""Look into a guest that does not go on: what its CPUs do, what its kernel says of itself."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.machine.vm import VM

# Letters of Documentation/admin-guide/sysrq.rst: backtraces of the CPUs, blocked tasks, memory,
# all tasks.  The last is the longest.
SYSRQ = {"l": "what the CPUs do", "w": "blocked tasks", "m": "memory", "t": "all tasks"}

# The program counter, as "info registers" spells it on x86 and arm.
_COUNTER = re.compile(r"\b(?:RIP|EIP|PC|R15)=([0-9a-f]{8,16})\b")
_CPU = re.compile(r"^CPU#(\d+)", re.MULTILINE)
_SAMPLE_SECONDS = 2.0
# Multiplied by the accelerator's timeout_scale: until the kernel answers a sysrq or an NMI,
# until it has said all, and at most: a kernel that complains by itself never comes to a rest.
_FIRST_SECONDS = 1.0
_QUIET_SECONDS = 0.25
_MOST_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """A VM's CPUs at one moment."""

    # On the run's clock.
    when: float
    # CPU -> its program counter, in hex.
    counters: dict[int, str]
    # CPUs that wait for an interrupt.
    halted: frozenset[int]
    # As QEMU prints them.
    registers: str


def sample(vm: VM) -> Sample:
    """Ask QEMU for all registers; HostError when it does not say."""

    def ask(command: str) -> str:
        return str(vm.qmp.execute("human-monitor-command", {"command-line": command}))

    registers = ask("info registers -a")
    parts = _CPU.split(registers)[1:]
    counters = {
        int(number): found[1]
        for number, text in zip(parts[::2], parts[1::2], strict=True)
        if (found := _COUNTER.search(text))
    }
    halted = re.findall(r"CPU #(\d+):.*\(halted\)", ask("info cpus"))
    return Sample(vm.log.clock.now(), counters, frozenset(map(int, halted)), registers)


def compare(first: Sample, second: Sample) -> list[str]:
    """Return what two samples say of each CPU: stuck, or just slow."""
    seconds = second.when - first.when
    lines = []
    for cpu, counter in second.counters.items():
        before = first.counters.get(cpu)
        if cpu in first.halted and cpu in second.halted:
            does = "idle: it waits for an interrupt"
        elif before == counter:
            does = f"at the same address both times: {counter}"
        else:
            does = f"running: at {before}, {seconds:.1f} s later at {counter}"
        lines.append(f"CPU {cpu} is {does}")
    return lines


def heard(vm: VM, mark: int, scale: float) -> Sequence[str]:
    """Return what the console says from line ``mark`` on, when it has come to a rest."""
    deadline = time.monotonic() + _MOST_SECONDS * scale
    wait = _FIRST_SECONDS * scale
    at = mark
    while not vm.console.closed and (left := deadline - time.monotonic()) > 0:
        line = vm.console.wait_for(lambda _: True, since=at, timeout=min(wait, left))
        if line is None:
            break
        at = vm.console.mark()
        wait = _QUIET_SECONDS * scale
    return vm.console.since(mark)


def sysrq(vm: VM, key: str, scale: float) -> Sequence[str]:
    """Press a sysrq key on the serial console: a break, then a letter; return the answer.

    The kernel takes the letter as a command within 5 s of the break (serial_core.h).
    """
    mark = vm.console.mark()
    vm.qmp.execute("chardev-send-break", {"id": "serial"})
    vm.console.send(key.encode(), timeout=5.0)
    return heard(vm, mark, scale)


def nmi(vm: VM, scale: float) -> Sequence[str]:
    """Send an NMI to all CPUs; return the answer, mostly a panic with backtraces.

    HostError where the machine has none (arm).
    """
    vm.give_up()
    mark = vm.console.mark()
    vm.qmp.execute("inject-nmi")
    return heard(vm, mark, scale)


class Report:
    """The text that is kept of a hang; what QEMU refuses is a line of it."""

    def __init__(self, vm: VM, scale: float) -> None:
        self._vm = vm
        self._scale = scale
        self._lines: list[str] = []
        # The kernel answered a sysrq: it takes interrupts.
        self.kernel_answered = False

    def say(self, *lines: str) -> None:
        """Add lines."""
        self._lines += lines

    def section(self, title: str, lines: Sequence[str]) -> None:
        """Add a part with a title; it says so when there is nothing in it."""
        self.say("", f"== {title}", *(lines or ["(nothing)"]))

    def look(self) -> None:
        """Take two samples, with the kernel's own words between them."""
        try:
            first = sample(self._vm)
            time.sleep(_SAMPLE_SECONDS)
            second = sample(self._vm)
        except HostError as error:
            self.section("CPUs", [str(error)])
            return
        self.section("CPUs", compare(first, second))
        for key, what in SYSRQ.items():
            self._press(key, what)
            if not self.kernel_answered:
                break
        self.section("registers", first.registers.splitlines())
        self.section(f"registers {second.when - first.when:.1f} s later",
                     second.registers.splitlines())  # fmt: skip

    def _press(self, key: str, what: str) -> None:
        try:
            answer = sysrq(self._vm, key, self._scale)
        except HostError as error:
            self.section(f"sysrq {key}: {what}", [str(error)])
            return
        self.kernel_answered = self.kernel_answered or bool(answer)
        self.section(f"sysrq {key}: {what}", answer)

    def nmi(self) -> None:
        """Send an NMI, which no guest survives."""
        try:
            self.section("NMI", nmi(self._vm, self._scale))
        except HostError as error:
            self.section("NMI", [str(error)])

    def text(self) -> str:
        """Return the whole report."""
        return "\n".join(self._lines)
