# SPDX-License-Identifier: GPL-2.0-only
"""The table of a campaign."""

from harness.selftest.soak.check import BYSTANDER, WHOLE, Checked, Count
from harness.selftest.soak.report import faults, table

WELL = Checked(1, "x86_64", 4, {"panic": Count(2, [3.0, 5.0]), BYSTANDER: Count(3)}, [])
BAD = Checked(
    2,
    "arm64",
    3,
    {"panic": Count(1, [4.0], 1, 0, {"wrong": 1}), WHOLE: Count(faults={"orphans": 2})},
    ["run 2, arm64, panic: wrong: oh"],
)


def test_all_is_well():
    assert faults([WELL]) == 0
    assert table([WELL]).splitlines() == [
        "trouble        arch    cases    s  wrong  lost  twice  orphans  files  ports  late  busy",
        "panic          x86_64      2  4.0      0     0      0        0      0      0     .     .",
        "(beside them)  x86_64      3           0     0      0        0      0      0     .     .",
        "",
        "2 cases met trouble in 1 runs, which started 4 VMs: nothing is wrong",
    ]


def test_what_is_wrong():
    assert faults([WELL, BAD]) == 4
    lines = table([WELL, BAD]).splitlines()
    assert lines[2].split() == ["panic", "arm64", "1", "4.0", "1", *"00000", ".", "1"]
    assert lines[4].split() == ["(whole", "run)", "arm64", *"000200", ".", "."]
    assert lines[-3] == "run 2, arm64, panic: wrong: oh"
    assert lines[-2] == "3 cases met trouble in 2 runs, which started 7 VMs: 4 things are wrong"
    assert lines[-1].startswith("1 of them tell nothing")


def test_a_campaign_that_came_too_late_is_no_success():
    late = Checked(1, "x86_64", 4, {"panic": Count(20, [3.0] * 18, late=2)}, [])
    assert faults([late]) == 0
    assert "\n2 of them tell nothing" in table([late])
    late.counts["panic"].busy = 1
    assert faults([late]) == 1


def test_nothing_was_run():
    assert table([]).splitlines()[-1].startswith("0 cases met trouble in 0 runs")
