# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness bisect`` as a user has it, with input that cannot be used: no VM starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import Exit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(repo, tmp_path):
    first, last = repo.commit("hole PASS"), repo.commit("hole FAIL")

    def run(*more, good=first, bad=last):
        argv = [sys.executable, "-m", "harness", "bisect", "--tree", str(repo.folder)]
        argv += ["--arch", "x86_64", "--good", good, "--bad", bad]
        argv += ["--results", str(tmp_path / "results"), *more]
        return subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )

    run.first, run.last = first, last
    return run


def test_input_that_cannot_be_used(command, repo, tmp_path):
    for words, says in (
        ({"good": "v9"}, f"--good v9: {repo.folder} has no such commit"),
        ({"bad": "v9"}, f"--bad v9: {repo.folder} has no such commit"),
        ({"good": command.last, "bad": command.first}, "are they the wrong way round?"),
    ):
        done = command(**words)
        assert (done.returncode, done.stdout) == (Exit.INPUT, "")
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "empty").mkdir()
    for more, says in (
        (["--tree", str(tmp_path / "empty")], "expected a git repository"),
        (["--config", str(tmp_path / "none")], "or name one with --config FILE"),
        (["--arch", "mips"], "unknown architecture 'mips'"),
        (["--runs", "0"], "'0' is not a number of runs"),
    ):
        done = command(*more)
        assert done.returncode == Exit.INPUT
        assert says in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_kernel_that_is_none(command, repo, tmp_path):
    """What is built is no kernel: the run of the bad end says so, and it ends there."""
    done = command("--case", "guest_tests/api.c::handshake")
    assert done.returncode == Exit.INPUT, done.stderr
    assert f"harness: --bad {command.last[:12]}: nothing was run on its kernel: " in done.stderr
    assert "bzImage" in done.stderr
    assert f"git -C {repo.folder} worktree remove --force" in done.stderr
    assert len(repo.git("worktree", "list").splitlines()) == 2
    [folder] = (tmp_path / "results").glob("bisect-*")
    assert (folder / command.last[:12] / "run.log").is_file()
