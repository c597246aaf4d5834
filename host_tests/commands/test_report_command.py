# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness report``, as a user starts it."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.errors import Exit
from harness.results.record import CaseRecord, KernelRecord, Run
from harness.results.store import RESULTS, RunStore, load
from harness.suite.ktap import parse
from harness.verdicts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]


def report(*words):
    argv = [sys.executable, "-m", "harness", "report", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def killed(tmp_path):
    """The folder of a run that was killed in the middle of a line, and never rendered again."""
    folder = tmp_path / "run"
    folder.mkdir()
    kernel = KernelRecord("o", "6.1", "6.1", "ab", config_known=True, image="i")
    head = Run("x", "2026-07-02T12:00:00Z", (), "x86_64", kernel, "cd")
    store = RunStore(folder, head)
    for name, verdict, message in (("one", Verdict.PASS, ""), ("two", Verdict.FAIL, "got \ud800")):
        store.add_case(
            CaseRecord(
                id=f"guest_tests/a.c::{name}", name=name, program="a", memory="", rows=(),
                verdict=verdict, message=message, started=1.0, duration=1.0, vm="vm.1",
                phase="case",
            )
        )  # fmt: skip
    with (folder / "cases.jsonl").open("a") as file:
        file.write('{"case":{"id":"x')
    assert len(json.loads((folder / RESULTS).read_text())["cases"]) == 0
    return folder


def test_each_format_of_a_run_that_was_killed(killed):
    done = report(killed)
    assert done.returncode == 0, done.stderr
    assert "FAIL  a: two" in done.stdout
    assert "the run was cut short" in done.stdout
    suite = ET.fromstring(report(killed, "--format", "junit").stdout.encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    results = parse(report(killed, "--format", "ktap").stdout.encode()).results
    assert [result.ok for result in results[:2]] == [True, False]
    assert report(killed, "--format", "md").stdout.startswith("# `x86_64 6.1`: 1 PASS, 1 FAIL\n")


def test_json_is_a_results_json_again(killed, tmp_path):
    done = report(killed, "--format", "json", "--output", tmp_path / RESULTS)
    assert (done.returncode, done.stdout) == (0, "")
    assert load(tmp_path / RESULTS) == load(killed)
    assert len(load(tmp_path).cases) == 2


def test_the_link_to_the_latest_run(killed, tmp_path):
    (tmp_path / "latest-x86_64").symlink_to(killed.name)
    assert "FAIL  a: two" in report(tmp_path / "latest-x86_64").stdout


def test_a_reader_that_has_enough_is_no_error(killed):
    argv = f"{sys.executable} -m harness report {killed} --format json | true"
    done = subprocess.run(["sh", "-c", argv], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""


def test_what_is_no_run_is_bad_input(tmp_path):
    done = report(tmp_path)
    assert done.returncode == Exit.INPUT
    assert done.stderr.startswith(f"harness: cannot read {tmp_path}/results.json")


def test_a_file_that_cannot_be_written_is_told(killed, tmp_path):
    done = report(killed, "--output", tmp_path / "none" / "file")
    assert done.returncode == 125
    assert "cannot write" in done.stderr
