# SPDX-License-Identifier: GPL-2.0-only
"""What both forms of the table say."""

import pytest

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
    assert words.no_case(found["R-02"]) == "none yet"
    assert words.no_case(found["R-03"]) == "none: it is dark"


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
