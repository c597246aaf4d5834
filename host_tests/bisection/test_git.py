# SPDX-License-Identifier: GPL-2.0-only
"""git, and what it says of names, ends and progress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.bisection.failure import Term
from harness.bisection.git import Progress, Repository, Worktree, git
from harness.errors import HostError, InputError


@pytest.fixture
def commits(repo):
    return [repo.commit(f"{number}", subject=f"c{number}") for number in range(8)]


@pytest.fixture
def repository(repo):
    return Repository(repo.folder)


def test_git_says_what_is_wrong(repo):
    with pytest.raises(HostError, match=r"^git rev-parse --verify nothing: fatal: "):
        git(repo.folder, "rev-parse", "--verify", "nothing")
    assert git(repo.folder, "rev-parse", "--verify", "--quiet", "nothing", codes=(1,))[0] == 1


def test_without_git(repo, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(HostError, match="install git"):
        git(repo.folder, "status")


def test_no_repository(tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match="expected a git repository"):
        Repository(tmp_path / "plain").key()
    with pytest.raises(InputError, match="expected a git repository"):
        Repository(tmp_path / "not there").key()


def test_every_worktree_is_of_the_same_repository(repo, repository, commits, tmp_path):
    repo.git("worktree", "add", "--detach", str(tmp_path / "other"), commits[0])
    assert Repository(tmp_path / "other").key() == repository.key()


def test_names(repo, repository, commits):
    repo.git("tag", "-a", "-m", "a tag", "v1", commits[3])
    assert repository.resolve("v1", "--good") == commits[3]
    assert repository.resolve("HEAD~2", "--good") == commits[5]
    assert repository.subject(commits[3]) == "c3"
    for name in ("v2", "HEAD:Makefile", "--all"):
        with pytest.raises(InputError, match=f"--good {name}: .* has no such commit"):
            repository.resolve(name, "--good")


def test_ends(repo, repository, commits):
    assert repository.merge_base(commits[0], commits[7]) == commits[0]
    assert repository.count(commits[0], commits[7]) == 7
    with pytest.raises(InputError, match=r"an ancestor of --good .*: are they the wrong way round"):
        repository.merge_base(commits[7], commits[0])
    with pytest.raises(InputError, match="the same commit as --good"):
        repository.merge_base(commits[1], commits[1])
    repo.git("checkout", "--quiet", "--orphan", "unrelated")
    with pytest.raises(InputError, match="no common ancestor here: in a shallow clone"):
        repository.merge_base(commits[0], repo.commit("x"))


@pytest.fixture
def worktree(repository, commits, tmp_path):
    made = Worktree(repository, tmp_path / "tree", "bisect-1")
    assert made.make(commits[7])
    return made


def test_a_bisection(worktree, commits):
    assert not worktree.make(commits[7])
    assert worktree.log() == ""
    progress = worktree.start(commits[0], commits[7])
    assert progress == Progress(commits[3], steps=3)
    # Files that a build changed are not in the way, nor are new ones.
    (worktree.folder / "kernel").write_text("changed")
    (worktree.folder / "new").write_text("new")
    progress = worktree.mark(Term.GOOD)
    assert progress == Progress(commits[5], steps=2)
    # As after a kill.
    assert worktree.start(commits[0], commits[7]).commit == commits[5]
    assert (
        replace(worktree, bisection="bisect-2").start(commits[0], commits[7]).commit == commits[3]
    )
    assert worktree.start(commits[0], commits[7]).commit == commits[3]
    worktree.mark(Term.GOOD)
    progress = worktree.mark(Term.BAD)
    assert progress.commit == commits[4]
    progress = worktree.mark(Term.BAD)
    assert progress.ended
    assert progress.first_bad == commits[4]
    worktree.remove()
    assert not worktree.folder.exists()
    worktree.remove()


def test_a_bisection_whose_start_was_cut_begins_anew(worktree, commits):
    git(worktree.folder, "bisect", "start")
    git(worktree.folder, "bisect", "bad", commits[7])
    assert worktree.start(commits[0], commits[7]).commit == commits[3]


def test_all_that_is_left_was_skipped(worktree, commits):
    progress = worktree.start(commits[5], commits[7])
    assert progress.commit == commits[6]
    progress = worktree.mark(Term.SKIP)
    assert progress.first_bad == ""
    assert set(progress.candidates) == {commits[6], commits[7]}


def test_a_worktree_whose_folder_somebody_removed(worktree, commits, repo):
    repo.git("worktree", "remove", "--force", str(worktree.folder))
    assert worktree.make(commits[7])
    (worktree.folder / ".git").unlink()
    assert worktree.make(commits[7])
