# SPDX-License-Identifier: GPL-2.0-only
"""Each way in which a VM can end or stop answering, provoked for real while a case runs.

docs/verdicts.md has the same as a table.  Every test sees the verdict, whom it is attributed to,
within what time, that the evidence is there, and that the next case runs, in another VM.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.architectures import ROOT
from harness.host.clock import Clock
from harness.machine.exits import ExitKind
from harness.run.runner import Job, Runner
from harness.selftest.soak import kinds, module, provoke
from harness.selftest.soak.provoke import Strike
from harness.suite.catalog import cases
from harness.verdicts import judge
from harness.verdicts.verdict import Verdict

FAIL, ERROR, MISS, PASS = Verdict.FAIL, Verdict.ERROR, Verdict.MISS, Verdict.PASS


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    # The tests may run beside others, and what is tested is not the host: see test_busy_host.
    monkeypatch.setattr(judge, "STARVED", 2.0)
    # Else there would be a vmcore.txt with each dump.
    monkeypatch.delenv("VMLINUX", raising=False)


@pytest.fixture(scope="module")
def troubles(plan):
    """Everything that can be done to a guest, with the module that breaks this kernel."""
    return provoke.troubles(module.module(plan))


@pytest.fixture
def runner(plan, tmp_path):
    with Runner(plan, tmp_path, Clock(), "test") as ready:
        ready.patience = kinds.pace(plan)
        yield ready


@pytest.fixture
def long(plan):
    """A case that takes some seconds, on one CPU: when that stands still, all does."""
    path = next(p for p in plan.programs if p.name == "migration_live")
    case = next(c for c in cases(path) if c.name == "live_migration")
    name = "guest_tests/migration_live.c::live_migration[hugetlb-shared]"
    case = replace(case, timeout=kinds.limit(case, plan), profile="contract")
    return Job(name, case, "hugetlb-shared")


def during(runner, task, trouble):
    """Run ``task``, and meet it with ``trouble`` once it has begun."""
    strike = runner.before_case = Strike(trouble)
    record = runner.run(task)
    runner.before_case = None
    assert not strike.failed
    assert record.id == task.id
    assert record.vm not in {guest.vm.log.vm for guest in runner.fleet.running.values()}, "replaced"
    took = record.started + record.duration - strike.when
    print(f"{record.verdict} after {took:.1f} s: {record.message}; {record.evidence}")
    return record


def part(report, title):
    """Return a section of hang.txt."""
    return next(text for text in report.split("\n== ") if text.startswith(title)).split("\n", 1)[1]


def kept(record, folder):
    """Return the names of the files of evidence that are only this case's; all must be there."""
    paths = [folder / name for name in record.evidence]
    assert all(path.stat().st_size for path in paths)
    return {path.name: path for path in paths if path.parent != folder}


def goes_on(runner, task, record):
    again = runner.run(task)
    assert (again.verdict, again.message) == (PASS, "")
    assert again.vm != record.vm


