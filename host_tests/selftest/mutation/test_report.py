# SPDX-License-Identifier: GPL-2.0-only
"""The tables name what was caught, and leave nothing out that is to be done."""

from __future__ import annotations

import dataclasses

import pytest

from harness.selftest.mutation import report
from harness.selftest.mutation.kept import Result
from harness.selftest.mutation.trial import Kind, Outcome

CAUGHT = Outcome(Kind.CAUGHT, ("a.c::one", "b.c::two", "c.c::x", "d.c::y"), ("CON", "RES"), "got 0")


def result(outcome, date="2026-11-24T08:00:00+00:00"):
    return Result(outcome, "kernel", "suite", date, 61.4)


@pytest.fixture
def pairs(mutant):
    equivalent = dataclasses.replace(mutant("c-same"), equivalent="the CPU does it")
    return [
        (mutant("a-survives", breaks="a | b"), result(Outcome(Kind.SURVIVED))),
        (mutant("b-caught"), result(CAUGHT, "2026-11-23T08:00:00+00:00")),
        (equivalent, result(Outcome(Kind.SURVIVED))),
        (mutant("d-stale", rows=("B32-01",), arch="i386"), result(Outcome(Kind.STALE, detail="?"))),
    ]


def test_a_line_says_what_came_of_it():
    assert report.line(result(CAUGHT)) == "caught by 4 cases (CON, RES), 61 s"
    early = dataclasses.replace(CAUGHT, whole=False, cases=("a",), kind=Kind.ONCE)
    assert report.line(result(early)) == "caught once by at least 1 case (CON, RES), 61 s"
    assert report.line(result(Outcome(Kind.STALE, detail="?"))) == "text not found: ?, 61 s"


def test_the_table_ends_with_what_is_to_be_done(pairs):
    text = report.table(pairs)
    assert text.startswith("b-caught: caught by 4 cases (CON, RES)\n    a.c::one\n")
    assert "d.c::y" not in text
    assert "a-survives: survived\n    a | b (CON-04, DLV-01)\n" in text
    assert "    equivalent: the CPU does it\n" in text
    assert text.endswith(
        "4 mutants: 1 caught, 2 survived, 1 text not found; 2 without an explanation\n"
    )


@pytest.mark.parametrize("kind", Kind)
def test_only_what_is_caught_or_explained_is_closed(mutant, kind):
    plain = mutant()
    explained = dataclasses.replace(plain, equivalent="why")
    assert report.is_open(plain, result(Outcome(kind))) == (kind is not Kind.CAUGHT)
    closed = {Kind.CAUGHT, Kind.SURVIVED}
    assert report.is_open(explained, result(Outcome(kind))) == (kind not in closed)


def test_the_page_has_each_mutant_once(pairs, mutant):
    known = [*pairs, (mutant("f-new"), None), (mutant("e-new"), None)]
    text = report.markdown(known, "linux-source-6.12 6.12.1-1")
    assert text.endswith("\n## Not tried yet on this kernel\n\ne-new, f-new\n")
    assert "Not tried" not in report.markdown(pairs, "linux-source-6.12 6.12.1-1")
    assert "Kernel: linux-source-6.12 6.12.1-1, " in text
    assert "Run 2026-11-23 to 2026-11-24.\n" in text
    assert text.index("## B32\n") < text.index("## CON\n")
    assert "| a-survives | a \\| b | CON-04, DLV-01 | survived |\n" in text
    assert "| c-same | it is wrong | CON-04, DLV-01 | survived: the CPU does it |\n" in text
    assert "| d-stale (i386) | it is wrong | B32-01 | text not found |\n" in text
