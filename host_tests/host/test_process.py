# SPDX-License-Identifier: GPL-2.0-only
"""Children end with the process that started them, whatever ended that one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.host.process import die_with_parent, end, spawn

ROOT = Path(__file__).resolve().parents[2]
# Starts a child through spawn(), says its pid, and does not end by itself.
PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job has it ignored
from harness.host.process import spawn
child = spawn([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""
SLEEP = "import time; time.sleep(60)"
# The child starts one of its own in the same way and says its pid.
CHAIN = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from harness.host.process import spawn
print(spawn(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # whoever adopted it may not have reaped it yet


def gone(pid: int, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running(pid)


@pytest.fixture
def parent():
    started = []

    def start(code: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", PARENT, code]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_child_is_in_a_process_group_of_its_own():
    with spawn(["sleep", "60"]) as child:
        try:
            assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
            assert os.getsid(child.pid) == os.getsid(0)  # but keeps the terminal
        finally:
            child.kill()


def test_a_child_gets_what_popen_takes():
    with spawn(["sh", "-c", "pwd; exit 3"], stdout=subprocess.PIPE, cwd="/") as child:
        assert child.stdout.read() == b"/\n"
    assert child.returncode == 3


def test_a_program_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        spawn(["/no/such/program"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_is_killed_when_its_parent_is(parent, number):
    process = parent(SLEEP)
    child = int(process.stdout.readline())
    assert running(child)
    process.send_signal(number)
    assert gone(child)


def test_a_chain_of_children_ends_with_its_first(parent):
    process = parent(CHAIN)
    pids = {int(process.stdout.readline()) for _ in range(2)}
    assert len(pids) == 2
    assert all(running(pid) for pid in pids)
    process.send_signal(signal.SIGKILL)
    assert all(gone(pid) for pid in pids)


def test_a_child_whose_parent_was_gone_already_ends_itself():
    process = os.fork()
    if process == 0:
        die_with_parent(1 << 22)  # above every pid (include/linux/threads.h): not our parent
        os._exit(0)  # not reached
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 1


def test_a_child_lives_while_its_parent_does():
    process = os.fork()
    if process == 0:
        die_with_parent(os.getppid())
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_an_interrupt_ends_the_run_as_ctrl_c_does(tmp_path):
    """It is told to end, and waited for: nothing is killed that has to clean up."""
    told = tmp_path / "told"
    script = (
        "import pathlib, signal, time\n"
        f"def end(*_): time.sleep(0.3); pathlib.Path({str(told)!r}).write_text('x'); exit(130)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('there', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = spawn([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    assert end(process) == 130
    assert told.exists()
    # And again: it has ended.
    assert end(process) == 130


def test_a_run_that_does_not_end_is_killed():
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    script += "; time.sleep(60)"
    process = spawn([sys.executable, "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()
    assert end(process, 0.3) == -signal.SIGKILL


ENDS = """
import signal, sys, time
from harness.host.process import end_on_signals
if sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
end_on_signals()
try:
    print("ready", flush=True)
    time.sleep(1 if sys.argv[1] == "nohup" else 60)
except KeyboardInterrupt:
    time.sleep(0.5)
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("mode", "number", "code"),
    [
        ("", signal.SIGTERM, 130),
        ("", signal.SIGHUP, 130),
        ("nohup", signal.SIGHUP, 0),
        ("nohup", signal.SIGTERM, 130),
    ],
)
def test_signals_that_end_a_run_in_order(mode, number, code):
    argv = [sys.executable, "-c", ENDS, mode]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    time.sleep(0.2)
    # A terminal and its shell both say that it is gone: cleaning up must not be disturbed.
    process.send_signal(signal.SIGHUP)
    assert process.wait(20) == code
