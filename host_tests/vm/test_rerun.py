# SPDX-License-Identifier: GPL-2.0-only
"""Runs from the record of another: real runs, in real VMs."""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest
from running import Running, harness

from harness import cli
from harness.verdicts.verdict import Verdict

CASES = [
    "guest_tests/continue.c::hole_refused[shmem-shared]",
    "guest_tests/api.c::handshake",
    "guest_tests/continue.c::hole_refused[hugetlb-shared]",
    "guest_tests/api.c::feature_mask",
]
# Quoted, as the kernel does it, and with a word that starts like an option.
APPEND = '-x page_owner=on dyndbg="file mm/none.c +p"'


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of four cases in one VM, in that order."""
    options = ("-n", "1", "--retries", "1", f"--append={APPEND}")
    run = harness(*CASES, *options, results=tmp_path_factory.mktemp("first") / "results")
    assert run.process.wait(300) == 0, run.said()
    return run


def again(first, *words, folder):
    results = folder / "again"
    words = ("harness", "rerun", str(first.results / "latest-x86_64"), *words)
    run = Running(*words, "--results", str(results), results=results)
    assert run.process.wait(300) == 0, run.said()
    return run.latest()


def in_order(record):
    return [case.id for case in sorted(record.cases, key=lambda case: case.started)]


def test_a_whole_run(first, tmp_path):
    record, before = again(first, folder=tmp_path), first.latest()
    assert in_order(record) == in_order(before) == CASES
    assert {case.verdict for case in record.cases} == {Verdict.PASS}
    assert len({case.vm for case in record.cases}) == 1
    assert record.kernel == before.kernel
    assert record.settings == before.settings
    assert record.settings.retries == 1
    assert record.settings.append == APPEND
    assert record.settings.accelerator == "tcg"


def test_the_kernel_got_the_words_that_were_added(first, tmp_path):
    again(first, "handshake", folder=tmp_path)
    for results in (first.results, tmp_path / "again"):
        console = (results / "latest-x86_64" / "boot-contract.log").read_text()
        [line] = re.findall(r"Kernel command line: (.*)", console)
        assert line.endswith(f" {APPEND}")
    case = first.latest().cases[0]
    assert f"--append={shlex.quote(APPEND)}" in case.rerun.replace("'--append=", "--append='")


def test_one_case_has_a_fresh_vm(first, tmp_path):
    record = again(first, "handshake", "feature_mask", folder=tmp_path)
    assert in_order(record) == [CASES[1], CASES[3]]
    assert len({case.vm for case in record.cases}) == 2


def test_a_case_with_what_ran_before_it(first, tmp_path):
    record = again(first, "--history", "hole_refused[hugetlb-shared]", folder=tmp_path)
    assert in_order(record) == CASES[:3]
    assert len({case.vm for case in record.cases}) == 1


def test_the_line_in_a_record_runs_that_case(first, tmp_path):
    """Each record says how; on the kernel that was tested, whatever the suite has by then."""
    case = next(case for case in first.latest().cases if "hugetlb" in case.id)
    python, module, name, *words = shlex.split(case.rerun)
    assert (python, module, name) == (".venv/bin/python", "-m", "harness")
    assert any(word.startswith("debian:bookworm:amd64=6.") for word in words)
    run = Running(
        name, *words, "--results", str(tmp_path / "results"), results=tmp_path / "results"
    )
    assert run.process.wait(300) == 0, run.said()
    assert [each.id for each in run.latest().cases] == [case.id]


def altered(first, folder, **kernel):
    """Return a copy of the run's folder with another kernel in its record."""
    copy = folder / "altered"
    shutil.copytree(first.results / "latest-x86_64", copy)
    record = json.loads((copy / "results.json").read_text())
    record["kernel"] |= kernel
    (copy / "results.json").write_text(json.dumps(record))
    return copy


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["hole_refuse"], "has no case 'hole_refuse': did you mean guest_tests/continue.c::hole_"),
        (["nonsense"], "has no case 'nonsense'"),
        (["--history", "nonsense"], "has no case 'nonsense'"),
    ],
)
def test_what_cannot_be_done_is_said(first, capsys, words, why):
    assert cli.main(["rerun", str(first.results / "latest-x86_64"), *words]) == 200
    assert why in capsys.readouterr().err


def test_there_is_no_run(tmp_path, capsys):
    assert cli.main(["rerun", str(tmp_path)]) == 200
    assert "cannot read" in capsys.readouterr().err


def test_another_kernel_is_not_taken_for_it(first, tmp_path, capsys):
    copy = altered(first, tmp_path, sha256="ab" * 32)
    assert cli.main(["rerun", str(copy)]) == 200
    said = capsys.readouterr().err
    assert "is not the kernel of that run any more" in said


def test_a_kernel_that_is_gone(first, tmp_path, capsys):
    copy = altered(first, tmp_path, spec=str(tmp_path / "bzImage"))
    assert cli.main(["rerun", str(copy)]) == 200
    assert "bzImage" in capsys.readouterr().err


def test_a_record_that_does_not_say_how(first, tmp_path, capsys):
    copy = altered(first, tmp_path, spec="")
    assert cli.main(["rerun", str(copy)]) == 200
    assert "it is too old" in capsys.readouterr().err
