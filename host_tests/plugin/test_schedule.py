# SPDX-License-Identifier: GPL-2.0-only
"""How many VMs, and in which order: decided from data alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness import architectures
from harness.plugin import schedule
from harness.plugin.schedule import Host, Jobs

PROFILES = {
    "contract": architectures.Profile(cpus=1, memory_mib=1024, nodes=1, hugepages={"2M": 256}),
    "race": architectures.Profile(cpus=2, memory_mib=1024, nodes=1, hugepages={"1G": 2}),
    "giant": architectures.Profile(cpus=2, memory_mib=5120, nodes=1, hugepages={"1G": 2}),
}
MIXED = ["contract"] * 100 + ["race"] * 3
PLENTY = 1 << 20  # MiB


@pytest.mark.parametrize(
    ("host", "profiles", "accelerator", "said"),
    [
        (Host(2, PLENTY), MIXED, "tcg", "2 VMs: 2 cores"),
        (Host(1, PLENTY), MIXED, "tcg", "1 VM: 1 core"),
        (Host(8, PLENTY), MIXED, "tcg", "8 VMs: 8 cores"),
        (Host(8, PLENTY), MIXED, "kvm", "8 VMs: 8 cores"),
        # Under TCG each virtual CPU keeps a core busy; under KVM it sleeps when it has nothing.
        (Host(8, PLENTY), ["race"] * 3, "tcg", "4 VMs: 8 cores, 2 for each"),
        (Host(8, PLENTY), ["race"] * 3, "kvm", "8 VMs: 8 cores"),
        (Host(1, PLENTY), ["race"] * 3, "tcg", "1 VM: 1 core, 2 for each"),
        # A worker may have a VM of each profile: 2 x (1024 + 256) MiB.
        (Host(8, 6000), MIXED, "tcg", "2 VMs: 6000 MiB of memory free, 2560 MiB each"),
        (Host(8, 6000), ["contract"] * 9, "tcg", "4 VMs: 6000 MiB of memory free, 1280 MiB each"),
        # Of the largest one only its huge pages and what else a guest needs: 2 x 1024 + 512.
        (Host(8, 6000), ["giant"] * 9, "kvm", "2 VMs: 6000 MiB of memory free, 2816 MiB each"),
        # Too little for one: it is tried all the same, and QEMU says what it lacks.
        (Host(8, 100), MIXED, "tcg", "1 VM: 100 MiB of memory free, 2560 MiB each"),
        (Host(3, None), MIXED, "tcg", "3 VMs: 3 cores"),
    ],
)
def test_room(host, profiles, accelerator, said):
    assert str(schedule.room(profiles, PROFILES, accelerator, host)) == said


@pytest.mark.parametrize(
    ("most", "cases", "said"),
    [
        (8, 100, "8 VMs: why"),
        (8, 8, "8 VMs: why"),
        (8, 3, "3 VMs: 3 cases"),
        (8, 1, "1 VM: 1 case"),
        (1, 1, "1 VM: 1 case"),
        (1, 100, "1 VM: why"),
        (8, 0, "1 VM: 0 cases"),
    ],
)
def test_never_more_than_cases(most, cases, said):
    assert str(schedule.limited(Jobs(most, "why"), cases)) == said


@pytest.mark.parametrize(
    ("most", "seconds", "said"),
    [
        (2, 44.0, "2 VMs: why"),
        (2, 4.0, "2 VMs: why"),
        (2, 3.9, "1 VM: 3.9 s of cases"),
        (16, 44.0, "16 VMs: why"),
        (32, 44.0, "22 VMs: 44.0 s of cases"),
        (8, 0.0, "1 VM: 0.0 s of cases"),
    ],
)
def test_a_vm_is_not_started_for_little(most, seconds, said):
    assert str(schedule.worthwhile(Jobs(most, "why"), seconds)) == said


def test_how_long_cases_take():
    times = {"a": 1.0, "b": 0.0}
    assert schedule.work(["a", "b"], times, "vm") == 1.0
    assert schedule.work(["a", "b"], times, "case") == 2.0
    assert schedule.work(["unknown"], times, "vm") == 0.4


def test_the_longest_come_first_group_by_group():
    cases = [("a", "contract"), ("r", "race"), ("b", "contract"), ("c", "contract"), ("s", "race")]
    times = {"a": 1.0, "b": 3.0, "c": 2.0, "r": 0.5, "s": 0.7}
    assert [cases[n][0] for n in schedule.order(cases, times)] == ["s", "r", "b", "c", "a"]


def test_without_times_the_order_stays_as_declared():
    cases = [(name, "contract") for name in "dacb"]
    assert schedule.order(cases, {}) == [0, 1, 2, 3]


def test_a_case_that_nobody_timed_comes_before_those_of_its_group():
    cases = [("a", "contract"), ("new", "contract"), ("b", "contract"), ("newer", "contract")]
    order = schedule.order(cases, {"a": 1.0, "b": 2.0})
    assert [cases[n][0] for n in order] == ["new", "newer", "b", "a"]


def test_the_order_is_the_same_whatever_the_cases_came_in():
    cases = [(f"case{n}", "race" if n % 5 == 0 else "contract") for n in range(50)]
    times = {name: float(hash(name) % 7) + place / 1000 for place, (name, _) in enumerate(cases)}
    wanted = [cases[n] for n in schedule.order(cases, times)]
    assert sorted(wanted) == sorted(cases)
    back = cases[::-1]
    assert [back[n] for n in schedule.order(back, times)] == wanted


def test_times_of_a_record(tmp_path):
    record = tmp_path / "results.json"
    cases = [{"id": "a", "duration": 1.5, "verdict": "PASS"}, {"id": "b", "duration": 0}]
    record.write_text(json.dumps({"schema": 99, "cases": cases}))
    assert schedule.last_times(record) == {"a": 1.5, "b": 0.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cases": 7}',
        '{"cases": [7]}',
        '{"cases": [{"id": "a"}]}',
        '{"cases": [{"id": 7, "duration": 1}]}',
        '{"cases": [{"id": "a", "duration": "long"}]}',
        '{"cases": [{"id": "a", "duration": -1}]}',
        '{"cases": [{"id": "a", "duration": NaN}]}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_a_damaged_record_says_nothing(tmp_path, text):
    record = tmp_path / "results.json"
    record.write_text(text, errors="surrogatepass")
    assert schedule.last_times(record) == {}


def test_no_record_says_nothing(tmp_path):
    assert schedule.last_times(tmp_path / "results.json") == {}


def test_this_host():
    host = schedule.this_host()
    assert 1 <= host.cores <= os.cpu_count()
    total = Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0]
    assert 0 < host.memory_mib <= int(total) >> 10


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """A cgroup of ours, /jobs/ours, whose files a test writes."""
    ours = tmp_path / "jobs" / "ours"
    ours.mkdir(parents=True)
    (tmp_path / "cgroup").write_text("1:cpu:/elsewhere\n0::/jobs/ours\n")
    (tmp_path / "meminfo").write_text("MemTotal: 99999999 kB\nMemAvailable:   8388608 kB\n")
    monkeypatch.setattr(schedule, "_CGROUPS", tmp_path)
    monkeypatch.setattr(schedule, "_MY_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(schedule, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    return ours


def test_a_host_without_limits(limits):
    assert schedule.this_host() == Host(16, 8192)
    (limits / "cpu.max").write_text("max 100000\n")
    (limits / "memory.max").write_text("max\n")
    (limits / "memory.current").write_text("5\n")
    assert schedule.this_host() == Host(16, 8192)


def test_a_containers_limits_count(limits):
    (limits / "cpu.max").write_text("350000 100000\n")
    (limits / "memory.max").write_text(f"{4 << 30}\n")
    (limits / "memory.current").write_text(f"{1 << 30}\n")
    assert schedule.this_host() == Host(3, 3072)


def test_the_tightest_limit_counts(limits):
    (limits / "cpu.max").write_text("800000 100000\n")
    (limits.parent / "cpu.max").write_text("50000 100000\n")
    assert schedule.this_host() == Host(1, 8192)


@pytest.mark.parametrize("text", ["", "much", "1 0", "-"])
def test_limits_that_cannot_be_read_are_none(limits, text):
    for name in ("cpu.max", "memory.max", "memory.current"):
        (limits / name).write_text(text)
    schedule._MEMINFO.write_text("MemAvailable: some kB\n")
    schedule._MY_CGROUP.write_text("0::/jobs/ours\n")
    assert schedule.this_host() == Host(16, None)
