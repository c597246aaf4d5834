# SPDX-License-Identifier: GPL-2.0-only
"""Git is asked in the background, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from harness.host.git import Git

DESCRIBE = {"describe": ["describe", "--always", "--tags"]}
STATUS = {"status": ["status", "--porcelain", "--untracked-files=no"]}


def git(tree, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run(["git", "-C", tree, *who, *words], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("x")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "x")
    git(folder, "tag", "v1")
    return folder


def said(tree, questions):
    return Git(tree, questions).answers(20)


def test_several_answers(tree):
    assert said(tree, DESCRIBE | STATUS) == {"describe": "v1", "status": ""}
    (tree / "file").write_text("y")
    assert said(tree, STATUS) == {"status": "M file"}


def test_answers_come_by_themselves(tree):
    asked = Git(tree, DESCRIBE)
    deadline = time.monotonic() + 20
    while (answers := asked.answers()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert answers == {"describe": "v1"}
    assert asked.answers() == answers


def test_what_fails_has_no_answer(tree):
    assert said(tree, DESCRIBE | {"wrong": ["no-such-command"]}) == {"describe": "v1"}


def test_a_folder_inside_another_repository_has_none(tree):
    """A kernel unpacked inside somebody's repository is not of that repository's commit."""
    (tree / "linux").mkdir()
    assert said(tree / "linux", DESCRIBE) == {}


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE"])
def test_a_hook_s_repository_is_not_asked(tree, tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, str(tmp_path / "other"))
    assert said(tree, STATUS) == {"status": ""}


def test_the_tree_is_left_as_it_is(tree):
    """git status writes the index anew when a file has another time and the same contents."""
    os.utime(tree / "file", (1, 1))
    before = (tree / ".git" / "index").read_bytes()
    assert said(tree, STATUS) == {"status": ""}
    assert (tree / ".git" / "index").read_bytes() == before


def test_nothing_of_the_tree_is_run(tree, tmp_path):
    git(tree, "config", "core.fsmonitor", f"touch {tmp_path}/run;")
    assert said(tree, STATUS) == {"status": ""}
    assert not (tmp_path / "run").exists()


def test_what_takes_too_long_is_ended(tree, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    asked = Git(tree, DESCRIBE)
    assert asked.answers() is None
    began = time.monotonic()
    assert asked.answers(0.2) == {}
    assert time.monotonic() - began < 10


def test_an_answer_longer_than_a_pipe_holds(tree):
    for number in range(2000):
        (tree / f"{number}{'x' * 60}").write_text("")
    assert len(said(tree, {"all": ["status", "--porcelain", "-uall"]})["all"]) >= 60_000


def test_no_git_is_no_answer(tree, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert said(tree, DESCRIBE) == {}
