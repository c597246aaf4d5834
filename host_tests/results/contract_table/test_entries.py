# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each row."""

import pytest

from harness.kernels.version import Version
from harness.results import contract_table
from harness.verdicts.verdict import Verdict


def seen(entry):
    return [(last.arch, last.series, str(last.verdict)) for last in entry.last]


def test_rows_are_in_the_contracts_order_with_their_cases(entries, make):
    found = entries([make.case("one"), make.case("two", rows=("R-01", "R-02"))])
    assert list(found) == ["R-01", "R-02", "R-03", "S-01"]
    assert found["R-01"].cases == ("area.one", "area.two")
    assert found["R-02"].cases == ("area.two",)
    assert found["R-03"].cases == ()


def test_memory_that_cases_run_on_and_that_they_do_not(entries, make):
    cases = [
        make.case("one", memory=("shmem-shared", "hugetlb-shared")),
        make.case("two", memory=("hugetlb-private",)),
        make.case("three", rows=("R-02",), memory=()),
    ]
    found = entries(cases)
    assert found["R-01"].memory == ("hugetlb-shared", "hugetlb-private", "shmem-shared")
    assert found["R-01"].lacking == ("shmem-private",)
    # Its case makes its own memory: what kind cannot be told.
    assert found["R-02"].memory == ()
    assert found["R-02"].lacking == ()


def test_where_a_row_applies(entries):
    found = entries([])
    assert found["R-01"].where == ((("arm64", "x86_64"), "5.13 on"),)
    assert found["R-02"].where == (
        (("arm64", "armhf", "i386", "x86_64"), "until 6.2, 6.12 on"),
    )  # fmt: skip
    # It may, with some configuration.
    assert found["S-01"].where == found["R-03"].where
    assert found["R-03"].where == ((("arm64", "armhf", "i386", "x86_64"), "all versions"),)


def test_newest_record_counts_whatever_the_order_of_the_runs(entries, make):
    old = make.run(make.record(Verdict.FAIL, message="m"), started="2026-07-01T00:00:00Z")
    new = make.run(make.record(Verdict.PASS), started="2026-07-02T00:00:00Z")
    for runs in ((old, new), (new, old)):
        (last,) = entries([make.case()], *runs)["R-01"].last
        assert last.verdict is Verdict.PASS
        assert last.run == "run-2026-07-02T00:00:00Z"


def test_run_of_another_case_does_not_hide_a_failure(entries, make):
    cases = [make.case("one"), make.case("two")]
    failed = make.run(
        make.record(Verdict.PASS), make.record(Verdict.FAIL, name="two", message="expected 1"),
        started="2026-07-01T00:00:00Z",
    )  # fmt: skip
    partial = make.run(make.record(Verdict.PASS), started="2026-07-02T00:00:00Z")
    (last,) = entries(cases, failed, partial)["R-01"].last
    assert (last.verdict, last.case, last.message) == (
        Verdict.FAIL, "area.two[hugetlb-shared]", "expected 1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ("SKIP PASS", "PASS"),
        ("PASS MISS", "MISS"),
        ("ERROR MISS PASS", "ERROR"),
        ("ERROR FAIL SKIP", "FAIL"),
        ("SKIP SKIP", "SKIP"),
    ],
)
def test_worst_of_a_rows_cases_speaks_for_it(entries, make, verdicts, worst):
    words = verdicts.split()
    records = [
        make.record(Verdict(word), memory=f"memory-{number}") for number, word in enumerate(words)
    ]
    (last,) = entries([make.case()], make.run(*records))["R-01"].last
    assert str(last.verdict) == worst


def test_each_architecture_and_series_has_its_own(entries, make):
    runs = [
        make.run(make.record(), version="6.12.107"),
        make.run(make.record(Verdict.FAIL), version="6.6"),
        make.run(make.record(), version="6.6.30", started="2026-01-01T00:00:00Z"),
        make.run(make.record(), arch="arm64", version="7.3-rc7"),
    ]
    assert seen(entries([make.case()], *runs)["R-01"]) == [
        ("arm64", "7.3", "PASS"),
        ("x86_64", "6.6", "FAIL"),
        ("x86_64", "6.12", "PASS"),
    ]


def test_skip_where_the_row_does_not_apply_says_nothing(entries, make):
    runs = [
        make.run(make.record(Verdict.SKIP), arch="i386"),
        make.run(make.record(Verdict.SKIP), arch="arm64"),
        make.run(make.record(Verdict.FAIL), arch="armhf"),
    ]
    assert seen(entries([make.case()], *runs)["R-01"]) == [
        ("arm64", "6.1", "SKIP"),
        ("armhf", "6.1", "FAIL"),
    ]


def test_records_of_cases_that_are_no_more_do_not_count(entries, make):
    gone = make.record(Verdict.FAIL, name="gone")
    elsewhere = make.record(Verdict.FAIL, program="other")
    # The case is there and no longer names the row: neither does its record count.
    other_row = make.record(Verdict.FAIL, rows=("R-02",))
    found = entries([make.case()], make.run(gone, elsewhere, other_row))
    assert found["R-01"].last == ()
    assert found["R-02"].last == ()


def test_what_came_from_a_guest_is_one_clean_line(hostile):
    for last in hostile[0].last:
        texts = (last.arch, last.series, last.case, last.message, last.release, last.run)
        for text in (*texts, last.started):
            assert text.isprintable(), text
    assert [last.series for last in hostile[0].last][1] == "6.1"


@pytest.mark.parametrize(
    ("arch", "version", "expected", "settled"),
    [
        (None, None, ["not on 32-bit", "not yet", None], False),
        ("i386", None, ["not on 32-bit"], True),
        ("i386", "5.10", ["not on 32-bit"], True),
        ("arm64", None, ["not yet", None], False),
        ("arm64", "5.10", ["not yet"], True),
        ("arm64", "5.13", [], False),
        ("arm64", "7.2", [None], True),
        (None, "5.10", ["not on 32-bit", "not yet"], True),
    ],
)
def test_what_is_expected_of_the_kernels_that_are_asked_about(
    rules, arch, version, expected, settled
):
    asked = Version.parse(version) if version else None
    first, *_ = contract_table.entries(rules, [], arch=arch, version=asked)
    assert [entry.skip for entry in first.expect] == expected
    assert first.settled is settled


def test_what_depends_on_the_configuration_settles_nothing(rules):
    *_, last = contract_table.entries(rules, [], arch="arm64", version=Version(6, 1))
    assert (len(last.expect), last.settled) == (1, False)
