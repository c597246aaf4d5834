# SPDX-License-Identifier: GPL-2.0-only
"""What the controller writes down: also what git says late, and after a full disk."""

import logging
import subprocess

import pytest

from harness.errors import HostError
from harness.host.git import Git
from harness.plugin.records import Records
from harness.results.record import CaseRecord, KernelRecord, Run
from harness.results.store import RunStore, load
from harness.verdicts.verdict import Verdict

RUN = Run(
    id="x",
    started="2026-07-02T12:00:00Z",
    command=(),
    arch="x86_64",
    kernel=KernelRecord("o", "6.1", "6.1", "ab", config_known=True, image="i"),
    image_sha256="cd",
)


def case(name):
    return CaseRecord(
        id=f"guest_tests/a.c::{name}", name=name, program="a", memory="", rows=(),
        verdict=Verdict.PASS, message="", started=1.0, duration=1.0, vm="vm.1", phase="case",
    )  # fmt: skip


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return Records(RunStore(folder, RUN))


def version(answers):
    return {"harness_version": answers["version"]} if "version" in answers else {}


def test_what_git_says_is_recorded_at_the_end_at_the_latest(records, tmp_path):
    for argv in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", "v1"]):
        who = ["-c", "user.name=x", "-c", "user.email=x"]
        subprocess.run(["git", "-C", tmp_path, *who, *argv], check=True)
    records.ask(Git(tmp_path, {"version": ["describe", "--tags"]}), version)
    records.ask(Git(tmp_path, {"wrong": ["no-such-command"]}), version)
    records.add_case(case("one"))
    records.finish(complete=True)
    done = load(records.folder)
    assert done == records.run
    assert (done.harness_version, done.complete, len(done.cases)) == ("v1", True, 1)


def test_it_is_finished_once(records):
    records.finish(complete=False)
    records.finish(complete=True)
    assert load(records.folder).complete is False


def test_a_full_disk_is_told_once_and_loses_nothing(records, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, logger="harness")

    def full(*_):
        raise HostError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("harness.results.store.Journal.append", full)
        records.add_case(case("one"))
        records.add_case(case("two"))
    assert records.unwritten == "no space left"
    assert len(caplog.messages) == 1
    records.finish(complete=True)
    assert records.unwritten == ""
    assert [each.name for each in load(records.folder).cases] == ["one", "two"]