# Trouble -> verdict, what matches the message, evidence; of the kernel's own ends what QEMU tells.
SIMPLE = {
    "triple-fault": (FAIL, "reset", {"registers.txt", "vmcore"}, ExitKind.RESET),
    "power-off": (FAIL, "shut down", {"registers.txt", "vmcore"}, ExitKind.POWEROFF),
    "qemu-killed": (MISS, "SIGKILL", {"qemu.txt"}, None),
    "qemu-stopped": (
        MISS,
        r"QEMU's monitor does not answer; the process is T \(stopped\)",
        {"qemu.txt"},
        None,
    ),
    # Somebody said "stop" to QEMU.
    "paused": (MISS, "QEMU does not run the guest: it is paused", {"qemu.txt"}, None),
    "monitor-gone": (MISS, "the connection to it is broken", {"qemu.txt"}, None),
    "taint": (
        FAIL,
        r"^after the case: the kernel is tainted anew: OE \(0 before, ",
        {"vmcore"},
        None,
    ),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_end(runner, long, tmp_path, troubles, name):
    verdict, words, evidence, end = SIMPLE[name]
    record = during(runner, long, troubles[name])
    assert record.verdict is verdict
    assert re.search(words, record.message)
    assert set(kept(record, tmp_path)) == evidence
    if end is not None:
        assert runner.fleet.records[-1].end is end
    goes_on(runner, long, record)


def test_kernel_panic(runner, long, tmp_path, troubles):
    record = during(runner, long, troubles["panic"])
    assert record.verdict is FAIL
    assert "sysrq triggered crash" in record.message
    assert set(kept(record, tmp_path)) == {"registers.txt", "vmcore"}
    assert runner.fleet.records[-1].end is ExitKind.PANIC
    assert '"GUEST_PANICKED"' in (tmp_path / "qmp.jsonl").read_text(), "pvpanic has its driver"
    goes_on(runner, long, record)


def test_oops_without_panic(runner, long, tmp_path, troubles):
    record = during(runner, long, troubles["oops"])
    assert record.verdict is FAIL
    assert record.message.startswith("BUG: kernel NULL pointer dereference, address: ")
    assert "oops" in "".join(record.splats[0].lines)
    assert set(kept(record, tmp_path)) == {"vmcore"}
    goes_on(runner, long, record)


def test_soft_lockup(runner, long, tmp_path, troubles):
    record = during(runner, long, troubles["soft-lockup"])
    assert record.verdict is FAIL
    assert "soft lockup - CPU#0 stuck" in record.message
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert "SSH does not answer; the console does not answer" in report
    # Interrupts are on: the kernel answers on its serial console.
    assert "soft_lockup+0x" in part(report, "sysrq l")
    goes_on(runner, long, record)


def test_hard_lockup(runner, long, tmp_path, troubles):
    record = during(runner, long, troubles["hard-lockup"])
    assert record.verdict is FAIL
    assert record.message.startswith("the guest hangs: ")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert part(report, "sysrq l").split() == ["(nothing)"]
    assert "hard_lockup+0x" in part(report, "NMI")
    assert "running: at " in report or "same address" in report
    assert runner.fleet.records[-1].end is ExitKind.KILLED_BY_HOST
    goes_on(runner, long, record)


def test_task_stuck_in_the_kernel(runner, long, tmp_path, troubles):
    """Another task has the lock of the case's memory: not even SIGKILL ends the case."""
    record = during(runner, long, troubles["stuck"])
    assert record.verdict is FAIL
    assert re.match(r"TIMEOUT after \d+ s: it did not finish", record.message)
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert "migration_live" in part(report, "sysrq w")
    assert "rwsem_down" in part(report, "sysrq w")
    goes_on(runner, long, record)


def test_out_of_memory_kills_sshd(runner, long, tmp_path, troubles):
    """Both, the one that listens and the one of the harness's connection."""
    record = during(runner, long, troubles["oom"])
    assert record.verdict is ERROR
    words = r"the guest ran out of memory: Out of memory: Killed process \d+ \(dropbear\)"
    assert re.fullmatch(words, record.message)
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt"}
    assert "SSH does not answer; the console answers" in found["hang.txt"].read_text()
    goes_on(runner, long, record)


def test_a_program_that_somebody_stops(runner, long, tmp_path, troubles):
    """Nothing in the kernel keeps it, though it does not heed its own timer."""
    record = during(runner, long, troubles["stopped"])
    assert record.verdict is ERROR
    assert record.message.startswith("the program was stopped by a signal: ")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt"}
    report = found["hang.txt"].read_text()
    assert "SSH answers; the console was not asked" in report
    assert re.search(r"task:migration_live +state:T", part(report, "sysrq t"))
    goes_on(runner, long, record)


def test_ssh_stalls(runner, long, tmp_path, troubles):
    record = during(runner, long, troubles["ssh-stalls"])
    assert record.verdict is MISS
    assert record.message.startswith("the guest's SSH does not answer, but its console does")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt"}
    report = found["hang.txt"].read_text()
    assert "SSH does not answer; the console answers" in report
    assert "dropbear" in part(report, "sysrq t")
    goes_on(runner, long, record)


def test_leaked_huge_page(runner, long, troubles):
    record = during(runner, long, troubles["leak"])
    assert record.verdict is FAIL
    words = r"hugepages-2048kB.free is (\d+), and was (\d+) before"
    after, before = map(int, re.search(words, record.message).groups())
    assert before - after == 1
    goes_on(runner, long, record)


def test_disk_full(tmp_path):
    """Cases go on, what could be written stays, and the run does not look green."""
    command = [sys.executable, "-m", "harness", "run", "--arch", "x86_64", "--accel", "tcg"]
    command += ["-n", "1", "-k", "handshake", "--results", str(tmp_path / "results")]
    command += ["--timeout-scale", os.environ.get("TIMEOUT_SCALE", "1")]
    # The first thing that is too large is results.json with all of its cases.
    script = (
        f"mount -t tmpfs -o size=200k none {tmp_path} && mkdir {tmp_path}/results && "
        f"dd if=/dev/zero of={tmp_path}/big bs=1k count=150 && {shlex.join(command)}; "
        f"echo status $?; cat {tmp_path}/results/latest-x86_64/results.json"
    )
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*unshare, f"mount -t tmpfs none {tmp_path}"], check=False).returncode:
        pytest.skip("no user namespaces here: a full disk cannot be made without root's rights")
    done = subprocess.run(
        [*unshare, script], check=False, capture_output=True, text=True, cwd=ROOT, timeout=400
    )
    said = done.stdout + done.stderr
    assert "the records could not be written; the cases go on" in said, said
    assert "No space left on device" in said
    assert re.search(r"api.c::handshake PASS", said), said
    assert "status 125\n" in said, said
    json.loads(done.stdout[done.stdout.index("\n{\n") :])


@pytest.mark.skipif(
    not os.environ.get("BUSY_HOST"),
    reason="takes a CPU from everything else for minutes: BUSY_HOST=1 runs it",
)
def test_busy_host(runner, long, monkeypatch):
    """QEMU has a hundredth of a CPU: that is not the kernel's fault."""
    monkeypatch.setattr(judge, "STARVED", 0.8)
    cpu = min(os.sched_getaffinity(0))
    loop = ["taskset", "-c", str(cpu), "sh", "-c", "while :; do :; done"]

    def starve(vm):
        for task in [path.name for path in Path(f"/proc/{vm.pid}/task").iterdir()]:
            os.sched_setaffinity(int(task), {cpu})
            os.sched_setscheduler(int(task), os.SCHED_IDLE, os.sched_param(0))
        crowd.extend(subprocess.Popen(loop) for _ in range(100))

    crowd = []
    try:
        record = during(runner, long, provoke.on_host(starve))
    finally:
        for process in crowd:
            process.kill()
            process.wait()
    assert record.verdict is MISS
    assert record.message.startswith("the host is too busy: QEMU waited for a CPU for ")
    goes_on(runner, long, record)
