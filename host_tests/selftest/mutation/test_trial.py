# SPDX-License-Identifier: GPL-2.0-only
"""What a run says of its kernel, and how the run is started."""

from __future__ import annotations

import json
import sys

import pytest

from harness.errors import HostError
from harness.host.codec import to_json
from harness.selftest.mutation import trial
from harness.selftest.mutation.trial import Kind, Suite, judge
from harness.verdicts.verdict import Verdict

PASS, FAIL, ERROR, MISS, SKIP = Verdict
PYTHON = sys.executable


def test_a_case_that_fails_has_caught_it(record, make_case):
    bad = make_case(2, FAIL, message="got 0", rows=["DLV-01", "CON-04"])
    outcome = judge(record(PASS, bad, MISS, complete=False))
    assert outcome.kind is Kind.CAUGHT
    assert outcome.cases == ("continue.c::case_2[shmem]",)
    assert outcome.areas == ("CON", "DLV")
    assert outcome.detail == "got 0"
    assert not judge(record(bad), whole=False).whole


def test_a_kernel_that_does_not_boot_is_not_caught(record, make_case):
    boot = make_case(1, FAIL, phase="boot", message="panic")
    outcome = judge(record(boot, SKIP))
    assert (outcome.kind, outcome.detail, outcome.cases) == (Kind.NOT_BOOTED, "panic", ())
    assert judge(record(make_case(1, MISS, phase="boot"), PASS)).kind is Kind.NOT_BOOTED
    # One that boots at first and whose case fails is.
    assert judge(record(FAIL, boot)).kind is Kind.CAUGHT


@pytest.mark.parametrize("bad", [MISS, ERROR])
def test_what_was_not_tried_has_not_survived(record, bad):
    assert judge(record(PASS, bad)).kind is Kind.UNTESTED
    assert judge(record(PASS, complete=False)).kind is Kind.UNTESTED
    assert judge(record(SKIP)).kind is Kind.UNTESTED
    assert judge(record()).kind is Kind.UNTESTED


def test_it_survives_when_all_is_well(record):
    assert judge(record(PASS, SKIP, PASS)).kind is Kind.SURVIVED


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """A suite whose command is a stand-in that writes its words and a record."""

    def make(run, code=0, stop_after=0):
        record = tmp_path / "record.json"
        record.write_text(json.dumps(to_json(run)) if run else "")
        script = tmp_path / "python"
        script.write_text(f"""#!{PYTHON}
import pathlib, shutil, sys
words = sys.argv[1:]
print(" ".join(words))
folder = pathlib.Path(words[words.index("--results") + 1], "latest-x86_64")
record = pathlib.Path({str(record)!r})
if record.stat().st_size:
    folder.mkdir(exist_ok=True)
    shutil.copy(record, folder / "results.json")
sys.exit({code})
""")
        script.chmod(0o755)
        monkeypatch.setattr(trial.sys, "executable", str(script))
        return Suite("tcg", 4.0, "2", stop_after, tmp_path / "results")

    return make


def test_the_command_is_the_one_that_users_have(suite, record, tmp_path):
    run = record(PASS)
    ready = suite(run)
    assert ready.run("one", "x86_64", tmp_path / "tree") == run
    said = (tmp_path / "results/one/run.log").read_text()
    assert said.startswith(f"-m harness run --arch x86_64 --kernel {tmp_path}/tree --results ")
    assert said.endswith(" -n 2 --accel tcg --timeout-scale 4.0 --retries 0 --no-vmcore\n")


def test_a_part_and_an_early_end_are_asked_for(suite, record, tmp_path):
    ready = suite(record(FAIL), code=1, stop_after=3)
    ready.run("one", "x86_64", tmp_path, only="CON-04 or DLV-01")
    assert " --maxfail 3 -k CON-04 or DLV-01\n" in (tmp_path / "results/one/rows.log").read_text()


def test_a_run_that_leaves_no_record_is_the_hosts_trouble(suite, tmp_path):
    with pytest.raises(HostError, match=r"left no record: .*run\.log"):
        suite(None, code=125).run("one", "x86_64", tmp_path)
    assert suite(None, code=200).run("one", "x86_64", tmp_path, only="X-01") is None
    with pytest.raises(HostError, match="left no record"):
        suite(None, code=125).run("one", "x86_64", tmp_path, only="X-01")
