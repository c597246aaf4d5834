# SPDX-License-Identifier: GPL-2.0-only
"""The table as text."""

import pytest

from harness.results import contract_table
from harness.results.contract_table.terminal import MIN_WIDTH
from harness.verdicts.verdict import Verdict


def test_each_row_has_its_paragraph(entries, make):
    runs = [
        make.run(make.record()),
        make.run(make.record(Verdict.FAIL, message="expected EFAULT, got 0"), version="7.2.13"),
    ]
    said = contract_table.text(list(entries([make.case()], *runs).values()), 100)
    assert said.split("\n\n")[:3] == [
        """\
R-01    Something holds on <b>all</b> & sundry.
        source  a < b
        cases   area.one
        where   arm64 x86_64: 5.13 on
        memory  hugetlb-shared; no case on hugetlb-private shmem
        expects i386 armhf: does not apply, not on 32-bit
                until 5.13: does not apply, not yet [7677f7fd8b]
                7.2 on: it holds, known issue oops
                otherwise: it holds
        known   oops (7.2 on)
        last    x86_64 6.1 PASS, 7.2 FAIL
                FAIL x86_64 7.2.13-test, area.one[hugetlb-shared]: expected EFAULT, got 0""",
        """\
R-02    Nobody has looked at this yet.
        cases   none: no case yet
        where   arm64 armhf i386 x86_64: until 6.2, 6.12 on
        memory  shmem-private; pages of 1G
        expects 6.12 on: 1
                until 6.2, on shmem-private, 32-bit task: 0
                otherwise: not known, its cases are skipped""",
        """\
R-03    This cannot be seen.
        cases   none: it is dark
        where   arm64 armhf i386 x86_64: all versions
        expects it holds""",
    ]


def test_it_ends_with_the_counts(entries, make):
    said = contract_table.text(list(entries([make.case()], make.run(make.record())).values()))
    assert said.endswith("""
area             rows  with a case  cannot have one  waiting
area                3            1                1        1
other               1            0                0        1
total               4            1                1        2

rows that no case verifies:
  R-02    no case yet
  R-03    it is dark
  S-01    no case yet

last verdicts, of rows:
  x86_64 6.1: 1 PASS
""")


@pytest.mark.parametrize("width", [MIN_WIDTH, 80, 120])
def test_it_fits_the_terminal(entries, make, width):
    # Without a blank, longer than any terminal is wide.
    endless = make.run(make.record(Verdict.FAIL, message="x" * 1000), release="y" * 500)
    said = contract_table.text(list(entries([make.case()], endless).values()), width)
    assert max(map(len, said.splitlines())) <= width
    assert said.count("x") > 1000


def test_narrower_than_it_can_be(entries):
    rows = list(entries([]).values())
    assert contract_table.text(rows, 1) == contract_table.text(rows, MIN_WIDTH)


def test_a_guest_cannot_reach_the_terminal(hostile):
    said = contract_table.text(hostile, 80)
    assert "alert(1)" in said
    assert all(line.isprintable() for line in said.splitlines())
