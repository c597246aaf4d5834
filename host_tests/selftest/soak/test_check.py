# SPDX-License-Identifier: GPL-2.0-only
"""What a campaign finds wrong in a run, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from soak_data import (
    BATCH,
    BEGINS,
    BESIDE,
    CASES,
    KILLED,
    NOTHING,
    OFF,
    STEPS,
    STRIKES,
    case,
    ended,
)

from harness.results.record import Retry
from harness.selftest.soak.check import BYSTANDER, WHOLE, check
from harness.selftest.soak.child import Left
from harness.verdicts.verdict import Verdict

FAIL, MISS = Verdict.FAIL, Verdict.MISS


def faults(checked):
    return {
        (row, fault): number
        for row, count in checked.counts.items()
        for fault, number in count.faults.items()
    }


def test_a_run_that_went_as_it_must(tmp_path):
    checked = check(BATCH, ended(tmp_path))
    assert faults(checked) == {}
    assert checked.complaints == []
    assert {row: count.cases for row, count in checked.counts.items()} == {
        "power-off": 1, BYSTANDER: 1, "nothing": 1, "qemu-killed": 1,
    }  # fmt: skip
    assert checked.counts["power-off"].seconds == [6.0]


def other(old, **changes):
    return [replace(old, **changes) if known is old else known for known in CASES]


@pytest.mark.parametrize(
    ("what", "row", "fault"),
    [
        # Not its verdict; its verdict for another reason; a case that nobody troubled.
        ({"cases": other(OFF, verdict=MISS), "code": 125}, "power-off", "wrong"),
        ({"cases": other(OFF, message="panic: x")}, "power-off", "wrong"),
        ({"cases": other(NOTHING, verdict=FAIL, message="x")}, "nothing", "wrong"),
        ({"cases": other(BESIDE, verdict=FAIL, message="x")}, BYSTANDER, "wrong"),
        ({"cases": other(OFF, verdict=Verdict.PASS, message="", duration=30.0), "code": 125},
         "power-off", "wrong"),
        ({"cases": [OFF, NOTHING, KILLED]}, BYSTANDER, "lost"),
        ({"cases": [BESIDE, NOTHING, KILLED], "code": 125}, "power-off", "lost"),
        ({"cases": [*CASES, case(replace(STEPS[1], suffix="~9"), "gw1.1")]}, WHOLE, "wrong"),
        ({"begins": [*BEGINS, ("gw1.1", "api.handshake")]}, WHOLE, "twice"),
        ({"begins": [*BEGINS, ("gw1.2", "api.handshake")]}, WHOLE, "twice"),
        ({"code": 0}, WHOLE, "wrong"),
        ({"code": 125}, WHOLE, "wrong"),
        ({"complete": False}, WHOLE, "wrong"),
        ({"strikes": {**STRIKES, STEPS[0].id: {"failed": "no SSH", "when": None}}},
         "power-off", "wrong"),
        # It passed because there was no trouble: nothing was tested.
        ({"cases": other(OFF, verdict=Verdict.PASS, message=""), "code": 125,
          "strikes": {**STRIKES, STEPS[0].id: {"failed": "no SSH", "when": None}}},
         "power-off", "wrong"),
        ({"cases": other(OFF, verdict=Verdict.PASS, message=""), "code": 125,
          "strikes": {STEPS[2].id: STRIKES[STEPS[2].id], STEPS[3].id: STRIKES[STEPS[3].id]}},
         "power-off", "wrong"),
        # Retries that nobody asked for.
        ({"cases": other(OFF, retries=(Retry(Verdict.PASS, "", "retry.1", 1.0),)),
          "begins": [*BEGINS, ("retry.1", "race.waiters[shmem-shared]")]}, WHOLE, "wrong"),
        ({"left": Left(processes=("17 qemu",))}, WHOLE, "orphans"),
        ({"left": Left(files=("/tmp/uffd-x",))}, WHOLE, "files"),
        ({"left": Left(ports=(4711,))}, WHOLE, "ports"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(tmp_path, what, row, fault):
    checked = check(BATCH, ended(tmp_path, **what))
    assert faults(checked) == {(row, fault): 1}
    [complaint] = checked.complaints
    assert complaint.startswith(f"run 7, arm64, {row}: {fault}: ")


def test_a_run_without_records_has_lost_every_case(tmp_path):
    nothing = replace(ended(tmp_path), results=None, code=125)
    lost = {(row, "lost"): 1 for row in ("power-off", BYSTANDER, "nothing", "qemu-killed")}
    assert faults(check(BATCH, nothing)) == lost


def test_records_that_cannot_be_read(tmp_path):
    broken = ended(tmp_path)
    (tmp_path / "results.json").write_text("{")
    found = faults(check(BATCH, broken))
    assert found[WHOLE, "wrong"] == 1
    assert found["nothing", "lost"] == 1


@pytest.mark.parametrize("strike", [{"when": 9.8}, {"when": 2.0, "late": True}])
def test_a_trouble_that_came_too_late_is_none(tmp_path, strike):
    """The case had passed by then: from 1 s to 10 s."""
    cases = other(OFF, verdict=Verdict.PASS, message="")
    strikes = {**STRIKES, STEPS[0].id: strike}
    checked = check(BATCH, ended(tmp_path, cases=cases, strikes=strikes, code=125))
    assert faults(checked) == {}
    assert checked.counts["power-off"].late == 1


def test_retries_are_part_of_the_record(tmp_path):
    batch = replace(BATCH, retries=1)
    again = ("retry.1", "race.waiters[shmem-shared]")
    tried = other(OFF, retries=(Retry(Verdict.PASS, "", "retry.1", 1.0),))
    well = ended(tmp_path, cases=tried, begins=[*BEGINS, again])
    assert faults(check(batch, well)) == {}
    assert faults(check(batch, ended(tmp_path))) == {(WHOLE, "wrong"): 1}, "it was not retried"
    failed = other(OFF, retries=(Retry(FAIL, "x", "retry.1", 1.0),))
    bad = ended(tmp_path, cases=failed, begins=[*BEGINS, again])
    assert faults(check(batch, bad)) == {(WHOLE, "wrong"): 1}
