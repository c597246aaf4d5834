# SPDX-License-Identifier: GPL-2.0-only
"""A debug kernel in a real VM: it is slow, and its watchers are asked before the VM ends.

Building one takes minutes, so that these tests are run by hand:

    DEBUG_KERNEL=debug:locking .venv/bin/pytest host_tests/vm/test_debug.py
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness.host.clock import Clock
from harness.run.plan import prepare
from harness.run.runner import Job, Runner
from harness.run.settings import Settings
from harness.suite import catalog
from harness.verdicts.verdict import Verdict

KERNEL = os.environ.get("DEBUG_KERNEL")
pytestmark = pytest.mark.skipif(not KERNEL, reason="DEBUG_KERNEL names no kernel to build and try")


@pytest.fixture(scope="module")
def plan():
    return prepare(Settings("x86_64", kernel=KERNEL or "", timeout_scale=2.0, retries=0))


@pytest.fixture
def job(plan):
    cases = catalog.load(plan.programs)
    case = next(
        c for p, each in cases.items() for c in each if (p.stem, c.name) == ("api", "handshake")
    )
    return Job("guest_tests/api.c::handshake", case, "")


@pytest.fixture
def runner(plan, tmp_path):
    return Runner(plan, tmp_path, Clock(), "vm")


# What the kernel would say; to make it say so takes a bug of its own.
OFF = """
sed 's/debug_locks:.*/debug_locks: 0/' /proc/lockdep_stats >/tmp/off &&
mount --bind /tmp/off /proc/lockdep_stats
"""


def test_a_debug_kernel_is_slow_and_its_watchers_saw_nothing(runner, job):
    with runner:
        assert runner.run(job).verdict is Verdict.PASS
        [guest] = runner.fleet.running.values()
        assert guest.slowness > 1.0
    ended = runner.fleet.records[-1]
    assert ended.slowness == guest.slowness
    assert ended.watchers["lockdep"] == "nothing seen"
    assert set(ended.watchers.values()) == {"nothing seen"}
    assert runner.take_ends() == []


def test_lockdep_that_is_off_is_told(runner, job):
    with runner:
        runner.run(job)
        [guest] = runner.fleet.running.values()
        assert guest.ssh.run(["sh", "-c", OFF], timeout=60).exit_status == 0
    [seen] = [end for end in runner.take_ends() if end.name == "lockdep"]
    assert seen.verdict is Verdict.FAIL
    assert seen.phase == "end"
    assert "lockdep is off at the end of the VM" in seen.message
    assert seen.vm == "vm.1"
    assert seen.diagnostics == ("before it ran api.handshake",)


def test_a_watcher_that_does_not_answer_is_a_miss(runner, job, monkeypatch):
    monkeypatch.setattr("harness.run.last_look._LOCKDEP", "exit 1")
    with runner:
        runner.run(replace(job))
    [seen] = runner.take_ends()
    assert (seen.name, seen.verdict) == ("lockdep", Verdict.MISS)
