# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the bench, one round of each, on real VMs."""

from __future__ import annotations

import json
import os

import pytest

from harness.selftest.bench import boots, clones, first_case, overhead, runs, suite
from harness.selftest.bench.bench import Bench


@pytest.fixture
def bench(plan, tmp_path):
    return Bench(plan, 1, tmp_path)


def measured(part, bench):
    """The figures of ``part`` by their keys; each has a value above zero."""
    found = {each.key: each for each in part(bench)}
    for each in found.values():
        assert each.values, each
        assert min(each.values) > 0, each
    return found


def test_cold_boots_both_ways_and_makes_templates_elsewhere(bench):
    found = measured(boots.cold, bench)
    assert found["cold.ratio"].median == pytest.approx(
        found["cold.ready"].median / found["cold.bare"].median, rel=0.001
    )
    # Both boot the same kernel: no more than noise can make the bare one much slower.
    assert found["cold.ratio"].median > 0.5
    assert found["cold.ssh"].median < found["cold.ready"].median
    # The first run boots, too, and does more.
    assert found["cold.first_run"].median > 0.5 * found["cold.ready"].median
    assert not list(bench.folder.glob("cache-*"))


def test_the_bare_image_has_busybox_and_no_sshd(plan):
    image = boots.bare_image(plan)
    assert b"bin/busybox\0" in image
    assert b"usr/sbin/dropbear\0" not in image


def test_warm_starts_from_a_saved_vm_and_its_steps_make_up_the_whole(bench):
    found = measured(first_case.warm, bench)
    steps = ("lookup", "restored", "renewed", "ssh", "ready")
    for number, whole in enumerate(found["warm.first_case"].values):
        parts = sum(found[f"warm.{step}"].values[number] for step in steps)
        assert parts == pytest.approx(whole, abs=0.01)
    assert found["warm.first_case"].median < found["warm.whole"].median


def test_overhead_is_the_difference_of_a_hundred_cases_and_a_loop(bench):
    found = {each.key: each for each in overhead.overhead(bench)}
    case, loop, each = (found[f"overhead.{key}"].median for key in ("case", "loop", "each"))
    assert each == pytest.approx(case - loop, abs=0.01)
    # A process that runs in an emulated CPU takes longer than 1 ms.
    assert loop > 1
    [folder] = bench.folder.glob("run-*/latest-x86_64")
    record = json.loads((folder / "results.json").read_text())
    assert len({case["id"] for case in record["cases"]}) == 100
    commands = [
        json.loads(line)["command"]
        for line in (folder / "ssh.jsonl").read_text().splitlines()
        if '"command"' in line
    ]
    programs = [argv for argv in commands if argv[0] == "/tests/api"]
    assert len(programs) == 100, "a process of its own for each case"
    assert os.environ.get("HARNESS_BENCH_REPEAT") is None


def test_memory_is_shared_by_clones(bench):
    found = measured(clones.memory, bench)
    for count in (1, 2, 8):
        parts = found[f"memory.own_{count}"].median + found[f"memory.shared_{count}"].median
        assert parts == pytest.approx(found[f"memory.ram_{count}"].median, rel=0.05)
    assert found["memory.ram_8"].median < 8 * found["memory.ram_1"].median
    assert found["memory.shared_8"].median < 2 * found["memory.shared_1"].median
    assert found["memory.disk_8"].median == found["memory.disk_1"].median


def test_the_suite_runs_in_each_way(bench, monkeypatch):
    """Three cases stand for all of them."""
    run = runs.run

    def fewer(bench, *words, **more):
        return run(bench, "-k", "handshake and not compat", *words, **more)

    monkeypatch.setattr(runs, "run", fewer)
    found = measured(suite.suite, bench)
    sample = {f"suite.sample_{way}_{jobs}" for way in ("vm", "case") for jobs in (1, 2)}
    assert set(found) == {"suite.vm_1", "suite.vm_2", "suite.cold", *sample}
    notes = {key: each.note for key, each in found.items()}
    assert notes["suite.vm_1"] == notes["suite.sample_vm_1"] == "3 PASS, 1 VMs"
    assert notes["suite.sample_case_1"] == notes["suite.sample_case_2"] == "3 PASS, 3 VMs"
