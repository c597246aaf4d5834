# SPDX-License-Identifier: GPL-2.0-only
"""Whole bisections: real git, real builds by make, and runs of fake_harness.py."""

from __future__ import annotations

import re

import pytest

from harness.bisection import state
from harness.bisection.failure import Term
from harness.errors import HostError, InputError

CASE = "guest_tests/continue.c::hole"
PASS, FAIL = "hole PASS", "hole FAIL"


def terms(bisection):
    known = state.load(bisection.folder)
    return {tested.subject: tested.term.value for tested in known.commits.values()}


@pytest.fixture
def history(repo):
    """Commit one kernel for each of the lists of lines; return the commits."""
    return lambda *kernels: [
        repo.commit(*([kernel] if isinstance(kernel, str) else kernel), subject=f"c{number}")
        for number, kernel in enumerate(kernels)
    ]


def test_the_first_bad_commit(bisection, history, repo, monkeypatch):
    commits = history(*[PASS] * 6, *[FAIL] * 5)
    repo.git("bisect", "start", "main~1", "main~4")  # a bisection of their own
    (repo.folder / "kernel").write_text("what the user works on\n")
    (repo.folder / "staged").write_text("and has staged\n")
    repo.git("add", "staged")
    before = repo.looks()
    hooked = repo.folder / ".git/hooks/post-checkout"
    hooked.parent.mkdir(exist_ok=True)
    hooked.write_text(f"#!/bin/sh\ntouch {repo.folder}/hooked\n")
    hooked.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as in a hook
    assert bisection(commits[0], commits[-1], "--case", CASE, "--runs", "1") == 0
    monkeypatch.undo()
    assert f"first bad commit: {commits[6]}\n" in bisection.out
    assert "kernel | 4 ++--" in bisection.out
    assert repo.looks() == before
    assert len(repo.git("worktree", "list").splitlines()) == 1
    assert bisection.steps() == ["c5", "c7", "c6"]
    assert re.search(r"step 1, about 3 left: [0-9a-f]{12} c5: building", bisection.said)


def test_each_commit_is_built_for_the_guest_and_with_the_users_configuration(
    bisection, history, repo
):
    commits = history(PASS, FAIL)
    keep = f"cat .config arch.txt >>{repo.folder.parent}/seen"
    words = ["--case", CASE, "--runs", "1", "--build", f"make bzImage && {keep}"]
    assert bisection(commits[0], commits[1], *words) == 0
    # Both times the user's own, and no more: olddefconfig adds to what it was given.
    once = ["CONFIG_USERFAULTFD=y", "# fitted", "x86_64 x86_64-linux-gnu-"]
    assert (repo.folder.parent / "seen").read_text().splitlines() == once * 2


def test_only_the_same_failure_counts(bisection, history):
    """A crash elsewhere in the same case, another verdict, a failed build: git skips them."""
    commits = history(
        PASS, "hole FAIL bug-b", PASS,
        "nonsense", ["boot FAIL bug-c", PASS], "hole MISS", "hole FAIL",
        "hole FAIL bug-a", "hole FAIL bug-a", "hole FAIL bug-b bug-a", "hole FAIL bug-a",
    )  # fmt: skip
    code = bisection(commits[0], commits[-1], "--case", CASE, "--runs", "1")
    found = terms(bisection)
    assert found["c10"] == "bad"
    assert found["c0"] == "good"
    expected = {
        **dict.fromkeys(["c1", "c3", "c4", "c5", "c6"], "skip"),
        "c2": "good",
        "c7": "bad",
        "c8": "bad",
        "c9": "bad",
    }
    assert found.items() <= {**expected, "c0": "good", "c10": "bad"}.items()
    # c3 to c6 cannot be tested: any of them and c7 may be it.
    assert code == HostError.exit_code
    assert "git cannot tell" in bisection.out
    for number, why in (
        (3, "does not build: kernel:1: error: nonsense"),
        (4, "it does not boot: FAIL: it came to FAIL"),
        (5, "MISS: it came to MISS"),
        (6, "another failure: it came to FAIL"),
    ):
        assert f"{commits[number][:12]} c{number}: {why}" in bisection.out
    assert f"{commits[7][:12]} c7\n" in bisection.out
    assert commits[2][:12] not in bisection.out.partition("looked for")[0]


def test_what_cannot_be_tested_does_not_stand_in_the_way(bisection, history):
    commits = history(
        PASS, PASS, "hole ERROR", PASS, FAIL, "nonsense", FAIL, "gone", FAIL
    )  # fmt: skip
    assert bisection(commits[0], commits[-1], "--case", CASE, "--runs", "1") == 0
    assert f"first bad commit: {commits[4]}\n" in bisection.out


def test_without_a_case_the_quickest_that_fails_is_taken(bisection, history):
    good = ["slow PASS", "quick PASS", "always FAIL", "fine PASS"]
    bad = ["always FAIL", "fine PASS", "quick FAIL", "slow FAIL"]
    commits = history(good, good, bad, bad)
    assert bisection(commits[0], commits[-1]) == 0
    assert f"first bad commit: {commits[2]}\n" in bisection.out
    assert (
        "fails in 8 of 8 runs (rate 0.68 to 1.00): each good verdict takes 6 runs" in bisection.said
    )
    # "always" was the quickest, and failed at the good end as well.
    assert "always fails at the good end, too: looking for another" in bisection.said
    assert "looking for: guest_tests/continue.c::quick fails: it came to FAIL" in bisection.said
    assert bisection.runs()[0][1:] == ["all", "vm"]
    assert {run[1] for run in bisection.runs()[1:9]} == {"always"}
    assert bisection.runs()[-1][1:] == ["quick", "case"]


