# SPDX-License-Identifier: GPL-2.0-only
"""The same ends on arm64: some of them in every run of the tests, all with ``ALL_ENDS=1``.

What is the harness's own in them is tested on x86_64 (test_ends); here it is that QEMU and the
kernel of another architecture tell the same.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness.host.clock import Clock
from harness.run.plan import prepare
from harness.run.runner import Job, Patience, Runner
from harness.run.settings import Settings
from harness.selftest.soak import kinds, module, provoke
from harness.selftest.soak.kinds import KINDS
from harness.selftest.soak.provoke import Strike
from harness.suite.catalog import cases
from harness.verdicts import judge

# Kind of trouble -> the evidence it leaves.  The first three are the quick ones.
EVIDENCE = {
    "panic": {"registers.txt", "vmcore"},
    "power-off": {"registers.txt", "vmcore"},
    "hard-lockup": {"hang.txt", "vmcore"},
    "reset": {"registers.txt", "vmcore"},
    "oops": {"vmcore"},
    "taint": {"vmcore"},
    "leak": {"vmcore"},
    "soft-lockup": {"hang.txt", "vmcore"},
    "stuck": {"hang.txt", "vmcore"},
    "stopped": {"hang.txt"},
    "ssh-stalls": {"hang.txt"},
    "oom": {"hang.txt"},
    "monitor-gone": {"qemu.txt"},
    "qemu-killed": {"qemu.txt"},
    "qemu-stopped": {"qemu.txt"},
    "paused": {"qemu.txt"},
}
QUICK = ("panic", "power-off", "hard-lockup")
CHOSEN = tuple(EVIDENCE) if os.environ.get("ALL_ENDS") else QUICK


@pytest.fixture(scope="module")
def arm64():
    scale = float(os.environ.get("TIMEOUT_SCALE", "1"))
    return prepare(Settings("arm64", accelerator="tcg", timeout_scale=scale))


@pytest.fixture(scope="module")
def troubles(arm64):
    return provoke.troubles(module.module(arm64))


@pytest.fixture
def job(arm64):
    path = next(p for p in arm64.programs if p.name == "migration_live")
    case = next(c for c in cases(path) if c.name == "live_migration")
    case = replace(case, timeout=kinds.limit(case, arm64) / 2, profile="contract")
    name = "guest_tests/migration_live.c::live_migration[hugetlb-shared]"
    return Job(name, case, "hugetlb-shared")


@pytest.mark.parametrize("name", CHOSEN)
def test_end(arm64, troubles, job, name, tmp_path, monkeypatch):
    # The tests may run beside others, and what is tested is not the host.
    monkeypatch.setattr(judge, "STARVED", 2.0)
    # Else there would be a vmcore.txt with each dump.
    monkeypatch.delenv("VMLINUX", raising=False)
    with Runner(arm64, tmp_path, Clock(), "test") as runner:
        pace = kinds.pace(arm64)
        # A hang on x86_64 waits for all of it: here a half of each must do.
        runner.patience = Patience(pace.grace / 2, pace.answer / 2)
        strike = runner.before_case = Strike(troubles[name])
        record = runner.run(job)
    took = record.started + record.duration - strike.when
    print(f"{name}: {record.verdict} after {took:.1f} s: {record.message}; {record.evidence}")
    assert strike.failed == ""
    assert kinds.wrong(KINDS[name], record) == ""
    paths = [tmp_path / file for file in record.evidence]
    own = {path.name: path for path in paths if path.parent != tmp_path}
    assert set(own) == EVIDENCE[name]
    assert all(path.stat().st_size for path in own.values())
    if "hang.txt" in own and name.endswith("lockup"):
        # Where it stands: there is no NMI on arm.
        assert "PC=" in own["hang.txt"].read_text()
    if "registers.txt" in own:
        assert "PC=" in own["registers.txt"].read_text()


def test_all_kinds_are_known_here():
    there = {name for name, kind in KINDS.items() if not kind.arches or "arm64" in kind.arches}
    # A full disk is the host's: test_ends has it, and it leaves the guest alone.
    assert set(EVIDENCE) == there - {"nothing", kinds.FULL_DISK}
