# SPDX-License-Identifier: GPL-2.0-only
"""The contract itself, guest_tests/contract/: that it is whole, and fits the cases."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness import architectures
from harness.contract import model, reader
from harness.errors import HostError
from harness.kernels.config import UNKNOWN, Config
from harness.kernels.version import Version
from harness.suite import catalog, programs
from harness.suite.variant import TASKS, variant, variants

# Area -> what its ids begin with, in the order of PENDING.
AREAS = {
    "api": "API",
    "register": "REG",
    "refusal": "B32",
    "delivery": "DLV",
    "continue": "CON",
    "resolvers": "RES",
    "interaction": "INT",
    "accounting": "ACC",
    "race": "CCY",
    "migration": "E2E",
    "observability": "OBS",
}
ARCHES = ("x86_64", "arm64", "i386", "armhf")
# Debian's kernels, of which the contract must leave nothing open, and some between them.
STOCK = ("5.10.223", "6.1.176", "6.12.107+deb13", "7.2.13", "7.3-rc7", "7.3.4")
BETWEEN = ("5.13", "5.15", "6.1", "6.5.10", "6.9", "6.18")
KERNELS = [
    pytest.param(arch, Version.parse(version), id=f"{arch}-{version}")
    for arch in ARCHES
    for version in (*STOCK, *BETWEEN)
]


class Everything(Config):
    """A configuration that has every symbol set, or none."""

    def __init__(self, value="y"):
        super().__init__({})
        self.__dict__["each"] = value

    def value(self, _):
        return self.each


@pytest.fixture(scope="module")
def real():
    return reader.load()


@pytest.fixture(scope="module")
def cases():
    try:
        built = programs.build(architectures.load("x86_64"))
    except HostError as error:
        pytest.skip(str(error))
    return [case for program in built for case in catalog.cases(program)]


@pytest.fixture(scope="module")
def named(cases):
    """Row -> the cases that name it."""
    found = {}
    for case in cases:
        for row in case.rows:
            found.setdefault(row, []).append(case)
    return found


def problems(rows, named, pending):
    """What is wrong with the three ways in which a row is accounted for: the aim is nothing."""
    unverified = {row.id for row in rows.values() if row.unverified}
    waiting = set(pending)
    accounted = {*named, *unverified, *waiting}
    return {
        "rows that cases name and the contract has not": set(named) - set(rows),
        "lines of PENDING that are no row": waiting - set(rows),
        "take these out of PENDING, they have a case": waiting & set(named),
        "take these out of PENDING, they say why they have no case": waiting & unverified,
        "have a case and a reason why there is none": unverified & set(named),
        "rows without a case and without a reason": set(rows) - accounted,
        "twice in PENDING": {row for row in waiting if pending.count(row) > 1},
    }


def test_every_row_has_a_case_or_a_reason_or_waits_for_one(real, named):
    found = problems(real.rows, named, reader.pending())
    assert {what: sorted(rows) for what, rows in found.items() if rows} == {}


def test_that_test_notices():
    def row(name, reason=None):
        return model.Row(id=name, area="area", statement="s.", unverified=reason)

    rows = {name: row(name) for name in ("R-01", "R-02", "R-03")}
    rows["R-04"] = row("R-04", "nobody can")
    named = {"R-01": [], "R-99": []}
    found = problems(rows, named, ["R-02", "R-01", "R-98", "R-02", "R-04"])
    assert list(map(sorted, found.values())) == [
        ["R-99"], ["R-98"], ["R-01"], ["R-04"], [], ["R-03"], ["R-02"],
    ]  # fmt: skip
    assert problems(rows, {"R-04": []}, [])["have a case and a reason why there is none"]


def test_areas_have_their_rows_without_a_gap(real):
    """A row that is lost, or in the wrong file, shows."""
    for area, prefix in AREAS.items():
        ids = [row.id for row in real.rows.values() if row.area == area]
        assert ids == [f"{prefix}-{n:02}" for n in range(1, len(ids) + 1)]
    assert {row.area for row in real.rows.values()} == set(AREAS)


def test_pending_is_in_the_order_of_the_rows():
    pending = reader.pending()
    assert list(pending) == sorted(
        pending, key=lambda row: (list(AREAS.values()).index(row[:3]), row)
    )


def test_rows_say_what_they_are_about(real):
    for row in real.rows.values():
        assert row.statement.endswith("."), row.id
        assert row.source, row.id
        assert len(row.statement) < 300, row.id


def test_lines_are_at_most_100_columns():
    for path in reader.FOLDER.iterdir():
        long = [line for line in path.read_text().splitlines() if len(line) > 100]
        assert not long, path.name


def test_every_finding_is_written_up(real):
    """docs/findings.md has one heading for each, and there what it is, its row and its case."""
    findings = {
        (entry.finding, row.id)
        for row in real.rows.values()
        for entry in row.expect
        if entry.finding
    }
    assert findings
    text = (architectures.ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    _, *sections = re.split("^## ", text, flags=re.MULTILINE)
    written = dict(section.split("\n", 1) for section in sections)
    assert len(written) == len(sections)
    for finding, row in findings:
        assert re.fullmatch("[a-z-]+", finding)
        assert finding in written, f"{row} names a finding that is not in docs/findings.md"
        assert re.search(rf"\b{row}\b", written[finding]), (finding, row)
        assert re.search(r"guest_tests/\w+\.c", written[finding]), finding


def breakpoints(row):
    edges = {version for entry in row.expect for version in (entry.since, entry.until) if version}
    return {Version(0, 0), *edges}


def test_no_expectation_is_out_of_reach(real):
    """One that stands behind another for the same kernels would never be taken."""
    reached = set()
    entries = {id(entry): (row.id, entry) for row in real.rows.values() for entry in row.expect}
    for row in real.rows.values():
        for arch, version, memory, task, config in itertools.product(
            ARCHES, breakpoints(row), (*row.memory, None), TASKS, "yn"
        ):
            first = next(
                (
                    entry
                    for entry in row.expect
                    if entry.fits(arch, version, memory, task)
                    and (entry.config is None or entry.config[-1] == config)
                ),
                None,
            )
            reached.add(id(first))
    assert [entries[key] for key in set(entries) - reached] == []


@pytest.mark.parametrize("version", STOCK)
@pytest.mark.parametrize("arch", ARCHES)
def test_nothing_is_open_about_debians_kernels(real, arch, version):
    for row in real.rows.values():
        for memory, config in itertools.product((*row.memory, None), "yn"):
            expected = real.expectation(
                row.id, arch, Version.parse(version), Everything(config), memory
            )
            unlooked = ("does not say", "nobody has looked")
            told = expected.skip or ""
            assert not any(words in told for words in unlooked) or config == "n", (row.id, told)


def run_on(real, case, arch):
    return variants(case.memory, architectures.load(arch), compat=real.as_compat(case))


def test_case_on_other_pages_than_the_rows_is_wrong(real, named):
    """A row that names sizes has cases on these."""
    for row, cases in named.items():
        wanted = set(real.rows[row].pages)
        sizes = {variant(word).pages or "2M" for case in cases for word in case.memory}
        assert not wanted or sizes <= wanted, row


def test_rows_of_32_bit_tasks_have_cases_in_them(real, named):
    compat = {name for name, row in real.rows.items() if row.compat}
    run = {row for row in compat & set(named) if any(map(real.as_compat, named[row]))}
    assert compat & set(named) - run == set()
    assert {"B32-10", "B32-11", "CON-01", "DLV-01", "E2E-03"} <= run


@pytest.mark.parametrize(("arch", "version"), KERNELS)
def test_every_row_that_applies_is_verified_by_a_case_that_runs(real, named, arch, version):
    """Or a case would be skipped for one of its rows, and nobody verify the other."""
    for row, those in named.items():
        for memory in sorted({word for case in those for word in run_on(real, case, arch)}):
            task = variant(memory).task
            kind = variant(memory).kind or None
            if real.expectation(row, arch, version, Everything(), kind, task).applies:
                plans = [
                    real.for_case(case, arch, version, Everything(), memory)
                    for case in those
                    if memory in run_on(real, case, arch)
                ]
                assert any(plan.skip is None for plan in plans), (row, memory, plans)


@pytest.mark.parametrize(("arch", "version"), KERNELS)
def test_every_kernel_has_cases_to_run(real, cases, arch, version):
    plans = {case.name: real.for_case(case, arch, version, Everything()) for case in cases}
    run = {name for name, plan in plans.items() if plan.skip is None}
    has_minor = arch in {"x86_64", "arm64"} and version >= Version(5, 13)
    assert ("read_message" in run) == has_minor
    assert ("minor_refused_32bit" in run) == (arch in {"i386", "armhf"})
    assert ("minor_refused_before_5_13" in run) == (
        arch in {"x86_64", "arm64"} and version < Version(5, 13)
    )
    assert "handshake" in run
    assert len(run) >= 10


def test_skips_say_why(real, cases):
    for (arch, version), case in itertools.product([param.values for param in KERNELS], cases):
        plan = real.for_case(case, arch, version, Everything())
        assert plan.skip is None or len(plan.skip) > 10


def plan_of(real, cases, name, arch, version, config, memory=None, rows=None):
    (case,) = (case for case in cases if case.name == name)
    if rows:
        case = replace(case, rows=rows)
    known = UNKNOWN if config is None else Config(config)
    return real.for_case(case, arch, Version.parse(version), known, memory)


def test_a_feature_that_must_be_there_is_expected_whatever_the_configuration_says(real, cases):
    """A kernel that lacks it is to FAIL: nothing of the kernel itself is asked."""
    config = {"CONFIG_USERFAULTFD": "y", "CONFIG_HAVE_ARCH_USERFAULTFD_MINOR": "n"}
    plan = plan_of(real, cases, "minor_hugetlbfs_reported", "x86_64", "6.1", config)
    assert plan.arguments() == ["--expect", "API-03=0x200"]


def test_case_gets_its_values_as_arguments(real, cases):
    config = {"CONFIG_USERFAULTFD": "y"}
    plan = plan_of(real, cases, "minor_registers", "x86_64", "6.1", config)
    assert plan.arguments() == ["--expect", "REG-15=minor:0x8c,missing:0x0c"]
    plan = plan_of(real, cases, "minor_registers", "x86_64", "6.12", config)
    assert plan.arguments() == ["--expect", "REG-15=minor:0x18c,missing:0x10c"]


def test_case_on_memory_the_kernel_lacks_is_skipped(real, cases):
    config = {"CONFIG_USERFAULTFD": "y", "CONFIG_SHMEM": "y", "CONFIG_PROC_PAGE_MONITOR": "y"}
    ask = ("minor_refused_32bit", "armhf", "6.1")
    on_hugetlb = plan_of(real, cases, *ask, config, "hugetlb-shared")
    assert on_hugetlb.skip == "the kernel has no CONFIG_HUGETLBFS"
    assert plan_of(real, cases, *ask, config, "shmem-shared").skip is None
    assert plan_of(real, cases, *ask, None, "hugetlb-shared").skip is None


def test_case_that_needs_an_unknown_symbol_is_undecided(real, cases):
    plan = plan_of(real, cases, "minor_with_wp", "x86_64", "6.1", None)
    assert plan.undecided == ("CONFIG_PTE_MARKER_UFFD_WP",)
    assert plan.arguments() == []


def test_write_protection_follows_the_configuration_in_every_version(real):
    for version in ("6.1", "6.12", "7.2", "7.3"):
        values = {
            config: real.expectation(
                "REG-13",
                "x86_64",
                Version.parse(version),
                Config({"CONFIG_PTE_MARKER_UFFD_WP": config}),
            ).value
            for config in "yn"
        }
        assert values == {"y": "0", "n": "EINVAL"}


def test_write_protection_needs_no_configuration_where_there_is_none(real):
    """A bare image of an old kernel is decided all the same."""
    for arch, version in (("x86_64", Version(5, 18)), ("arm64", Version(6, 9))):
        assert real.expectation("REG-13", arch, version, UNKNOWN).value == "EINVAL"
        assert real.expectation("RES-07", arch, version, UNKNOWN).undecided is None


@pytest.mark.parametrize(
    ("row", "versions"),
    [
        # 95567729173e, backported to 6.12.29
        ("CON-26", {"6.1.192": "untouched", "6.12.28": "untouched", "6.12.29": "EAGAIN"}),
        ("CON-26", {"6.15-rc7": "EAGAIN", "7.3": "EAGAIN"}),
        ("OBS-03", {"5.10.223": "0x800000000000005f", "6.7": "0x80000000000001df"}),
        ("REG-09", {"6.18.44": "0", "7.2.13": "EINVAL", "7.3-rc7": "EINVAL"}),
        ("CON-21", {"6.18.44": "EINVAL", "7.2.13": "EFAULT"}),
        ("OBS-09", {"6.1.192": "37", "6.12.117": "38", "7.2.13": "41"}),
    ],
)
def test_values_that_changed_with_a_version(real, row, versions):
    for version, value in versions.items():
        expected = real.expectation(
            row, "x86_64", Version.parse(version), Everything(), "shmem-shared"
        )
        assert expected.value == value, version


def test_minor_faults_came_to_shmem_one_version_later(real):
    ask = {memory: [] for memory in ("hugetlb-shared", "shmem-shared")}
    for memory, skips in ask.items():
        for version in ("5.12.19", "5.13.19", "5.14"):
            expected = real.expectation(
                "CON-01", "arm64", Version.parse(version), Everything(), memory
            )
            skips.append(expected.skip)
    assert ask == {
        "hugetlb-shared": ["minor faults came with 5.13", None, None],
        "shmem-shared": [
            "minor faults came with 5.13", "minor faults on shmem came with 5.14", None,
        ],
    }  # fmt: skip


def test_32_bit_tasks_have_rows_of_their_own(real):
    ask = ("B32-10", "x86_64", Version(6, 1), Everything(), "hugetlb-shared")
    assert real.expectation(*ask).skip == "about 32-bit tasks on 64-bit kernels"
    assert real.expectation(*ask, task="compat").applies


def test_contract_is_found_from_anywhere():
    assert Path(reader.FOLDER).is_absolute()


def test_the_rows_for_32_bit_tasks_are_those_of_the_contract(real):
    assert reader.compat_rows() == {row.id for row in real.rows.values() if row.compat}
