# SPDX-License-Identifier: GPL-2.0-only
"""A bisection that was cut goes on with the same command: as a user's process, killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.bisection import state
from harness.errors import Exit, InputError

HERE = Path(__file__).parent
FAKE = (sys.executable, str(HERE / "fake_harness.py"))
# The command line, with runs of fake_harness.py.
DRIVER = f"""
import functools, sys
from harness import cli
from harness.bisection.trial import Trials
from harness.commands import bisect
bisect.Trials = functools.partial(Trials, harness={FAKE!r})
sys.exit(cli.main(sys.argv[1:]))
"""
CASE = "guest_tests/continue.c::hole"
# Says what objects are there; slow for the commit that is called so, until somebody says go.
BUILD = (
    "ls *.o >>{0}/objects 2>/dev/null; make bzImage && if grep -q slow kernel; "
    "then touch {0}/slow; while ! test -e {0}/go; do sleep 0.1; done; fi"
)


@pytest.fixture
def history(repo):
    """Eight commits; git tests the fourth first, then the sixth, which is slow to build."""
    kernels = ["hole PASS"] * 5 + ["hole FAIL"] * 3
    commits = [repo.commit(kernel, subject=f"c{n}") for n, kernel in enumerate(kernels[:5])]
    commits.append(repo.commit("hole FAIL", "# slow", subject="c5"))
    return [*commits, *(repo.commit("hole FAIL", subject=f"c{n}") for n in (6, 7))]


@pytest.fixture
def start(bisection, history, tmp_path):
    """Start the command as a process of its own."""
    build = BUILD.format(tmp_path)
    words = ["--case", CASE, "--runs", "1", "--build", build]
    started = []

    def begin():
        argv = [sys.executable, "-c", DRIVER, *bisection.words(history[0], history[-1], *words)]
        output = (tmp_path / f"output-{len(started)}").open("w+")
        child = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
        started.append(child)
        return child, output

    yield begin
    for child in started:
        child.kill()
        child.wait()


def said(output):
    output.seek(0)
    return output.read()


def wait_for(path, seconds=120):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def known(bisection):
    return {each.subject for each in state.load(bisection.folder).commits.values()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_where_it_was_cut(start, bisection, history, repo, tmp_path, number):
    child, output = start()
    wait_for(tmp_path / "slow")
    assert known(bisection) == {"c0", "c3", "c7"}
    child.send_signal(number)
    code = child.wait(60)
    if number != signal.SIGKILL:
        assert code == Exit.INTERRUPTED
        assert "interrupted: the same command goes on with it" in said(output)
    assert len(repo.git("worktree", "list").splitlines()) == 2  # it is kept
    before = (bisection.folder / "runs").read_text()
    (tmp_path / "go").touch()
    child, output = start()
    assert child.wait(120) == 0, said(output)
    text = said(output)
    assert "going on with it: 3 commits are known" in text
    assert f"first bad commit: {history[5]}\n" in text
    # Nothing that was known has been built or run again.
    after = (bisection.folder / "runs").read_text()
    assert after.startswith(before)
    added = [line.split()[0] for line in after[len(before) :].splitlines()]
    assert added == [history[5][:12], history[4][:12]]
    for end in ("the bad end: ", "the good end: ", " c3: building"):
        assert end not in text
    assert len(repo.git("worktree", "list").splitlines()) == 1
    # Once more: what it came to, and nothing is done.
    child, output = start()
    assert child.wait(120) == 0
    assert f"first bad commit: {history[5]}\n" in said(output)
    assert "building" not in said(output)
    assert (bisection.folder / "runs").read_text() == after


def test_it_goes_on_when_the_worktree_was_removed(start, history, repo, tmp_path):
    child, output = start()
    wait_for(tmp_path / "slow")
    child.send_signal(signal.SIGINT)
    child.wait(60)
    tree = repo.git("worktree", "list", "--porcelain").split("worktree ")[2].split("\n")[0]
    repo.git("worktree", "remove", "--force", tree)
    (tmp_path / "go").touch()
    child, output = start()
    assert child.wait(120) == 0, said(output)
    assert f"first bad commit: {history[5]}\n" in said(output)
    assert " c3: building" not in said(output)


def test_what_a_killed_build_made_last_is_made_again(start, tmp_path):
    child, output = start()
    wait_for(tmp_path / "slow")
    child.kill()
    child.wait()
    [tree] = [path for path in (tmp_path / "cache" / "bisection").iterdir() if path.is_dir()]
    # As if that build had taken five minutes.
    now = time.time_ns()
    ages = {"before.o": 600, "first.o": 200, "last.o": 10}
    os.utime(tree.with_name(f"{tree.name}.building"), ns=(0, now - 300 * 10**9))
    for name, seconds in ages.items():
        (tree / name).touch()
        os.utime(tree / name, ns=(0, now - seconds * 10**9))
    (tmp_path / "go").touch()
    child, output = start()
    assert child.wait(120) == 0, said(output)
    assert set((tmp_path / "objects").read_text().split()) == {"before.o", "first.o"}


def test_two_at_once(start, tmp_path):
    first, _ = start()
    wait_for(tmp_path / "slow")
    second, output = start()
    assert second.wait(60) == InputError.exit_code
    assert "is being worked on by another bisection" in said(output)
    assert first.poll() is None
    (tmp_path / "go").touch()
    assert first.wait(120) == 0
