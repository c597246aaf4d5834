# SPDX-License-Identifier: GPL-2.0-only
"""Each way in which a VM can end or stop answering, provoked for real while a case runs.

docs/verdicts.md has the same as a table.  Every test sees the verdict, whom it is attributed to,
within what time, that the evidence is there, and that the next case runs, in another VM.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from trouble import build

from harness import runner as module
from harness.clock import Clock
from harness.guest.catalog import cases
from harness.guest.ssh import Ssh, SshError
from harness.machine.ends import EndKind
from harness.recipes import ROOT
from harness.runner import Job, Runner
from harness.verdicts import judge
from harness.verdicts.verdict import Verdict

FAIL, ERROR, MISS, PASS = Verdict.FAIL, Verdict.ERROR, Verdict.MISS, Verdict.PASS

# The case's own limit, the host's grace and the time to answer, in seconds: a hang is called one
# sooner than usual.
LIMIT, GRACE, ANSWER = 20.0, 20.0, 10.0


@pytest.fixture(autouse=True)
def sooner(monkeypatch, plan):
    monkeypatch.setattr(module, "_GRACE_SECONDS", GRACE / plan.scale)
    monkeypatch.setattr(module, "_ANSWER_SECONDS", ANSWER / plan.scale)
    # The tests may run beside others, and what is tested is not the host: see test_busy_host.
    monkeypatch.setattr(judge, "STARVED", 2.0)


@pytest.fixture(scope="module")
def trouble(plan):
    """The module that breaks this kernel."""
    return build.module(plan)


@pytest.fixture
def runner(plan, tmp_path):
    with Runner(plan, tmp_path, Clock(), "test") as ready:
        yield ready


@pytest.fixture
def long(plan):
    """A case that takes some seconds, on one CPU: when that stands still, all does."""
    path = next(p for p in plan.programs if p.name == "migration_live")
    case = next(c for c in cases(path) if c.name == "live_migration")
    name = "guest_tests/migration_live.c::live_migration[hugetlb-shared]"
    case = replace(case, timeout=LIMIT / plan.scale, profile="contract")
    return Job(name, case, "hugetlb-shared")


def during(runner, task, make):
    """Run ``task``, and what ``make(guest)`` returned before, once it has begun."""
    profile = task.case.profile
    guest = runner.guest(profile)
    trouble = make(guest)
    records = []
    thread = threading.Thread(target=lambda: records.append(runner.run(task)))
    mark = guest.vm.console.mark()
    thread.start()
    words = f"uffd-harness: begin {task.label}"
    assert guest.vm.console.wait_for(lambda line: words in line, since=mark, timeout=60)
    began = time.monotonic()
    trouble()
    thread.join(240)
    took = time.monotonic() - began
    assert records
    record = records[0]
    assert record.id == task.id
    assert guest not in runner.guests.values(), "it was replaced"
    print(f"{record.verdict} after {took:.1f} s: {record.message}; {record.evidence}")
    return record


def in_guest(script, *files):
    """Have ``script`` run in the guest beside the case, which stands still for it."""

    def make(guest):
        ssh = Ssh(guest.vm.ssh_port, guest.keys, guest.vm.log, timeout=30).__enter__()
        if files:
            ssh.push(files, "/root", timeout=60)

        def go():
            with contextlib.suppress(SshError), ssh:
                ssh.run(["sh", "-c", script], timeout=60)

        return threading.Thread(target=go, daemon=True).start

    return make


# The case stands still, so that it has not passed before the trouble is there.
HOLD = "cd /root; killall -STOP migration_live; "
GO_ON = "; killall -CONT migration_live"


def part(report, title):
    """Return a section of hang.txt."""
    return next(text for text in report.split("\n== ") if text.startswith(title)).split("\n", 1)[1]


def on_host(do):
    return lambda guest: lambda: do(guest.vm)


def kept(record, folder):
    """Return the names of the files of evidence that are only this case's; all must be there."""
    paths = [folder / name for name in record.evidence]
    assert all(path.stat().st_size for path in paths)
    return {path.name: path for path in paths if path.parent != folder}


def goes_on(runner, task, record):
    again = runner.run(task)
    assert (again.verdict, again.message) == (PASS, "")
    assert again.vm != record.vm


def test_kernel_panic(runner, long, tmp_path):
    record = during(runner, long, in_guest("echo c > /proc/sysrq-trigger"))
    assert record.verdict is FAIL
    assert "sysrq triggered crash" in record.message
    assert set(kept(record, tmp_path)) == {"registers.txt", "vmcore"}
    assert runner.vm_records[-1].end is EndKind.PANIC
    assert '"GUEST_PANICKED"' in (tmp_path / "qmp.jsonl").read_text(), "pvpanic has its driver"
    goes_on(runner, long, record)


def test_oops_without_panic(runner, long, tmp_path, trouble):
    record = during(runner, long, in_guest(HOLD + "insmod trouble.ko what=oops" + GO_ON, trouble))
    assert record.verdict is FAIL
    assert record.message.startswith("BUG: kernel NULL pointer dereference, address: ")
    assert "oops" in "".join(record.splats[0].lines)
    assert set(kept(record, tmp_path)) == {"vmcore"}
    goes_on(runner, long, record)


