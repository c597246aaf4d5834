# SPDX-License-Identifier: GPL-2.0-only
"""How the contract is read, and how a row is looked up."""

from pathlib import Path

import pytest

from harness.contract import reader
from harness.errors import InputError
from harness.kernels import config as config_of
from harness.kernels.version import Version
from harness.suite import catalog


def load(tmp_path, text, applies=""):
    (tmp_path / "area.toml").write_text(text)
    (tmp_path / "applies.toml").write_text(applies)
    return reader.load(tmp_path)


def ask(rules, row="R-01", arch="x86_64", version="6.1", config=None, **more):
    return rules.expectation(row, arch, Version.parse(version), known(config), **more)


def known(config):
    return config_of.UNKNOWN if config is None else config_of.Config(config)


def case_of(*rows, needs=()):
    return catalog.Case(
        program=Path("program"), name="case", desc="", rows=rows, memory=(), needs=needs,
        profile="contract", timeout=1.0, dirty=False, file="program.c", line=1,
    )  # fmt: skip


ROW = '[R-01]\nstatement = "s"\n'


def test_row_without_expectations_holds_everywhere(tmp_path):
    for version in ("4.19", "7.3"):
        expected = ask(load(tmp_path, ROW), version=version)
        assert expected.applies
        assert expected.value is None


def test_first_entry_that_fits_is_taken(tmp_path):
    rules = load(
        tmp_path,
        ROW
        + """
        expect = [{ arch = ["arm64"], value = "arm" }, { value = "first" }, { value = "second" }]
        """,
    )
    assert ask(rules).value == "first"
    assert ask(rules, arch="arm64").value == "arm"


@pytest.mark.parametrize(
    ("version", "value"),
    [
        ("5.12.19", "old"),
        ("5.13", "new"),
        ("5.13-rc1", "new"),  # features arrive in the merge window
        ("6.0.19", "new"),
        ("6.1", "newest"),
        ("6.1-rc3", "newest"),
    ],
)
def test_since_is_inclusive_and_until_exclusive(tmp_path, version, value):
    rules = load(
        tmp_path,
        ROW
        + """
        expect = [{ since = "6.1", value = "newest" },
                  { since = "5.13", until = "6.1", value = "new" },
                  { until = "5.13", value = "old" }]
        """,
    )
    assert ask(rules, version=version).value == value


def test_backport_is_one_more_entry_in_front(tmp_path):
    rules = load(
        tmp_path,
        ROW
        + """
        expect = [{ since = "6.12.40", until = "6.13", value = "new" },
                  { since = "6.18", value = "new" }, { value = "old" }]
        """,
    )
    values = {v: ask(rules, version=v).value for v in ("6.12.39", "6.12.40", "6.13.5", "6.18")}
    assert values == {"6.12.39": "old", "6.12.40": "new", "6.13.5": "old", "6.18": "new"}


CONFIG = ROW + 'expect = [{ config = "CONFIG_X=y", value = "set" }, { value = "not set" }]'


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"CONFIG_X": "y"}, "set"),
        ({"CONFIG_X": "m"}, "set"),
        ({"CONFIG_X": "n"}, "not set"),
        ({}, "not set"),
    ],
)
def test_config_decides(tmp_path, config, value):
    assert ask(load(tmp_path, CONFIG), config=config).value == value


def test_config_that_must_not_be_set(tmp_path):
    rules = load(tmp_path, CONFIG.replace("=y", "=n"))
    assert ask(rules, config={}).value == "set"
    assert ask(rules, config={"CONFIG_X": "y"}).value == "not set"


def test_unknown_config_is_undecided_and_names_the_symbol(tmp_path):
    expected = ask(load(tmp_path, CONFIG), config=None)
    assert expected.undecided == "CONFIG_X"
    assert not expected.applies


def test_unknown_config_does_not_matter_to_entries_for_other_kernels(tmp_path):
    rules = load(
        tmp_path,
        ROW + 'expect = [{ until = "6.1", config = "CONFIG_X=y", value = "a" }, { value = "b" }]',
    )
    assert ask(rules, version="6.1").value == "b"
    assert ask(rules, version="6.0").undecided == "CONFIG_X"


def test_kernel_nobody_looked_at_is_skipped_and_says_so(tmp_path):
    rules = load(tmp_path, ROW + 'expect = [{ until = "6.1", value = "a" }]')
    assert "does not say what x86_64 6.5 does (R-01)" in ask(rules, version="6.5").skip


def test_unknown_row_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no row 'R-02'"):
        ask(load(tmp_path, ROW), row="R-02")


