# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness contract``, as a user starts it: on the real contract and its cases."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.contract import reader
from harness.errors import Exit
from harness.results.record import CaseRecord, KernelRecord, Run
from harness.results.store import RunStore
from harness.verdicts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]


def contract(*words):
    argv = [sys.executable, "-m", "harness", "contract", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def whole():
    done = contract("--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)["rows"]}


def record(folder, version, verdict):
    folder.mkdir()
    kernel = KernelRecord("o", version, version, "ab", config_known=True, image="i")
    store = RunStore(folder, Run("x", "2026-07-02T12:00:00Z", (), "x86_64", kernel, "cd"))
    store.add_case(
        CaseRecord(
            id="guest_tests/continue.c::hole_refused[anon]", name="hole_refused",
            program="continue", memory="shmem-shared", rows=("CON-04",), verdict=verdict,
            message="", started=1.0, duration=1.0, vm="vm.1", phase="case",
        )
    )  # fmt: skip
    return folder


def test_no_row_is_without_a_case_or_a_reason(whole):
    assert list(whole) == list(reader.load().rows)
    pending = reader.pending()
    for row in whole.values():
        assert row["cases"] or row["unverified"] != "no case yet" or row["id"] in pending, row["id"]
        assert row["statement"]
        assert row["where"] or not row["cases"], f"{row['id']} applies nowhere"


def test_the_terminal_s_text(whole):
    done = contract()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:8].strip() for line in lines if re.match(r"[A-Z0-9]+-\d\d ", line)] == list(whole)
    without = [row["id"] for row in whole.values() if not row["cases"]]
    at = lines.index("rows that no case verifies:")
    assert [line.split()[0] for line in lines[at + 1 :] if line[2:3].strip()] == without


def test_runs_of_several_kernels(tmp_path):
    good = record(tmp_path / "good", "6.1.176", Verdict.PASS)
    bad = record(tmp_path / "bad", "7.2.13", Verdict.FAIL)
    done = contract("CON-04", "--run", good, bad)
    assert "last    x86_64 6.1 PASS, 7.2 FAIL" in done.stdout
    page = contract("CON-04", "--run", good, bad, "--format", "html").stdout
    assert "<th>x86_64 6.1</th><th>x86_64 7.2</th>" in page
    assert (
        "x86\\_64 6.1 | x86\\_64 7.2 |"
        in contract("CON-04", "--run", good, bad, "--format", "md").stdout
    )


def test_what_one_kernel_is_expected_to_do():
    done = contract("API-02", "--arch", "x86_64", "--kernel-version", "6.9")
    assert "x86_64, 6.8 until 7.3: 0x1ffff [6.8 adds MOVE (bit 16)]" in done.stdout
    assert "i386" not in done.stdout.partition("expects")[2].partition("expects:")[0]


def test_rows_by_their_beginning(tmp_path):
    done = contract("CON", "API-02", "--format", "json", "--output", tmp_path / "x.json")
    assert done.stdout == ""
    names = [row["id"] for row in json.loads((tmp_path / "x.json").read_text())["rows"]]
    assert {name.partition("-")[0] for name in names} == {"CON", "API"}
    assert "API-01" not in names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["XYZ"], "no row 'XYZ': expected one such as CON-04, or ACC, API,"),
        (["--arch", "vax"], "vax"),
        (["--kernel-version", "new"], "'new' is not a kernel version"),
        (["--run", "nowhere"], "cannot read nowhere"),
    ],
)
def test_bad_input(words, message):
    done = contract(*words)
    assert done.returncode == Exit.INPUT
    assert message in done.stderr