def test_a_flaky_case_gets_the_runs_that_its_rate_needs(bisection, history):
    flaky = "hole FLAKY"
    commits = history(PASS, flaky, flaky)
    assert bisection(commits[0], commits[-1], "--case", CASE) == 0
    assert f"first bad commit: {commits[1]}\n" in bisection.out
    known = state.load(bisection.folder)
    assert (known.failed, known.tried) == (5, 14)
    assert "fails in 5 of 14 runs (rate 0.16 to 0.61)" in bisection.said
    assert f"each good verdict takes {known.runs} runs" in bisection.said
    goods = [each.runs for each in known.commits.values() if each.term is Term.GOOD]
    assert set(goods) == {known.runs}
    assert known.runs == 30
    # A bad one ends with the first failure.
    bads = [each.runs for sha, each in known.commits.items() if each.term is Term.BAD]
    assert bads[1:] == [3] * len(bads[1:])


def test_the_user_says_how_many_runs(bisection, history):
    commits = history(PASS, "hole FLAKY")
    assert bisection(commits[0], commits[1], "--case", CASE, "--runs", "4") == 0
    assert "each good verdict takes 4 runs (--runs)" in bisection.said
    # The first run is why it was tried by itself; two passed, one failed, and that was enough.
    names = [run[0] for run in bisection.runs()]
    assert names == [commits[1][:12]] * 3 + [commits[0][:12]] * 4


def test_a_kernel_that_does_not_boot(bisection, history):
    commits = history(PASS, "hole FAIL", ["boot FAIL bug-a", PASS], ["boot FAIL bug-a", PASS])
    assert bisection(commits[0], commits[-1]) == 0
    assert f"first bad commit: {commits[2]}\n" in bisection.out
    assert "looking for: the kernel does not boot: oops in bug-a [bug-a]" in bisection.said
    # It boots, and that is what counts.
    assert terms(bisection)["c1"] == "good"


@pytest.mark.parametrize(
    ("kernels", "says"),
    [
        ((PASS, PASS), "does not fail: guest_tests/continue.c::hole in 2 runs by itself"),
        ((FAIL, FAIL), "has that failure, too"),
        ((PASS, "gone"), "nothing was run on its kernel: the kernel is gone"),
        ((PASS, ["hole PASS", "other PASS"]), "does not fail (2 cases, none of them failed"),
    ],
)
def test_ends_that_are_not_what_they_should_be(bisection, history, repo, kernels, says):
    commits = history(*kernels)
    with pytest.raises(InputError) as error:
        bisection(*commits, "--runs", "2")
    assert says in str(error.value)
    # What is built is of use to the next one.
    assert len(repo.git("worktree", "list").splitlines()) == 2
    assert "its worktree stays for the next bisection of this tree" in bisection.said


def test_the_next_bisection_goes_on_from_what_was_built(bisection, history, repo, tmp_path):
    commits = history(FAIL, PASS, FAIL, FAIL)
    with pytest.raises(InputError, match="has that failure, too"):
        bisection(commits[0], commits[3], "--case", CASE, "--runs", "1")
    [tree] = [path for path in (tmp_path / "cache" / "bisection").iterdir() if path.is_dir()]
    build = f"touch {tree}/stays.o; make bzImage; test -e stays.o"
    words = ["--case", CASE, "--runs", "1", "--build", build]
    assert bisection(commits[1], commits[3], *words) == 0
    assert f"first bad commit: {commits[2]}\n" in bisection.out
    assert len(repo.git("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("kernels", "says"),
    [
        (("hole SKIP", FAIL), "does not say whether it is good: SKIP: it came to SKIP"),
        (("hole FAIL bug-b", "hole FAIL bug-a"), "another failure: it came to FAIL (oops in bug-b"),
        ((PASS, "hole MISS"), "does not say whether it is bad: MISS: it came to MISS"),
    ],
)
def test_ends_of_which_nothing_can_be_told(bisection, history, repo, kernels, says):
    commits = history(*kernels)
    with pytest.raises(HostError) as error:
        bisection(*commits, "--runs", "1")
    assert says in str(error.value)
    # The trouble may be over when the same command is given again.
    assert len(repo.git("worktree", "list").splitlines()) == 2


def test_an_end_that_does_not_build(bisection, history):
    commits = history(PASS, "nonsense")
    with pytest.raises(HostError, match=r"--bad .* does not build.*: kernel:1: error: nonsense"):
        bisection(*commits)


def test_a_build_that_makes_no_kernel_or_always_the_same(bisection, history):
    commits = history(PASS, FAIL)
    with pytest.raises(HostError, match=r"'true' made no arch/x86/boot/bzImage"):
        bisection(*commits, "--build", "true")
    same = "mkdir -p arch/x86/boot && echo hole FAIL >arch/x86/boot/bzImage"
    with pytest.raises(InputError, match="makes the same kernel of both ends"):
        bisection(*commits, "--build", same)


def test_ends_on_two_branches_have_their_merge_base_tested(bisection, history, repo):
    base = history(PASS, PASS)[1]
    good = repo.commit(PASS, subject="on the side")
    repo.git("checkout", "--quiet", base)
    bad = history(PASS, FAIL, FAIL)
    assert bisection(good, bad[2], "--case", CASE, "--runs", "1") == 0
    assert f"first bad commit: {bad[1]}\n" in bisection.out
    assert "git has their merge base tested first" in bisection.said
    assert bisection.steps()[0] == "c1"


def test_a_failure_that_was_mended_on_the_good_ends_branch(bisection, history, repo):
    base = history(FAIL)[0]
    good = repo.commit(PASS)
    repo.git("checkout", "--quiet", base)
    with pytest.raises(InputError, match="is bad"):
        bisection(good, repo.commit(FAIL), "--case", CASE, "--runs", "1")