def test_expectation_for_a_kind_of_memory(tmp_path):
    rules = load(
        tmp_path,
        ROW
        + """
        expect = [{ memory = ["shmem"], value = "s" }, { memory = ["hugetlb-shared"], value = "h" },
                  { value = "other" }]
        """,
    )
    values = {
        memory: ask(rules, memory=memory).value
        for memory in ("shmem-shared", "shmem-private", "hugetlb-shared", "hugetlb-private", None)
    }
    assert list(values.values()) == ["s", "s", "h", "other", "other"]


def test_cases_of_rows_that_say_so_are_run_as_32_bit_tasks(tmp_path):
    rows = ("compat = true", "compat = false", "")
    text = "".join(f'[R-0{n}]\nstatement = "s"\n{key}\n' for n, key in enumerate(rows, 1))
    rules = load(tmp_path, text)
    assert rules.as_compat(case_of("R-01"))
    for wanted in (("R-02",), ("R-03",), ("R-01", "R-03"), ("R-99",)):
        assert not rules.as_compat(case_of(*wanted))


def test_expectation_for_a_32_bit_task_on_a_64_bit_kernel(tmp_path):
    rules = load(
        tmp_path,
        ROW + 'expect = [{ task = "compat", value = "c" }, { task = "native", value = "n" }]',
    )
    assert ask(rules).value == "n"
    assert ask(rules, task="compat").value == "c"


def test_shared_lists_come_first_in_the_order_they_are_named(tmp_path):
    rules = load(
        tmp_path,
        ROW + 'applies = ["new", "arm"]\nexpect = [{ value = "own" }]',
        """
        arm = [{ arch = ["arm64"], skip = "not arm64" }]
        new = [{ until = "6.1", skip = "too old" }]
        """,
    )
    assert ask(rules, arch="arm64", version="6.0").skip == "too old"
    assert ask(rules, arch="arm64").skip == "not arm64"
    assert ask(rules).value == "own"


def test_finding_is_told(tmp_path):
    rules = load(tmp_path, ROW + 'expect = [{ since = "7.2", finding = "oops" }]')
    assert ask(rules, version="7.2").finding == "oops"
    assert ask(rules, version="7.2").applies
    assert ask(rules, version="7.1").finding is None


def test_case_knows_the_findings_of_the_rows_that_apply(tmp_path):
    rules = load(
        tmp_path,
        """
        [R-01]
        statement = "s"
        expect = [{ since = "7.2", finding = "oops" }]
        [R-02]
        statement = "s"
        expect = [{ since = "7.2", value = "EINVAL", finding = "ouch" }, { value = "0" }]
        """,
    )
    ask = {
        version: rules.for_case(
            case_of("R-01", "R-02"), "x86_64", Version.parse(version), known(None)
        )
        for version in ("7.2", "7.1")
    }
    assert ask["7.2"].findings == ("oops", "ouch")
    assert ask["7.1"].findings == ()


def test_text_over_several_lines_becomes_one(tmp_path):
    rules = load(tmp_path, '[R-01]\nstatement = """\n  one\n  two."""\n')
    assert rules.rows["R-01"].statement == "one two."


def test_row_knows_its_file_and_its_memory_in_full(tmp_path):
    rules = load(tmp_path, ROW + 'memory = ["hugetlb", "anon", "sysv"]\npages = ["2M"]')
    row = rules.rows["R-01"]
    assert row.area == "area"
    assert row.memory == ("hugetlb-shared", "hugetlb-private", "anon", "sysv")
    assert row.pages == ("2M",)


# ---- what to do with a case ----------------------------------------------------------------

TWO_ROWS = """
[R-01]
statement = "s"
expect = [{ value = "a" }]
[R-02]
statement = "s"
needs = ["CONFIG_X"]
expect = [{ until = "6.1", skip = "too old" }, { config = "CONFIG_Y=y", value = "y" },
          { value = "n" }]
"""


def plan(rules, *rows, version="6.1", config=None, needs=()):
    case = case_of(*rows, needs=needs)
    return rules.for_case(case, "x86_64", Version.parse(version), known(config))


def test_case_runs_where_all_of_its_rows_apply(tmp_path):
    rules = load(tmp_path, TWO_ROWS)
    config = {"CONFIG_USERFAULTFD": "y", "CONFIG_X": "y", "CONFIG_Y": "y"}
    both = plan(rules, "R-01", "R-02", config=config)
    assert both.skip is None
    assert both.arguments() == ["--expect", "R-01=a", "--expect", "R-02=y"]
    assert plan(rules, "R-01", "R-02", config=config, version="6.0").skip == "too old"
    assert plan(rules, "R-01", config=config, version="6.0").skip is None


