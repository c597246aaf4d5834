# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of a VM after a case, in which order, and what follows."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from harness.errors import HostError
from harness.guest.outcome import Outcome
from harness.machine.boot import BootTrouble
from harness.machine.exits import ExitKind, VmExit
from harness.postmortem import collect
from harness.postmortem.collect import Collector, State, learn


def outcome(**what):
    facts = {"timed_out": False, "lost": False, "flooded": False, "exit_status": None, **what}
    return Outcome(b"", b"", signal=None, started=0.0, ended=1.0, **facts)


class Guest:
    """A guest that answers as it is told, and remembers who was asked."""

    def __init__(self, *, end=None, status="running", ssh=True, console=True, stopped=False):
        self.asked = []
        self.facts = {"ssh": ssh, "console": console, "stopped": stopped}

        def execute(command, **_):
            self.asked.append(command)
            if status is None:
                raise HostError("it does not answer")
            return {"status": status}

        log = SimpleNamespace(vm="vm.1")
        self.vm = SimpleNamespace(
            end=lambda **_: end,
            qmp=SimpleNamespace(execute=execute),
            pid=os.getpid(),
            log=log,
            stderr=lambda: "qemu: oh",
        )

    def answers(self, _):
        self.asked.append("ssh")
        return self.facts["ssh"]

    def console_answers(self, _):
        self.asked.append("console")
        return self.facts["console"]

    def is_stopped(self, program, _):
        assert program == "prog"
        self.asked.append("stopped")
        return self.facts["stopped"]


PANIC = VmExit(ExitKind.PANIC, "oh")


@pytest.mark.parametrize(
    ("guest", "what", "state", "asked"),
    [
        (Guest(), {"exit_status": 0}, State(), []),
        (Guest(end=PANIC), {"exit_status": 0}, State(PANIC), []),
        (Guest(end=PANIC), {"lost": True}, State(PANIC), []),
        (Guest(end=PANIC), {"timed_out": True}, State(PANIC), []),
        (Guest(), {"flooded": True}, State(), []),
        (Guest(), {"lost": True}, State(None, True, None), ["query-status", "ssh"]),
        (Guest(), {"timed_out": True}, State(None, True, None),
         ["query-status", "ssh", "stopped"]),
        (Guest(stopped=True), {"timed_out": True}, State(None, True, None, stopped=True),
         ["query-status", "ssh", "stopped"]),
        (Guest(ssh=False), {"lost": True}, State(None, False, True),
         ["query-status", "ssh", "console"]),
        (Guest(ssh=False, console=False), {"timed_out": True}, State(None, False, False),
         ["query-status", "ssh", "console"]),
    ],
)  # fmt: skip
def test_learn(guest, what, state, asked):
    assert learn(guest, "prog", outcome(**what), 1.0) == state
    assert guest.asked == asked


def test_learn_of_a_command_that_could_not_be_run():
    guest = Guest()
    assert learn(guest, "prog", None, 1.0) == State(None, True, None)


@pytest.mark.parametrize(
    ("status", "words"), [("paused", "it is paused"), (None, "the process is R (running)")]
)
def test_qemus_own_trouble_is_not_the_guests(status, words):
    guest = Guest(status=status)
    state = learn(guest, "prog", outcome(timed_out=True), 1.0)
    assert state.end.kind is ExitKind.LOST
    assert words in state.end.detail
    assert "ssh" not in guest.asked


@pytest.fixture
def dumps(monkeypatch):
    made = []

    def dump(_, path, seconds):
        assert seconds > 0
        made.append(path)
        path.write_bytes(b"core")
        return ""

    monkeypatch.setattr(collect, "dump", dump)
    return made


def taken(tmp_path, state, *, vmcore=True, fault=True, guest=None):
    collector = Collector(tmp_path, 1.0, vmcore=vmcore)
    files = collector.collect(guest or Guest(), state, "x", hangs=False, kernels_fault=fault)
    return [name.rpartition("/")[2] for name in files]


def test_memory_is_dumped_for_the_kernels_faults_alone(tmp_path, dumps):
    assert taken(tmp_path, State()) == ["vmcore"]
    assert taken(tmp_path, State(), fault=False) == []
    assert taken(tmp_path, State(), vmcore=False) == []
    assert len(dumps) == 1


def test_not_more_dumps_than_the_disk_should_bear(tmp_path, dumps):
    collector = Collector(tmp_path, 1.0, vmcore=True)
    for number in range(12):
        collector.collect(Guest(), State(), str(number), hangs=False, kernels_fault=True)
    assert len(dumps) == 8


def test_a_dump_that_fails_costs_the_dump(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(collect, "dump", lambda *_: "no room")
    assert taken(tmp_path, State()) == []
    assert "vm.1: no dump of its memory: no room" in caplog.text


def test_a_qemu_that_died_is_described(tmp_path):
    state = State(VmExit(ExitKind.QEMU_DIED, "QEMU was killed by SIGKILL"))
    assert taken(tmp_path, state) == ["qemu.txt"]
    [file] = tmp_path.rglob("qemu.txt")
    assert file.read_text().startswith("QEMU was killed by SIGKILL\n")
    assert "qemu: oh" in file.read_text()


RUNS, GONE = None, VmExit(ExitKind.QEMU_DIED, "QEMU was killed by SIGKILL")


@pytest.mark.usefixtures("dumps")
@pytest.mark.parametrize(
    ("trouble", "end", "kept"),
    [
        (BootTrouble.CRASH, PANIC, ["registers.txt", "vmcore"]),
        (BootTrouble.HANG, RUNS, ["vmcore", "hang.txt"]),
        (BootTrouble.SILENT, RUNS, ["hang.txt"]),
        (BootTrouble.SLOW, RUNS, ["hang.txt"]),
        # Its console says it all.
        (BootTrouble.GUEST, RUNS, []),
        (BootTrouble.HOST, GONE, ["qemu.txt"]),
    ],
)
def test_a_boot_that_failed_leaves_evidence(tmp_path, monkeypatch, trouble, end, kept):
    sample = SimpleNamespace(registers="RIP=0", counters={}, halted=frozenset(), when=0.0)
    monkeypatch.setattr(collect, "sample", lambda _: sample)
    monkeypatch.setattr(collect.Report, "look", lambda report: report.section("CPUs", ["one"]))
    monkeypatch.setattr(collect.Report, "nmi", lambda report: report.section("NMI", []))
    error = SimpleNamespace(trouble=trouble, evidence=())
    Collector(tmp_path, 1.0, vmcore=True).of_boot(Guest(end=end).vm, error)
    assert error.evidence == tuple(f"evidence/boot-vm.1/{name}" for name in kept)
    assert all((tmp_path / name).stat().st_size for name in error.evidence)
