# SPDX-License-Identifier: GPL-2.0-only
"""What is read out of QEMU's answers about CPUs; the texts are QEMU 7.2's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.errors import HostError
from harness.host.clock import Clock
from harness.machine.console import Console
from harness.machine.evidence import EvidenceLog
from harness.postmortem.hang import Report, Sample, compare, heard, sample

X86 = """\

CPU#0
RAX=0000000000000000 RBX=ffffffff9da1aa40 RCX=0000000000000001 RDX=0000000000000000
RIP=ffffffff9ca0e1db RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1

CPU#1
RIP=ffffffffc0351017 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
"""
ARM64 = """\

CPU#0
 PC=ffff800008c5e2a4 X00=0000000000000000 X01=0000000000000000
X02=0000000000000000 X30=ffff800008c5e29c  SP=ffff80000a04bd90
"""
ARM = """\

CPU#0
R00=00000000 R01=c0f05d30 R02=00000001 R03=c011a440
R12=00000001 R13=c0f01f48 R14=c0b5b1c8 R15=c0b5b1cc
PSR=60000013 -ZC- A S svc32
"""


def vm(registers, cpus="* CPU #0: thread_id=1\n"):
    def execute(command, arguments):
        assert command == "human-monitor-command"
        return registers if "registers" in arguments["command-line"] else cpus

    return SimpleNamespace(qmp=SimpleNamespace(execute=execute), log=SimpleNamespace(clock=Clock()))


@pytest.mark.parametrize(
    ("registers", "counters"),
    [
        (X86, {0: "ffffffff9ca0e1db", 1: "ffffffffc0351017"}),
        (ARM64, {0: "ffff800008c5e2a4"}),
        (ARM, {0: "c0b5b1cc"}),
        ("", {}),
        ("CPU#0\nsomething else", {}),
    ],
)
def test_program_counters(registers, counters):
    assert sample(vm(registers)).counters == counters


def test_halted_cpus():
    said = "* CPU #0: thread_id=11 (halted)\n  CPU #1: thread_id=12\n"
    assert sample(vm(X86, said)).halted == {0}


def test_two_samples_tell_stuck_from_slow():
    first = Sample(10.0, {0: "aa", 1: "bb", 2: "cc", 3: "ee"}, frozenset({2, 3}), "")
    second = Sample(12.0, {0: "aa", 1: "dd", 2: "cc", 3: "ff"}, frozenset({2}), "")
    assert compare(first, second) == [
        "CPU 0 is at the same address both times: aa",
        "CPU 1 is running: at bb, 2.0 s later at dd",
        "CPU 2 is idle: it waits for an interrupt",
        "CPU 3 is running: at ee, 2.0 s later at ff",
    ]


@pytest.fixture
def console(tmp_path):
    log = EvidenceLog(tmp_path, Clock(), "vm")
    yield Console(log)
    log.close()


def test_what_is_heard_is_what_comes_after_the_mark(console):
    console.feed(b"before\n")
    mark = console.mark()
    console.feed(b"one\ntwo\n")
    assert heard(SimpleNamespace(console=console), mark, 0.05) == ("one", "two")


def test_a_guest_that_prints_for_ever_is_heard_for_a_while(console):
    class Endless(Console):
        def wait_for(self, wanted, *, since, timeout):
            self.feed(b"x\n")
            return super().wait_for(wanted, since=since, timeout=timeout)

    endless = Endless(console._log)
    assert len(heard(SimpleNamespace(console=endless), 0, 0.02)) > 1


def test_a_monitor_that_does_not_answer_is_a_line_of_the_report():
    def execute(*_):
        raise HostError("QMP x failed")

    report = Report(SimpleNamespace(qmp=SimpleNamespace(execute=execute)), 1.0)
    report.look()
    assert "QMP x failed" in report.text()
    assert not report.kernel_answered