def test_triple_fault(runner, long, tmp_path, trouble):
    record = during(runner, long, in_guest("insmod /root/trouble.ko what=triple-fault", trouble))
    assert record.verdict is FAIL
    assert "reset" in record.message
    assert runner.vm_records[-1].end is EndKind.RESET
    assert set(kept(record, tmp_path)) == {"registers.txt", "vmcore"}
    goes_on(runner, long, record)


def test_power_off(runner, long, tmp_path):
    record = during(runner, long, in_guest("poweroff -f"))
    assert record.verdict is FAIL
    assert "shut down" in record.message
    assert runner.vm_records[-1].end is EndKind.POWEROFF
    assert set(kept(record, tmp_path)) == {"registers.txt", "vmcore"}
    goes_on(runner, long, record)


def test_soft_lockup(runner, long, tmp_path, trouble):
    # The watchdog speaks after twice that many seconds; 20 s are usual.
    script = "sysctl -w kernel.watchdog_thresh=1; " + HOLD + "insmod trouble.ko what=soft-lockup"
    record = during(runner, long, in_guest(script, trouble))
    assert record.verdict is FAIL
    assert "soft lockup - CPU#0 stuck" in record.message
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert "SSH does not answer; the console does not answer" in report
    # Interrupts are on: the kernel answers on its serial console.
    assert "soft_lockup+0x" in part(report, "sysrq l")
    goes_on(runner, long, record)


def test_hard_lockup(runner, long, tmp_path, trouble):
    script = HOLD + "insmod trouble.ko what=hard-lockup"
    record = during(runner, long, in_guest(script, trouble))
    assert record.verdict is FAIL
    assert record.message.startswith("the guest hangs: ")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert part(report, "sysrq l").split() == ["(nothing)"]
    assert "hard_lockup+0x" in part(report, "NMI")
    assert "running: at " in report or "same address" in report
    assert runner.vm_records[-1].end is EndKind.KILLED_BY_HOST
    goes_on(runner, long, record)


def test_task_stuck_in_the_kernel(runner, long, tmp_path, trouble):
    """Another task has the lock of the case's memory: not even SIGKILL ends the case."""
    child = (
        "$(cat /proc/$(pidof migration_live | tr ' ' '\\n' | sort -n | head -1)/task/*/children)"
    )
    script = f"insmod /root/trouble.ko what=mmap-lock pid={child}"
    record = during(runner, long, in_guest(script, trouble))
    assert record.verdict is FAIL
    assert record.message.startswith("TIMEOUT after 20 s: it did not finish")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt", "vmcore"}
    report = found["hang.txt"].read_text()
    assert "migration_live" in part(report, "sysrq w")
    assert "rwsem_down" in part(report, "sysrq w")
    goes_on(runner, long, record)


def test_ssh_stalls(runner, long, tmp_path):
    record = during(runner, long, in_guest("killall -STOP dropbear"))
    assert record.verdict is MISS
    assert record.message.startswith("the guest's SSH does not answer, but its console does")
    found = kept(record, tmp_path)
    assert set(found) == {"hang.txt"}
    report = found["hang.txt"].read_text()
    assert "SSH does not answer; the console answers" in report
    assert "dropbear" in part(report, "sysrq t")
    goes_on(runner, long, record)


def test_killed_qemu(runner, long, tmp_path):
    record = during(runner, long, on_host(lambda vm: os.kill(vm.pid, signal.SIGKILL)))
    assert record.verdict is MISS
    assert "SIGKILL" in record.message
    assert set(kept(record, tmp_path)) == {"qemu.txt"}
    goes_on(runner, long, record)


def test_stopped_qemu(runner, long, tmp_path):
    record = during(runner, long, on_host(lambda vm: os.kill(vm.pid, signal.SIGSTOP)))
    assert record.verdict is MISS
    assert "QEMU's monitor does not answer; the process is T (stopped)" in record.message
    found = kept(record, tmp_path)
    assert set(found) == {"qemu.txt"}
    goes_on(runner, long, record)


def test_paused_guest(runner, long):
    """Somebody said "stop" to QEMU."""
    record = during(runner, long, on_host(lambda vm: vm.qmp.execute("stop")))
    assert record.verdict is MISS
    assert "QEMU does not run the guest: it is paused" in record.message
    goes_on(runner, long, record)


def test_lost_monitor(runner, long):
    def cut(vm):
        vm.qmp._client._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    record = during(runner, long, on_host(cut))
    assert record.verdict is MISS
    assert "the connection to it is broken" in record.message
    goes_on(runner, long, record)


def test_new_taint(runner, long, trouble):
    """Nothing on the console says so: a module that is not the kernel's own, and goes at once."""
    record = during(
        runner, long, in_guest(HOLD + "insmod trouble.ko what=nothing" + GO_ON, trouble)
    )
    assert record.verdict is FAIL
    assert record.message.startswith("after the case: the kernel is tainted anew: OE (0 before, ")
    goes_on(runner, long, record)


def test_leaked_huge_page(runner, long):
    leak = "fallocate -l 2097152 /dev/hugepages/leak"
    record = during(runner, long, in_guest(HOLD + leak + GO_ON))
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
        record = during(runner, long, on_host(starve))
    finally:
        for process in crowd:
            process.kill()
            process.wait()
    assert record.verdict is MISS
    assert record.message.startswith("the host is too busy: QEMU waited for a CPU for ")
    goes_on(runner, long, record)
