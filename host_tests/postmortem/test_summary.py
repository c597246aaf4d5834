# SPDX-License-Identifier: GPL-2.0-only
"""What is written of a dump: with a drgn that says what the tests want."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.postmortem import collect, summary
from harness.postmortem.collect import Collector

DRGN = """
import sys, time

class MissingDebugInfoError(Exception):
    pass

class Value:
    def __init__(self, value):
        self.value = value
    def string_(self):
        return self.value
    def value_(self):
        return self.value

class Task:
    def __init__(self, name, pid, state, stack=""):
        self.comm, self.pid, self.state, self.stack = Value(name), Value(pid), state, stack

class Program:
    def set_core_dump(self, path):
        print("dump", path)
    def load_debug_info(self, paths):
        print("vmlinux", *paths)
        {load}
    def stack_trace(self, task):
        if not task.stack:
            raise ValueError("no ORC data")
        return task.stack

TASKS = [
    Task(b"init", 1, "S", "#0 never shown"),
    Task(b"live\\xff", 90, "D", "#0 __schedule\\n#1 handle_userfault"),
    Task(b"insmod", 91, "R"),
]
"""
HELPERS = {
    "__init__": "",
    "linux/__init__": "",
    "linux/pid": "import drgn\ndef for_each_task(program):\n    return drgn.TASKS\n",
    "linux/fs": "for_each_file = None\n",
    "linux/locking": "RwsemLocked = mutex_owner = rwsem_locked = rwsem_owner = None\n",
    "linux/mm": "for_each_vma = None\n",
    "linux/wait": "waitqueue_for_each_entry = None\n",
    "linux/sched": "def task_state_to_char(task):\n    return task.state\n",
}


@pytest.fixture
def drgn(tmp_path, monkeypatch):
    """Have a drgn whose load_debug_info() ends with ``load``."""

    def make(load="pass"):
        folder = tmp_path / "fake" / "drgn"
        for name, text in {"__init__": DRGN.replace("{load}", load)}.items():
            (folder / "helpers/linux").mkdir(parents=True)
            (folder / f"{name}.py").write_text(text)
        for name, text in HELPERS.items():
            (folder / "helpers" / f"{name}.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
        monkeypatch.delenv("VMLINUX", raising=False)

    return make


def test_tasks_that_do_not_go_on_are_shown(drgn):
    drgn()
    assert summary.read(Path("/run/vmcore"), Path("/k/vmlinux")).startswith(
        "dump /run/vmcore\n"
        "vmlinux /k/vmlinux\n"
        "== tasks\n"
        "live\N{REPLACEMENT CHARACTER} 90: state D\n"
        "#0 __schedule\n#1 handle_userfault\n\n"
        "insmod 91: state R\n"
        "cannot be read: ValueError: no ORC data\n\n"
        "the others: init 1 (S)\n\n"
        "== uffd contexts\n"
    )


def test_a_part_that_cannot_be_read_is_said_and_the_others_follow(drgn):
    drgn()
    contexts, locks = summary.read(Path("/x"), Path("/k")).split("== ")[2:]
    assert contexts == (
        "uffd contexts\ncannot be read: TypeError: 'Program' object is not subscriptable\n\n"
    )
    # Of each task what its lockdep says, then its mmap_lock.
    assert locks.startswith("locks\ncannot be read: AttributeError: 'Task' object has no")


def test_a_vmlinux_that_is_named(drgn, monkeypatch):
    drgn()
    monkeypatch.setenv("VMLINUX", "/other/vmlinux")
    assert "vmlinux /other/vmlinux\n" in summary.read(Path("/run/vmcore"), None)


def test_no_debug_information_of_modules_is_said(drgn):
    drgn('raise MissingDebugInfoError("trouble.ko")')
    said = summary.read(Path("/run/vmcore"), Path("/k/vmlinux"))
    assert "not all debug information is there (modules' is not needed): trouble.ko\n" in said
    assert "handle_userfault" in said


def test_a_drgn_that_fails_or_hangs_is_said(drgn, monkeypatch):
    drgn("sys.exit(7)")
    assert summary.read(Path("/x"), Path("/k")).endswith("\ndrgn ended with 7")
    monkeypatch.setattr(summary, "_SECONDS", 0.01)
    assert summary.read(Path("/x"), Path("/k")).endswith("drgn took more than 0 s")


def test_nothing_is_said_without_drgn_or_debug_information(drgn, monkeypatch):
    drgn()
    assert summary.read(Path("/x"), None) is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert summary.read(Path("/x"), Path("/k")) is None


def test_it_is_kept_beside_the_dump(tmp_path, monkeypatch):
    asked = []

    def say(path, vmlinux):
        asked.append((path.name, vmlinux))
        return "live 90: state D\x1b[2J"

    def dump(_, path, __):
        path.write_bytes(b"core")
        return ""

    monkeypatch.setattr(collect.summary, "read", say)
    monkeypatch.setattr(collect, "dump", dump)
    vm = _Vm()
    collector = Collector(tmp_path, 1.0, vmcore=True, vmlinux=Path("/k/vmlinux"))
    files = collector.collect(vm, collect.State(), "x", hangs=False, kernels_fault=True)
    assert files == ("evidence/x-vm.1/vmcore", "evidence/x-vm.1/vmcore.txt")
    assert asked == [("vmcore", Path("/k/vmlinux"))]
    assert (tmp_path / files[1]).read_text() == "live 90: state D\n"


class _Vm:
    """A guest whose QEMU does what it is told."""

    def __init__(self):
        self.vm = self.qmp = self.log = self
        self.pid = 1
        self.__dict__["log"] = type("Log", (), {"vm": "vm.1"})

    def execute(self, *_, **__):
        return {}

    def end(self):
        return None