def test_case_is_skipped_on_the_memory_that_its_row_does_not_apply_to(tmp_path):
    rules = load(tmp_path, ROW + 'expect = [{ memory = ["shmem"], skip = "not on shmem" }]')
    skips = {
        memory: rules.for_case(case_of("R-01"), "x86_64", Version(6, 1), known(None), memory).skip
        for memory in ("shmem-private", "hugetlb-shared", "", None)
    }
    assert list(skips.values()) == ["not on shmem", None, None, None]


def test_case_is_undecided_when_one_of_its_rows_is(tmp_path):
    rules = load(tmp_path, TWO_ROWS)
    assert plan(rules, "R-01", "R-02").undecided == ("CONFIG_Y",)
    assert plan(rules, "R-01").undecided == ()
    # Skipped all the same: no configuration could make the other row apply.
    assert plan(rules, "R-01", "R-02", version="6.0").skip == "too old"
    assert plan(rules, "R-01", "R-02", version="6.0").undecided == ()


def test_kernel_that_lacks_what_a_case_or_a_row_needs(tmp_path):
    rules = load(tmp_path, TWO_ROWS)
    config = {"CONFIG_USERFAULTFD": "y"}
    assert plan(rules, "R-02", config=config).skip == "the kernel has no CONFIG_X"
    wants_more = plan(rules, "R-01", config=config, needs=("CONFIG_Z",))
    assert wants_more.skip == "the kernel has no CONFIG_Z"
    assert plan(rules, "R-01", config={}).skip == "the kernel has no CONFIG_USERFAULTFD"
    assert plan(rules, "R-01", config=config).skip is None


def test_case_that_names_an_unknown_row_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no row 'R-03'"):
        plan(load(tmp_path, TWO_ROWS), "R-01", "R-03")


# ---- malformed data ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[R-01]\n", "no statement"),
        ('[R-01]\nstatement = " "\n', "statement is ' ': expected text"),
        ("[R1]\nstatement = 's'\n", "a name such as REG-01"),
        ("R-01 = 1", "expected a table"),
        (ROW + "color = 1", "unknown keys: color"),
        (ROW + 'applies = "a"', "applies is 'a': expected a list of text"),
        (ROW + 'applies = ["nothing"]', r"no \[\[nothing\]\] in applies.toml: it has some"),
        (ROW + 'memory = ["hugetlb", "shem"]', "memory 'shem': expected hugetlb-shared, "),
        (ROW + 'pages = ["2 MiB"]', "pages '2 MiB': expected for example 2M"),
        (ROW + 'needs = ["X"]', "needs 'X': expected CONFIG_X"),
        (ROW + 'expect = { value = "a" }', "expected a list of tables"),
        (ROW + 'expect = ["a"]', "expected a list of tables"),
        (ROW + 'expect = [{ color = "red" }]', "unknown keys: color"),
        (ROW + 'expect = [{ value = "a", skip = "b" }]', "not both"),
        (ROW + "expect = [{ value = 1 }]", "value is 1: expected text"),
        (ROW + 'expect = [{ arch = "arm64" }]', "arch is 'arm64': expected a list of text"),
        (ROW + 'expect = [{ arch = ["x86"] }]', "arch 'x86': expected arm64, armhf, i386, x86_64"),
        (ROW + 'expect = [{ memory = ["huge"] }]', "memory 'huge': expected hugetlb-shared, "),
        (ROW + 'compat = "yes"', "compat is 'yes': expected true or false"),
        (ROW + 'expect = [{ task = "32" }]', "task '32': expected native or compat"),
        (ROW + 'expect = [{ since = "new", value = "a" }]', r"\[R-01\]: 'new' is not a kernel v"),
        (ROW + 'expect = [{ config = "X", value = "a" }]', "expected CONFIG_X=y or CONFIG_X=n"),
        ("[", "cannot read"),
    ],
)
def test_malformed_data_is_named(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        load(tmp_path, text, 'some = [{ skip = "s" }]')
    assert "area.toml" in str(caught.value)


def test_malformed_shared_list_is_named(tmp_path):
    with pytest.raises(InputError, match=r"applies.toml \[some\]: unknown keys: color"):
        load(tmp_path, ROW, "some = [{ color = 1 }]")


def test_row_in_two_files_is_an_error(tmp_path):
    (tmp_path / "again.toml").write_text(ROW)
    with pytest.raises(InputError, match=r"area.toml \[R-01\]: again.toml has it, too"):
        load(tmp_path, ROW)


def test_no_contract_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no contract: "):
        reader.load(tmp_path / "nothing")


def test_pending_rows(tmp_path):
    (tmp_path / "PENDING").write_text("# why\nR-01\n\n R-02 \n")
    assert reader.pending(tmp_path) == ("R-01", "R-02")
    with pytest.raises(InputError, match=r"cannot read .*PENDING"):
        reader.pending(tmp_path / "nothing")
