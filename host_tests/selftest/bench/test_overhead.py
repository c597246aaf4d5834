# SPDX-License-Identifier: GPL-2.0-only
"""What is read from the run of a hundred cases."""

from __future__ import annotations

import json

import pytest
from bench_data import case, finished

from harness.selftest.bench import overhead
from harness.selftest.bench.figures import BenchError
from harness.verdicts.verdict import Verdict


def hundred():
    return [case(number, started=1 + 0.02 * number) for number in range(100)]


def test_intervals_are_between_consecutive_starts():
    found = overhead.intervals(finished(list(reversed(hundred()))))
    assert len(found) == 99
    assert found == pytest.approx([0.02] * 99)


@pytest.mark.parametrize(
    ("cases", "what"),
    [
        (hundred()[:99], "99 cases"),
        ([*hundred()[:99], case(99, started=3, vm="vm.2")], "in 2 VMs"),
        ([*hundred()[:99], case(99, started=3, verdict=Verdict.FAIL)], "FAIL"),
    ],
)
def test_a_run_that_says_nothing_of_one_vm(cases, what):
    with pytest.raises(BenchError, match=what):
        overhead.intervals(finished(cases))


def test_the_command_is_that_of_the_last_case(tmp_path):
    last = ["/tests/api", "run", "handshake", "--id", "api.handshake"]
    entries = [
        {"connect": 22},
        {"command": ["sh", "-c", "tar"]},
        {"command": ["/tests/api", "run", "x"]},
        {"command": last},
        {"command": ["true"]},
    ]
    (tmp_path / "ssh.jsonl").write_text("".join(json.dumps(each) + "\n" for each in entries))
    assert overhead.command(tmp_path) == last
