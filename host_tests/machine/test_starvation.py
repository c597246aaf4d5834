# SPDX-License-Identifier: GPL-2.0-only
"""What the host says of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from harness.machine import starvation


def test_a_process_that_is_stopped():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            assert starvation.state(child.pid) == "T (stopped)"
            lines = starvation.describe(child.pid)
            assert any(line.startswith("State:\tT (stopped)") for line in lines)
            assert any(line.startswith(f"thread {child.pid} ") and ": state T" in line
                       for line in lines)  # fmt: skip
        finally:
            child.kill()
    assert starvation.state(child.pid) == "gone"
    assert starvation.describe(child.pid) == []


def test_a_process_that_sleeps_does_not_wait_for_a_cpu():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            begun = time.monotonic()
            while starvation.state(child.pid)[0] != "S" and time.monotonic() < begun + 20:
                time.sleep(0.05)
            waiting = starvation.Waiting(child.pid)
            time.sleep(0.3)
            assert waiting.share() < 0.5
        finally:
            child.kill()


def test_a_process_among_many_waits():
    """Ten that never sleep, on one CPU: each of them waits for nine tenths of the time."""
    busy = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    many = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(10)]
    try:
        time.sleep(0.5)
        waiting = starvation.Waiting(many[0].pid)
        time.sleep(1.0)
        assert waiting.share() > 0.7
    finally:
        for child in many:
            child.kill()
            child.wait()


def test_a_process_that_is_gone_waits_for_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert starvation.Waiting(child.pid).share() == 0.0
