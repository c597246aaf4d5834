# SPDX-License-Identifier: GPL-2.0-only
"""One clock for all processes of a run."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

from harness.host.clock import Clock, since_process_start

ROOT = Path(__file__).resolve().parents[2]
READ = """
import pickle, sys
clock = pickle.loads(sys.stdin.buffer.read())
print(clock.now(), clock.began_wall)
"""


def test_it_counts_from_its_making():
    before = time.monotonic()
    clock = Clock()
    assert 0 <= clock.now() <= time.monotonic() - before
    time.sleep(0.05)
    assert 0.05 <= clock.now() <= time.monotonic() - before


def test_it_is_the_same_in_another_process():
    clock = Clock()
    time.sleep(0.2)  # a clock that began anew there would be behind
    for _ in range(3):
        before = clock.now()
        argv = [sys.executable, "-c", READ]
        done = subprocess.run(
            argv, cwd=ROOT, input=pickle.dumps(clock), capture_output=True, check=True
        )
        there, wall = map(float, done.stdout.split())
        assert before < there < clock.now()
        assert wall == clock.began_wall


def test_it_knows_the_date_it_began():
    assert abs(Clock().began_wall - time.time()) < 5


def test_a_step_of_the_wall_clock_does_not_matter():
    clock = Clock()
    stepped = Clock(clock.began_wall - 86400, clock.began_monotonic)
    assert abs(stepped.now() - clock.now()) < 1


def test_two_runs_have_two_clocks():
    first = Clock()
    time.sleep(0.01)
    assert Clock().began_monotonic > first.began_monotonic


def test_the_age_of_a_process_counts_from_its_start():
    """From exec(2) on, the interpreter's own start included; the kernel keeps it to 0.01 s."""
    script = (
        "import time; time.sleep(0.3); from harness.host.clock import since_process_start as age; "
        "print(age(), time.monotonic())"
    )
    before = time.monotonic()
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    age, now = map(float, done.stdout.split())
    assert 0.3 < age <= now - before + 0.02
    # What fork(2) and exec(2) took is all that may be missing.
    assert age > now - before - 0.25
    assert since_process_start() > age
