# SPDX-License-Identifier: GPL-2.0-only
"""A matrix whose runs are those of fake_harness.py: it goes on, and keeps what it had."""

import sys
from pathlib import Path

import pytest

from harness.matrix import record
from harness.matrix.cells import Cell
from harness.matrix.record import Matrix
from harness.matrix.run import Runner, said, to_do
from harness.verdicts.verdict import Verdict

FAKE = (sys.executable, str(Path(__file__).with_name("fake_harness.py")))


def runner(folder, **more):
    folder.mkdir(exist_ok=True)
    return Runner(folder, Matrix("all", "2026-07-02T12:00:00Z"), harness=FAKE, **more)


def cells(*kernels):
    return [Cell("x86_64", kernel) for kernel in kernels]


@pytest.fixture
def ran(tmp_path):
    """Return what became of one cell for each of ``kernels``, by kernel."""

    def run(*kernels, **more):
        one = runner(tmp_path / "matrix", **more)
        one.run(cells(*kernels), cells(*kernels))
        assert record.load(one.folder) == one.matrix
        return {cell.kernel: cell for cell in one.matrix.cells}

    return run


def test_it_goes_on_after_whatever_happens(ran):
    names = ("FAIL", "gone", "killed", "ERROR", "silent", "MISS", "SKIP", "lies", "PASS")
    found = ran(*names)
    assert tuple(found) == names
    verdicts = {name: cell.verdict.value for name, cell in found.items()}
    assert verdicts == {
        **dict.fromkeys(names, "MISS"),
        **{name: name for name in ("FAIL", "ERROR", "MISS", "PASS")},
    }


def test_a_kernel_that_the_mirror_no_longer_has_is_a_miss_with_the_reason(ran):
    cell = ran("gone")["gone"]
    assert cell.verdict is Verdict.MISS
    assert cell.why == "the mirror has no suite 'gone' (any more)"
    assert cell.counts is None
    assert cell.exit_code == 200
    assert said(cell) == "MISS: the mirror has no suite 'gone' (any more)"


def test_other_misses_have_their_reason(ran):
    found = ran("silent", "killed", "lies", "SKIP")
    assert found["silent"].why == "it said nothing"
    assert found["killed"].why == "the run broke off: it said nothing"
    assert found["killed"].exit_code == -9
    assert found["lies"].why == "the run ended with 125: the disk is full"
    assert found["SKIP"].why == "not one case applied"


def test_what_is_kept_of_a_run(ran, tmp_path):
    cell = ran("FAIL", options=("-n", "2"))["FAIL"]
    assert cell.counts == {"PASS": 1, "FAIL": 1, "ERROR": 0, "MISS": 0, "SKIP": 0}
    assert cell.why == ""
    assert cell.complete
    assert (tmp_path / "matrix" / cell.folder / "results.json").is_file()
    assert (tmp_path / "matrix" / cell.log).is_file()
    assert cell.command[-2:] == ("-n", "2")
    assert 0 < cell.wall < 60
    assert said(cell).startswith("FAIL (1 PASS, 1 FAIL, ")


def test_each_cell_has_its_own_run(ran):
    found = ran("PASS", "FAIL", "ERROR")
    assert len({cell.folder for cell in found.values()}) == 3


def test_a_run_without_an_end_is_ended(ran):
    found = ran("hangs", "PASS", limit=8.0)
    assert found["hangs"].verdict is Verdict.MISS
    assert "it took more than 8 s and was ended" in found["hangs"].why
    assert found["hangs"].counts["PASS"] == 1  # what it had
    assert found["PASS"].verdict is Verdict.PASS


def test_an_interrupt_keeps_what_there_is(tmp_path):
    one = runner(tmp_path)
    every = cells("PASS", "interrupted", "FAIL")
    with pytest.raises(KeyboardInterrupt):
        one.run(every, every)
    kept = record.load(tmp_path)
    assert [cell.kernel for cell in kept.cells] == ["PASS", "interrupted"]
    assert kept.waiting == ("x86_64 FAIL",)
    assert kept.finished is not None
    cut = kept.cells[1]
    assert (cut.verdict, cut.why) == (Verdict.MISS, "the run broke off: it was interrupted")
    assert cut.counts["PASS"] == 1
    assert to_do(every, kept) == every[1:]


def test_what_is_left_to_do(ran, tmp_path):
    names = ("PASS", "gone", "FAIL", "ERROR", "MISS")
    ran(*names)
    kept = record.load(tmp_path / "matrix")
    assert [cell.kernel for cell in to_do(cells(*names, "new"), kept)] == ["gone", "MISS", "new"]


def test_a_cell_that_is_run_again_takes_its_old_place(ran, tmp_path):
    ran("gone", "PASS")
    one = runner(tmp_path / "matrix")
    one.matrix = record.load(one.folder)
    before = one.matrix.cells[1]
    one.run(cells("gone"), cells("gone", "PASS", "FAIL"))
    assert [cell.kernel for cell in one.matrix.cells] == ["gone", "PASS"]
    assert one.matrix.cells[1] is before
    assert one.matrix.waiting == ("x86_64 FAIL",)
    assert (one.folder / "order").read_text() == "x86_64 gone\nx86_64 PASS\nx86_64 gone\n"
