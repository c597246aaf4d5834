# SPDX-License-Identifier: GPL-2.0-only
"""What counts as the same failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "results"))

from results_data import case, run

from harness.bisection.failure import Failure, Term, failure_of, failures, find
from harness.results.record import SplatRecord
from harness.verdicts.verdict import Verdict


def splat(name):
    return SplatRecord("oops", "Oops", ("Oops",), f"oops in {name}", name)


def failed(*names, phase="case", **more):
    splats = tuple(map(splat, names))
    return case(1, Verdict.FAIL, "it crashed", id="x", phase=phase, splats=splats, **more)


PLAIN, CRASH = failure_of(failed()), failure_of(failed("a"))
BOOT = failure_of(failed("a", phase="boot", vm=""))


def test_what_is_looked_for():
    assert Failure("x", "case", "it crashed") == PLAIN
    assert Failure("x", "case", "it crashed", "a", "oops in a") == CRASH
    assert str(PLAIN) == "x fails: it crashed"
    assert str(CRASH) == "x fails: oops in a [a]"
    assert str(BOOT) == "the kernel does not boot: oops in a [a]"


@pytest.mark.parametrize(
    ("failure", "record", "term"),
    [
        (PLAIN, failed(), Term.BAD),
        (PLAIN, failed("a"), Term.SKIP),
        (PLAIN, failed(phase="boot", vm=""), Term.SKIP),
        (CRASH, failed("a"), Term.BAD),
        (CRASH, failed("b", "a"), Term.BAD),
        (CRASH, failed("b"), Term.SKIP),
        (CRASH, failed(), Term.SKIP),
        (CRASH, failed("a", phase="boot", vm=""), Term.SKIP),
        (BOOT, failed("a", phase="boot", vm=""), Term.BAD),
        (BOOT, failed("b", phase="boot", vm=""), Term.SKIP),
        # It boots: that was the question.
        (BOOT, failed("a"), Term.GOOD),
        (BOOT, case(1, id="x"), Term.GOOD),
        (BOOT, case(1, Verdict.SKIP, "does not apply", id="x", vm=""), Term.SKIP),
        (BOOT, case(1, Verdict.MISS, "QEMU died", id="x", phase="boot", vm=""), Term.SKIP),
        (PLAIN, case(1, Verdict.ERROR, "why", id="x"), Term.SKIP),
        (PLAIN, case(1, Verdict.MISS, "why", id="x"), Term.SKIP),
        (PLAIN, case(1, Verdict.SKIP, "why", id="x"), Term.SKIP),
        (PLAIN, case(1, id="x"), Term.GOOD),
        (PLAIN, case(1, id="another"), Term.SKIP),
    ],
)  # fmt: skip
def test_what_a_run_says_of_it(failure, record, term):
    assert find(run([record]), failure).term is term


def test_why():
    assert find(run([]), PLAIN).why == "the run ended before the case"
    assert find(run([failed("b")]), CRASH).why == "another failure: it crashed (oops in b [b])"
    assert find(run([case(1, id="x")]), PLAIN).why == "PASS"


def test_the_quickest_comes_first():
    slow, quick = failed(duration=2.0), failed(duration=1.0)
    assert failures(run([slow, case(2), quick])) == [quick, slow]
