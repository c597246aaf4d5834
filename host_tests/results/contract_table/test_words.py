# SPDX-License-Identifier: GPL-2.0-only
"""What both forms of the table say."""

import pytest

from harness.kernels.version import Version
from harness.results import contract_table
from harness.results.contract_table import words
from harness.verdicts.verdict import Verdict


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("hugetlb-shared hugetlb-private anon", "hugetlb anon"),
        ("hugetlb-shared shmem-shared shmem-private", "hugetlb-shared shmem"),
        ("sysv sysv-hugetlb", "sysv sysv-hugetlb"),
        ("", ""),
    ],
)
def test_families_of_memory(names, said):
    assert words.kinds(tuple(names.split())) == said


def test_memory_of_rows_with_and_without_cases(entries, make):
    found = entries([make.case()])
    assert words.memory(found["R-01"]) == "hugetlb-shared; no case on hugetlb-private shmem"
    assert words.memory(found["R-02"]) == "shmem-private; pages of 1G"
    assert words.memory(found["R-03"]) == ""


def test_why_there_is_no_case(entries):
    found = entries([])
    assert words.no_case(found["R-02"]) == "no case yet"
    assert words.no_case(found["R-03"]) == "it is dark"


def test_rows_that_no_case_verifies(entries, make):
    found = list(entries([make.case()]).values())
    assert words.unverified(found) == [
        ("R-02", "no case yet"), ("R-03", "it is dark"), ("S-01", "no case yet"),
    ]  # fmt: skip


def test_expectations_in_the_order_in_which_they_are_tried(entries):
    found = entries([])
    assert words.expectations(found["R-01"]) == [
        "i386 armhf: does not apply, not on 32-bit",
        "until 5.13: does not apply, not yet [7677f7fd8b]",
        "7.2 on: it holds, known issue oops",
        "otherwise: it holds",
    ]
    assert words.expectations(found["R-02"]) == [
        "6.12 on: 1",
        "until 6.2, on shmem-private, 32-bit task: 0",
        "otherwise: not known, its cases are skipped",
    ]
    assert words.expectations(found["R-03"]) == ["it holds"]
    assert words.expectations(found["S-01"]) == [
        "CONFIG_X=n: does not apply, no X", "otherwise: it holds",
    ]  # fmt: skip


def test_expectations_of_one_kernel(rules):
    version = Version.parse("6.12")
    asked = contract_table.entries(rules, [], arch="arm64", version=version)
    assert [words.expectations(entry) for entry in asked[:3]] == [
        ["it holds"], ["6.12 on: 1"], ["it holds"],
    ]  # fmt: skip


def test_kernels_that_there_are_verdicts_of(entries, make):
    runs = [make.run(make.record(), version=v) for v in ("6.12", "6.6")]
    runs.append(make.run(make.record(), arch="arm64"))
    found = list(entries([make.case()], *runs).values())
    assert words.kernels(found) == [("arm64", "6.1"), ("x86_64", "6.6"), ("x86_64", "6.12")]


def test_places_and_findings(entries):
    found = entries([])
    assert words.places(found["R-01"]) == "arm64 x86_64: 5.13 on"
    assert words.known(found["R-01"]) == "oops (7.2 on)"
    assert words.known(found["R-02"]) == ""


def test_summary_counts_each_row_once(entries, make):
    counts = words.summary(list(entries([make.case()]).values()))
    assert counts == [("area", 3, 1, 1, 1), ("other", 1, 0, 0, 1), ("total", 4, 1, 1, 2)]


def test_tally_of_verdicts(entries, make):
    runs = [
        make.run(make.record(), make.record(Verdict.FAIL, name="two", rows=("R-02",))),
        make.run(make.record(), version="6.12"),
        make.run(make.record(), version="6.6"),
    ]
    found = entries([make.case(), make.case("two", rows=("R-02",))], *runs)
    assert words.tally(list(found.values())) == [
        "x86_64 6.1: 1 PASS, 1 FAIL",
        "x86_64 6.6: 1 PASS",
        "x86_64 6.12: 1 PASS",
    ]
    assert words.tally(list(entries([]).values())) == []
