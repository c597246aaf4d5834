# SPDX-License-Identifier: GPL-2.0-only
"""What is made of a cell's run, and how a matrix is kept."""

import json

import pytest
from results_data import ONE_OF_EACH, case, run

from harness.errors import InputError
from harness.matrix import record
from harness.matrix.record import CellRecord, Matrix
from harness.verdicts.verdict import Verdict

PASS, FAIL, ERROR, MISS, SKIP = Verdict


def cell(**more):
    facts = {
        "arch": "x86_64",
        "kernel": "debian:sid",
        "verdict": MISS,
        "why": "not yet",
        "exit_code": 0,
        "started": "2026-07-02T12:00:00Z",
        "wall": 90.0,
        "log": "x86_64-debian_sid.log",
        "command": ("harness", "run"),
    }
    return CellRecord(**(facts | more))


def learned(*verdicts, exit_code=0, **more):
    cases = [case(n, verdict) for n, verdict in enumerate(verdicts)]
    return record.learned(cell(exit_code=exit_code), run(cases, **more), "folder", "trouble")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([PASS], PASS),
        ([PASS, SKIP], PASS),
        ([PASS, ERROR], ERROR),
        ([ERROR, MISS, PASS], MISS),
        ([MISS, FAIL, ERROR, PASS], FAIL),
        ([SKIP], MISS),
        ([], MISS),
    ],
)
def test_verdict_of_a_cell_is_the_worst_of_its_cases(verdicts, expected):
    assert learned(*verdicts).verdict is expected


def test_a_cell_says_why_it_is_a_miss():
    assert learned(PASS).why == ""
    assert learned(SKIP, exit_code=125).why == "not one case applied"
    assert learned(MISS, exit_code=125).why == ""  # its case says it


def test_a_run_that_broke_off_is_not_green():
    cut = learned(PASS, complete=False)
    assert (cut.verdict, cut.why) == (MISS, "the run broke off: trouble")
    assert not cut.complete
    assert learned(FAIL, complete=False).verdict is FAIL  # what it saw, it saw


def test_a_run_that_ended_badly_is_not_green():
    odd = learned(PASS, exit_code=125)
    assert (odd.verdict, odd.why) == (MISS, "the run ended with 125: trouble")
    assert learned(PASS, exit_code=-9).verdict is MISS


def test_the_kernels_facts_are_kept():
    found = record.learned(cell(), run(ONE_OF_EACH, durations={"startup": 2.5}), "folder", "")
    assert found.folder == "folder"
    assert (found.release, found.version) == ("6.1.0-50-amd64", "6.1.176")
    assert found.prepared == 2.5
    assert found.counts == {"PASS": 1, "FAIL": 1, "ERROR": 1, "MISS": 1, "SKIP": 1}


def test_a_matrix_is_read_as_it_was_written(tmp_path):
    matrix = Matrix("all", "2026-07-02T12:00:00Z", cells=(learned(PASS), cell()), waiting=("a b",))
    record.save(matrix, tmp_path)
    assert record.load(tmp_path) == matrix
    assert (tmp_path / "matrix.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["matrix.json"]


def test_a_matrix_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        record.load(tmp_path)
    (tmp_path / "matrix.json").write_text("{")
    with pytest.raises(InputError, match="cannot read"):
        record.load(tmp_path)
    (tmp_path / "matrix.json").write_text(json.dumps({"schema": 2}))
    with pytest.raises(InputError, match="reads schema 1"):
        record.load(tmp_path)
