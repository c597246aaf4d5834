# SPDX-License-Identifier: GPL-2.0-only
"""What is printed at the end, and the mail."""

from __future__ import annotations

import re

import pytest

from harness.architectures import ROOT
from harness.errors import HostError

CASE = "guest_tests/continue.c::hole"


@pytest.fixture
def found(bisection, repo):
    good = repo.commit("hole PASS", subject="first")
    bad = repo.commit("hole FAIL bug-a", subject="mm: make \x1b[31mit\x1b[0m worse")
    assert bisection(good, bad, "--case", CASE, "--runs", "2") == 0
    return good, bad


def test_the_end(bisection, found):
    _, bad = found
    lines = bisection.out.splitlines()
    assert lines[:3] == ["", f"first bad commit: {bad}", ""]
    assert "Author: A Developer <dev@example.org>" in lines
    assert " 1 file changed, 2 insertions(+), 2 deletions(-)" in lines
    assert f"looked for   {CASE} fails: oops in bug-a [bug-a]" in lines
    assert "tested       2 commits in 0." in bisection.out
    assert ": 1 good, 1 bad\n" in bisection.out
    [evidence] = [line.split()[1] for line in lines if line.startswith("evidence ")]
    assert evidence.startswith(f"{bisection.folder}/{bad[:12]}/")
    assert f"again        git checkout {bad[:12]}\n" in bisection.out
    assert " export ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu-; make -j" in bisection.out
    assert (
        "--arch x86_64 --kernel . --isolation case guest_tests/continue.c::hole\n" in bisection.out
    )
    assert lines[-1] == f"# first bad commit: [{bad}] mm: make it worse"
    assert "\x1b" not in bisection.out


def test_the_mail(bisection, found, repo):
    good, bad = found
    mail = (bisection.folder / "mail.txt").read_text()
    head, _, rest = mail.partition("\n\n")
    assert head.splitlines() == [
        "To: A Developer <dev@example.org>",
        "Cc: regressions@lists.linux.dev, linux-mm@kvack.org",
        'Subject: [REGRESSION] userfaultfd: oops in bug-a since "mm: make it worse"',
    ]
    assert f'a bisection ends at {bad[:12]} ("mm: make it worse").\n' in rest
    assert f"\n\n#regzbot introduced: {bad}\n\n" in rest
    assert f"\n{CASE} fails: oops in bug-a [bug-a]\n" in rest
    assert "\nExpected (CON-04): CONTINUE of a hole gives EFAULT, and mapped is\n-EFAULT.\n" in rest
    assert "\nSeen: it came to FAIL\n" in rest
    assert "\nOops: bug-a\n" in rest
    assert f"\n  git checkout {bad[:12]}\n  export ARCH=" in rest
    assert f"\ngit bisect bad {bad}\n# status: " in rest
    assert "\x1b" not in mail
    # What it says is what git says.
    assert f"# good: [{good}] first" in rest
    assert repo.git("log", "-1", "--format=%H", bad) == bad


def test_when_git_cannot_tell(bisection, repo):
    commits = [
        repo.commit(kernel, subject=f"c{number}")
        for number, kernel in enumerate(["hole PASS", "nonsense", "hole FAIL"])
    ]
    code = bisection(commits[0], commits[2], "--case", CASE, "--runs", "1")
    assert code == HostError.exit_code
    assert "git cannot tell the first bad commit" in bisection.out
    assert (
        f"it is one of:\n  {commits[2][:12]} c2\n"
        f"  {commits[1][:12]} c1: does not build: kernel:1: error: nonsense; make: "
        in bisection.out
    )
    mail = (bisection.folder / "mail.txt").read_text()
    assert mail.startswith("Cc: regressions@")
    assert "Subject: [REGRESSION] userfaultfd: hole fails\n" in mail
    assert f"#regzbot introduced: {commits[0]}..{commits[2]}\n" in mail
    assert f"  {commits[1][:12]} c1\n" in mail


@pytest.mark.usefixtures("found")
def test_the_page_shows_what_is_printed(bisection):
    """Its sample has the lines that are there, in their order."""
    text = (ROOT / "docs" / "bisect.md").read_text()
    sample = text.partition("```\n")[2].partition("```")[0]
    label = re.compile(r"^(looked for|tested|evidence|again|mail) +", re.MULTILINE)
    assert label.findall(sample) == label.findall(bisection.out)
    for words in (
        "harness: bisect: ",
        "the bad end: ",
        "each good verdict takes ",
        "step 1, about ",
    ):
        assert words in sample
    assert "first bad commit: " in sample
    good = r"^harness: the good end is good: PASS \(\d+ runs, \d+ s\)$"
    assert re.search(good, sample, re.MULTILINE)
