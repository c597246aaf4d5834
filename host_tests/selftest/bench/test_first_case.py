# SPDX-License-Identifier: GPL-2.0-only
"""What is read from a run's record of its first case."""

from __future__ import annotations

import pytest
from bench_data import case, finished, vm

from harness.selftest.bench import first_case


def test_the_first_case_can_start_when_its_vm_is_ready():
    found = finished([case(0, started=2.5)], [vm("vm.2", started=8.0), vm(started=2.0)])
    assert found.first_vm.name == "vm.1"
    assert found.first_case == pytest.approx(2.0 + 0.45 - 1.5)


def test_from_the_process_to_the_first_cases_end():
    durations = {"startup": 0.2, "collection": 0.1}
    cases = [case(1, started=3, duration=0.5), case(0, started=2.5, duration=0.25)]
    found = finished(cases, durations=durations)
    assert found.first_done == pytest.approx(0.2 + 0.1 + 2.75 - 1.5)
    assert finished(cases).first_done is None


def test_the_harness_itself():
    one = finished([], durations={"startup": 0.2, "collection": 0.1, "kernel": 5.0})
    assert first_case._own([one, one]).values == (0.3, 0.3)
    none = first_case._own([one, finished([])])
    assert none.median is None
    assert "do not say" in none.note


def test_steps_make_up_the_whole():
    found = finished([])
    steps = [first_case._step(found, first, last) for first, last, _ in first_case._STEPS]
    assert sum(steps) == pytest.approx(found.first_vm.boot_stages["ready"])
    assert steps == pytest.approx([0.1, 0.2, 0.1, 0.05])
