# SPDX-License-Identifier: GPL-2.0-only
"""KTAP and kselftest's dialect: each log in data/ktap is named for what it shows."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import kunit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.suite import ktap
from harness.suite.ktap import Bounds, Counts, Directive, Parser, Result, parse
from harness.text import clean

DATA = Path(__file__).parent / "data" / "ktap"
LOGS = sorted(DATA.glob("*.log"))


def read(name):
    return parse((DATA / name).read_bytes())


def test_our_pass():
    parser = read("our-pass.log")
    assert parser.version == "KTAP version 1"
    assert parser.plan == 1
    assert parser.errors == []
    assert parser.bail_out is None
    notes = ("memory: shmem", "page size: 4096")
    assert parser.results == (Result(1, "continue[shmem]", ok=True, diagnostics=notes),)


def test_our_fail():
    (result,) = read("our-fail.log").results
    assert not result.ok
    assert result.directive is None
    assert result.diagnostics[-1] == "continue.c:41: expected 1, got 0"


def test_our_skip_with_its_reason():
    (result,) = read("our-skip.log").results
    assert result.ok
    assert (result.directive, result.reason) == (Directive.SKIP, "no hugetlb pages: 0 of 4")


def test_our_timeout():
    (result,) = read("our-timeout.log").results
    assert not result.ok
    assert result.directive is Directive.TIMEOUT
    assert result.reason == "after 10 s in ioctl UFFDIO_CONTINUE"


def test_bail_out_is_no_plan_error():
    parser = read("our-bail-out.log")
    assert parser.bail_out == "cannot open /dev/userfaultfd: Permission denied"
    assert parser.results == ()
    assert parser.errors == []


def test_kernel_doc_example_nests_by_indentation():
    parser = read("nested-indented.log")
    assert parser.errors == []
    (main,) = parser.results
    assert main.name == "main_test"
    assert [sub.name for sub in main.subtests] == ["example_test_1", "example_test_2"]
    assert [sub.name for sub in main.subtests[0].subtests] == ["test_1", "test_2"]
    assert main.subtests[1].subtests[1].ok is False


def test_kunit_before_6_3_nests_without_a_version_line():
    parser = read("kunit-old-subtests-without-version.log")
    assert parser.errors == []
    (suite,) = parser.results
    assert [sub.name for sub in suite.subtests] == ["example_simple_test", "example_skip_test"]
    assert suite.subtests[1].directive is Directive.SKIP


def test_kselftest_runner_nests_by_hash():
    parser = read("kselftest-runner.log")
    assert parser.version == "TAP version 13"
    assert parser.errors == []
    first, second, third = parser.results
    assert first.name == "selftests: mm: uffd-unit-tests"
    assert [sub.name for sub in first.subtests] == ["", "minor-shmem"]
    assert first.subtests[0].reason == "wp-unpopulated"
    assert first.diagnostics[-1] == "Totals: pass:1 fail:0 xfail:0 xpass:0 skip:1 error:0"
    assert (second.directive, second.reason) == (None, "exit=1")
    assert third.directive is Directive.TIMEOUT


def test_kselftest_whole_program_skip():
    parser = read("kselftest-plan-skip.log")
    assert parser.errors == []
    assert parser.plan == 0
    assert parser.results == (
        Result(0, "", ok=True, directive=Directive.SKIP, reason="no userfaultfd"),
    )


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("error-no-plan.log", "no plan: expected a line like 1..1"),
        ("error-no-version.log", "no version line: expected 'KTAP version 1' first"),
        ("error-one-of-two.log", "the plan said 1..2, and 1 results came"),
        ("error-out-of-order.log", "result 2 where 1 was expected: 'b'"),
        ("error-two-plans.log", "a second plan, 1..2 after 1..1"),
        ("error-subtests-missing.log", "subtests of 'outer': the plan said 1..2, and 1 results"),
        ("error-cut-in-subtests.log", "unfinished subtests: the plan said 1..2, and 1 results"),
        ("error-second-version.log", "a second 'KTAP version 1'"),
    ],
)
def test_errors_are_a_list(log, error):
    assert any(seen.startswith(error) for seen in read(log).errors), read(log).errors


def test_the_empty_output_has_errors():
    assert parse(b"").errors == [
        "no version line: expected 'KTAP version 1' first",
        "no plan: expected a line like 1..1",
    ]


def test_a_result_is_returned_as_soon_as_its_line_ends():
    parser = Parser()
    assert parser.feed(b"KTAP version 1\n1..1\nok 1 na") == []
    assert parser.results == ()
    assert [result.name for result in parser.feed(b"me\n# late\n")] == ["name"]
    assert parser.close() == []
    assert parser.trailing == ("late",)


def test_a_last_line_without_its_end_counts():
    parser = Parser()
    assert parser.feed(b"KTAP version 1\n1..1\nok 1 name") == []
    assert [result.name for result in parser.close()] == ["name"]
    assert parser.feed(b"ok 2 more\n") == []
    assert parser.errors == []


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pieces_of_any_size_give_the_same(log, size):
    data = log.read_bytes()
    whole, pieces = parse(data), Parser()
    finished = []
    for start in range(0, len(data), size):
        finished += pieces.feed(data[start : start + size])
    finished += pieces.close()
    assert tuple(finished) == pieces.results == whole.results
    assert pieces.errors == whole.errors
    assert pieces.trailing == whole.trailing


@pytest.mark.parametrize(
    ("line", "name", "directive", "reason"),
    [
        (b"ok 1 - dashed", "dashed", None, ""),
        (b"ok 1", "", None, ""),
        (b"ok", "", None, ""),
        (b"ok without number", "without number", None, ""),
        (b"ok 1 a # skip lower case", "a", Directive.SKIP, "lower case"),
        (b"ok 1 a #SKIP tight", "a", Directive.SKIP, "tight"),
        (b"ok 1 a # SKIP", "a", Directive.SKIP, ""),
        (b"ok 1 a # SKIPPED no", "a", None, "SKIPPED no"),
        (b"ok 1 a # XFAIL known", "a", Directive.XFAIL, "known"),
        (b"ok 1 a # TODO later", "a", Directive.TODO, "later"),
        (b"ok 1 page#3 \\# x # SKIP r", "page#3 # x", Directive.SKIP, "r"),
        (b"ok 1 a\r", "a", None, ""),
        (b"ok 1 \x1b[32mgreen\x1b[0m\x07", "green", None, ""),
        (b"ok 1 \xff\xfe", "��", None, ""),
    ],
)
def test_result_lines(line, name, directive, reason):
    parser = parse(b"KTAP version 1\n1..1\n" + line + b"\n")
    assert parser.errors == []
    assert parser.results == (Result(1, name, ok=True, directive=directive, reason=reason),)


@pytest.mark.parametrize("line", [b"okay 1 a", b"not  ok 1 a", b"nok 1", b"OK 1 a", b"xok 1"])
def test_lines_that_are_no_results(line):
    assert parse(b"KTAP version 1\n1..0\n" + line).results == ()


def test_a_diagnostic_that_looks_like_a_result_is_one_of_no_nested_test():
    parser = parse(b"KTAP version 1\n1..1\n# ok 7 pages\n# not ok 1 x\nok 1 a\n")
    assert parser.errors == []
    assert parser.results[0].diagnostics == ("ok 7 pages", "not ok 1 x")


def test_a_line_that_never_ends_takes_no_memory():
    parser = Parser(Bounds(line=1000))
    for _ in range(1000):
        parser.feed(b"x" * 10_000)
    assert len(parser._line) <= 1001


def test_first_and_last_diagnostics_are_kept():
    lines = b"".join(b"# %d\n" % n for n in range(1000))
    notes = parse(b"KTAP version 1\n1..1\n" + lines + b"ok 1 a\n").results[0].diagnostics
    assert len(notes) == Bounds().diagnostics + 1
    assert (notes[0], notes[49], notes[50], notes[51]) == ("0", "49", "[900 lines left out]", "950")
    assert notes[-1] == "999"


# Bounds: what is over them is counted, and nothing that failed is hidden by one.


def test_a_long_line_is_cut_and_what_it_may_have_said_is_not_taken_for_good():
    long = b"n" * 5_000_000
    for line, directive in ((b"ok 1 " + long, Directive.ERROR), (b"ok 1 a # " + long, None)):
        parser = parse(b"KTAP version 1\n1..1\n" + line + b" # SKIP\n")
        (result,) = parser.results
        assert len(result.name) <= Bounds().line
        assert (result.ok, result.directive) == (directive is None, directive)
        assert parser.errors == [f"a line longer than {Bounds().line} bytes was cut"]


def test_a_directive_behind_a_name_of_a_kilobyte_is_read():
    """The bound was 1000 bytes once, and a SKIP was read as a failure."""
    (result,) = parse(b"KTAP version 1\n1..1\nnot ok 1 " + b"n" * 1200 + b" # SKIP why\n").results
    assert (result.directive, result.reason) == (Directive.SKIP, "why")


def test_over_the_bound_results_are_counted_and_failures_kept():
    printed = b"".join(
        b"not ok %d a # r\n" % n
        if n in {1400, 1401}
        else b"ok %d a%s\n" % (n, b" # SKIP" * (n % 2))
        for n in range(1, 1501)
    )
    parser = parse(b"KTAP version 1\n1..1500\n" + printed, Bounds(results=1000))
    assert [result.number for result in parser.results] == [*range(1, 1001), 1400, 1401]
    assert parser.left_out == Counts(passed=249, skipped=249)
    assert parser.counts() == Counts(passed=749, failed=2, skipped=749)
    assert parser.errors == ["over 1000 results: the rest is counted, not kept"] * 20
    everything = parse(b"KTAP version 1\n1..1500\n" + printed)
    assert everything.counts() == parser.counts()
    assert everything.errors == []


def test_endless_failures_are_counted():
    parser = parse(b"KTAP version 1\n" + b"not ok\n" * 5000, Bounds(results=10))
    assert len(parser.results) == 20
    assert parser.counts() == Counts(failed=5000)


def test_subtests_over_the_bound_are_their_parents():
    printed = b"  KTAP version 1\n  1..30\n" + b"".join(b"  ok %d a\n" % n for n in range(1, 30))
    parser = parse(
        b"KTAP version 1\n1..1\n" + printed + b"  not ok 30 b\nok 1 s", Bounds(results=9)
    )
    (suite,) = parser.results
    assert suite.failed
    assert suite.left_out == Counts(passed=20)
    assert parser.counts() == Counts(passed=29, failed=1)


def test_diagnostics_of_all_results_are_bounded():
    output = b"KTAP version 1\n1..2\n# 12345678\nok 1 a\n# 12345678\nnot ok 2 b\n"
    parser = parse(output, Bounds(chars=10))
    assert [result.diagnostics for result in parser.results] == [("12345678",), ()]
    assert any("characters of diagnostics" in error for error in parser.errors)
    assert parser.results[1].failed


def test_names_of_all_results_are_bounded():
    output = b"KTAP version 1\n" + b"".join(b"ok %d %s\n" % (n, b"n" * 500) for n in range(1, 100))
    parser = parse(output, Bounds(chars=1000))
    assert sum(len(result.name) for result in parser.results) < 1000 + 100 * 100
    assert len(parser.results) == 99


@pytest.mark.parametrize("nesting", ["  ", "# "])
def test_nesting_is_bounded_and_what_fails_below_is_seen(nesting):
    """Deeper than the bound there are no levels: results are the deepest one's."""
    version = "TAP version 13" if "#" in nesting else "KTAP version 1"
    deep = "".join(f"{nesting * n}{version}\n{nesting * n}1..1\n" for n in range(100))
    parser = parse(f"{deep}{nesting * 99}not ok 1 x\nok 1 a\n".encode())
    assert len(parser.errors) == ktap.MAX_ERRORS
    assert "subtests nested over 16 levels deep" in parser.errors
    (result,) = parser.results
    assert result.ok
    assert result.failed


# What others print.  docs/ktap.md has where their own readers differ.


def outline(results):
    """Return names, "!" before what is not ok, and their subtests."""
    return [
        (("" if r.ok else "!") + r.name, outline(r.subtests)) if r.subtests
        else ("" if r.ok else "!") + r.name
        for r in results
    ]  # fmt: skip


def test_a_parent_that_is_ok_does_not_hide_its_child():
    parser = parse(
        b"KTAP version 1\n1..1\n    KTAP version 1\n    1..2\n    ok 1 x\n    not ok 2 y\nok 1 s\n"
    )
    assert parser.results[0].ok
    assert parser.results[0].failed
    assert parser.counts() == Counts(passed=1, failed=1)


def test_a_bail_out_ends_its_subtest_and_no_more():
    parser = parse(
        b"TAP version 13\n1..2\n# TAP version 13\n# 1..3\n# ok 1 x\n# Bail out! no disk\n"
        b"not ok 1 one # exit=1\nok 2 two\n"
    )
    assert parser.bail_out is None
    assert outline(parser.results) == [("!one", ["x"]), "two"]
    assert (parser.results[0].bail_out, parser.results[0].missing) == ("no disk", 2)
    assert parser.errors == []


def test_a_subtest_that_gave_up_is_no_pass_of_its_parent():
    parser = parse(b"TAP version 13\n1..1\n# TAP version 13\n# 1..1\n# Bail out! x\nok 1 one\n")
    assert parser.results[0].failed
    assert parser.errors == ["'one' is ok, and its subtests gave up: x"]


@pytest.mark.parametrize(
    "stamp",
    [
        "[    1.{:06}] ",
        "[    1.{:06}][    T1] ",
        "<6>[    1.{:06}] ",
        "[{}9999.000001] ",  # grows from 99999 to 109999 on the way
        " ",
        "a console: ",
    ],
)
def test_what_a_console_puts_before_lines_is_taken_off(stamp):
    lines = (
        *("boot noise", "KTAP version 1", "1..1", "    KTAP version 1", "    # Subtest: s"),
        *("    1..2", "    ok 1 x", "clocksource: noise", "    not ok 2 y", "not ok 1 s"),
    )
    parser = parse(
        "".join(f"{stamp.format(n + 5)}{line}\n" for n, line in enumerate(lines)).encode()
    )
    assert outline(parser.results) == [("!s", ["x", "!y"])]
    # What stands there before the version line is not known yet.
    assert parser.results[0].diagnostics[0].endswith("boot noise")
    assert parser.results[0].diagnostics[1:] == ("clocksource: noise",)
    assert [error.startswith("before the version line: ") for error in parser.errors] == [True]


def test_a_line_that_the_console_did_not_stamp_is_read_as_it_is():
    parser = parse(b"[    1.000000] KTAP version 1\n[    1.000000] 1..2\nok 1 a\nnot ok 2 b\n")
    assert outline(parser.results) == ["a", "!b"]


@pytest.mark.parametrize("word", ["XFAIL", "TODO"])
def test_what_was_expected_to_fail_is_what_it_says(word):
    parser = parse(f"TAP version 13\n1..2\nok 1 a # {word} b\nnot ok 2 c # {word} d\n".encode())
    assert [result.failed for result in parser.results] == [False, True]
    assert parser.counts() == Counts(passed=1, failed=1)
    assert parser.errors == []


@pytest.mark.parametrize("plan", ["", "# 1..2\n"])
def test_children_without_a_version_line_in_kselftest(plan):
    parser = parse(
        f"TAP version 13\n1..1\n# running\n{plan}# ok 1 x\n# # why\n# not ok 2 y\n"
        "not ok 1 one # exit=1\n".encode()
    )
    assert outline(parser.results) == [("!one", ["x", "!y"])]
    assert parser.results[0].subtests[1].diagnostics == ("why",)


@pytest.mark.parametrize(
    "prose",
    [
        b"# ok so far this is prose\n# not ok to run twice\n",
        b"# ok, the second way\n",
        b"# not ok 3 of them\n",
        b"progress... not ok 1 x\n",
        b"    not ok to run twice\n",
    ],
)
def test_prose_in_kselftest_is_no_result(prose):
    parser = parse(b"TAP version 13\n1..1\n" + prose + b"ok 1 one\n")
    assert outline(parser.results) == ["one"]
    assert parser.counts() == Counts(passed=1)
    assert parser.errors == []


@pytest.mark.parametrize(
    "head",
    [
        "    KTAP version 1\n    1..2\n",
        "    KTAP version 1\n",
        "    # Subtest: s\n    1..2\n",
        "    # Subtest: s\n",
        "    1..2\n",
        "  KTAP version 1\n  # Subtest: s\n  1..2\n",  # indented less than its results
        "",
    ],
)
@pytest.mark.parametrize("tail", ["", "    1..2\n"])
def test_indented_children_are_read_whatever_is_before_and_after_them(head, tail):
    parser = parse(
        f"KTAP version 1\n1..1\n{head}    ok 1 x\n    not ok 2 y\n{tail}ok 1 s\n".encode()
    )
    assert outline(parser.results) == [("s", ["x", "!y"])]
    assert parser.results[0].failed
    assert parser.counts() == Counts(passed=1, failed=1)


def test_a_suite_within_a_suite_whose_own_results_follow():
    parser = parse(
        b"KTAP version 1\n1..1\n        KTAP version 1\n        1..1\n        not ok 1 x\n"
        b"    ok 1 inner\nok 1 outer\n"
    )
    assert outline(parser.results) == [("outer", [("inner", ["!x"])])]


def test_a_suite_that_a_panic_cut_is_not_ok():
    parser = parse(b"KTAP version 1\n1..2\n    # Subtest: s\n    1..3\n    ok 1 x\n")
    (suite,) = parser.results
    assert (suite.name, suite.ok, suite.directive, suite.missing) == ("s", False, "ERROR", 2)
    assert parser.counts() == Counts(passed=1, missing=3)


def test_the_plan_says_how_many_are_missing():
    parser = parse(b"KTAP version 1\n1..3\nok 1 x\n")
    assert parser.counts() == Counts(passed=1, missing=2)


def test_results_over_the_plan_are_read():
    parser = parse(b"KTAP version 1\n1..1\nok 1 x\nnot ok 2 y\n")
    assert parser.counts() == Counts(passed=1, failed=1)
    assert parser.errors == ["the plan said 1..1, and 2 results came"]


def test_no_test_in_the_plan():
    parser = parse(b"KTAP version 1\n1..0\n")
    assert parser.counts() == Counts()
    assert parser.errors == ["the plan said 1..0: no test was run"]
    skipped = parse(
        b"TAP version 13\n1..1\n# TAP version 13\n# 1..0 # SKIP no disk\nok 1 a # SKIP\n"
    )
    assert skipped.counts() == Counts(skipped=1)
    assert skipped.errors == []


def test_names_with_a_hash_and_results_without_a_number():
    parser = parse(b"TAP version 13\n1..3\nok - a\nnot ok test #3 of 7\nok queue#0 works\n")
    assert outline(parser.results) == ["a", "!test #3 of 7", "queue#0 works"]


# docs/ktap.md, row by row: an output, then passed, failed, skipped and missing as KUnit counts them
# (None: that of 6.12 does not come to an end), and as they are counted here.
DIFFERENCES = {
    "kselftest's subtests": (
        "TAP version 13\n1..1\n# TAP version 13\n# 1..2\n# ok 1 x\n# not ok 2 y\nnot ok 1 s",
        (0, 1, 0, 0), (1, 1, 0, 0),
    ),
    "bail-out": ("TAP version 13\n1..1\nBail out! x\nok 1 s", (1, 0, 0, 0), (1, 0, 0, 0)),
    "no number": ("KTAP version 1\n1..1\nnot ok x", (0, 0, 0, 1), (0, 1, 0, 0)),
    "hash in a name": ("KTAP version 1\n1..1\nnot ok 1 x#2", (0, 0, 0, 1), (0, 1, 0, 0)),
    "over the plan": ("KTAP version 1\n1..1\nok 1 x\nnot ok 2 y", (1, 0, 0, 0), (1, 1, 0, 0)),
    "late plan": (
        "KTAP version 1\n1..1\n  # Subtest: s\n  ok 1 x\n  not ok 2 y\n  1..2\nnot ok 1 s",
        None, (1, 1, 0, 0),
    ),
    "named like its suite": (
        "KTAP version 1\n1..1\n  # Subtest: s\n  1..1\n  ok 1 s\nok 1 s",
        (0, 0, 0, 1), (1, 0, 0, 0),
    ),
    "not indented": (
        "KTAP version 1\n1..1\n# Subtest: s\n1..2\nok 1 x\nnot ok 2 y\nnot ok 1 s",
        (1, 1, 0, 0), (1, 2, 0, 0),
    ),
    "indented alone": (
        "KTAP version 1\n1..1\n  ok 1 x\n  not ok 2 y\nok 1 s",
        (1, 0, 0, 0), (1, 1, 0, 0),
    ),
    "no result of a suite": (
        "KTAP version 1\n1..1\n  # Subtest: s\n  1..1\n  ok 1 x\n",
        (1, 0, 0, 0), (1, 1, 0, 0),
    ),
    "all skipped, and not ok": (
        "KTAP version 1\n1..1\n  # Subtest: s\n  1..1\n  ok 1 x # SKIP y\nnot ok 1 s",
        (0, 0, 1, 0), (0, 1, 1, 0),
    ),
    "no version": ("1..2\nok 1 x\nnot ok 2 y", (0, 0, 0, 0), (1, 1, 0, 0)),
    "plan of none": ("TAP version 13\n1..0 # SKIP x", (0, 0, 0, 0), (0, 0, 1, 0)),
    "no stamp": (
        "[    1.000000] KTAP version 1\n[    1.000000] 1..1\nnot ok 1 x",
        (0, 0, 0, 1), (0, 1, 0, 0),
    ),
    "after the end": (
        "KTAP version 1\n1..1\nreboot: System halted\nnot ok 1 x",
        (0, 0, 0, 1), (0, 1, 0, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_from_kunit_are_these(name):
    output, owner, here = DIFFERENCES[name]
    assert in_words(parse(output.encode()).counts()) == in_words(Counts(*here))
    if owner is not None:
        assert kunit.counts(output) == in_words(Counts(*owner))


# The logs of which KUnit's parser makes something else, why, and what it makes of the top level.
GOLDEN_DIFFERENCES = {
    "test_is_test_passed-kselftest.log": "the programs' own results, in kselftest's '# ', are read",
}


def test_kunit_s_own_logs_come_to_what_kunit_makes_of_them():
    """Of each log: its counts, and whether it is a success at all."""
    logs = kunit.golden_logs()
    if not logs:
        pytest.skip(kunit.MISSING)
    different = {}
    for log in logs:
        text = log.read_text()
        parser, owner = parse(text.encode()), kunit.counts(text)
        counts = in_words(parser.counts())
        if counts != owner:
            different[log.name] = counts
            # A program that passed has no result that failed.
            assert in_words(sum_of_top(parser)) == owner
        success = parser.counts().passed > 0 and not any(r.failed for r in parser.results)
        assert (kunit.status(text) == "SUCCESS") is success, log.name
    assert different.keys() == GOLDEN_DIFFERENCES.keys()
    assert len(logs) >= 20


def in_words(counts):
    return Counter(
        {"pass": counts.passed, "fail": counts.failed, "skip": counts.skipped,
         "missing": counts.missing}
    )  # fmt: skip


def sum_of_top(parser):
    return sum((replace(result, subtests=()).counts() for result in parser.results), Counts())


def test_clean_keeps_tabs_and_letters():
    assert (
        clean("a\tb \x1b]0;title\x07\x1b[1;31mü\x1b[0m\x00\x7f\x9b\u202e\ud800\u2028!") == "a\tb ü!"
    )


PIECES = (
    *(b"KTAP version 1\n", b"TAP version 13\n", b"1..2\n", b"1..0 # SKIP x\n", b"ok 1 a\n"),
    *(b"ok 2\n", b"not ok 1 b # TIMEOUT 3\n", b"# note\n", b"# ", b"  ", b"\t", b"#", b"\n"),
    b"Bail out! x\n",
)
pieces = st.sampled_from(PIECES)


@given(st.lists(st.one_of(pieces, st.binary(max_size=40)), max_size=60))
def test_any_bytes_parse(chunks):
    parser = Parser()
    finished = []
    for chunk in chunks:
        finished += parser.feed(chunk)
    finished += parser.close()
    assert tuple(finished) == parser.results
    assert parser.results == parse(b"".join(chunks)).results
    assert len(parser.errors) <= ktap.MAX_ERRORS
    for result in parser.results:
        for text in (result.name, result.reason, *result.diagnostics):
            assert clean(text) == text
            assert "\n" not in text


lines = st.sampled_from(
    [
        *("KTAP version 1", "TAP version 13", "1..2", "1..0 # SKIP x", "# Subtest: s", "ok 1 a"),
        *("ok 2 b", "ok c", "not ok 1 d # SKIP", "not ok 1 e", "Bail out! x", "prose", "# note"),
        *("not KTAP version 1", "[    1.000000] KTAP version 1", "[    1.000000] ok 1 f"),
    ]
).flatmap(lambda text: st.sampled_from(["", "  ", "    ", "\t", "# ", "# # ", "  # "]).map(
    lambda nesting: nesting + text))  # fmt: skip


@given(st.lists(lines, max_size=20), st.lists(lines, max_size=5), st.integers(1, 3))
def test_nothing_hides_a_result_that_is_not_ok(before, after, bound):
    """Whatever stands around it, and however little is kept."""
    output = "\n".join([*before, "not ok 3 x", *after]).encode()
    for bounds in (None, Bounds(results=bound, depth=bound, chars=bound, diagnostics=bound)):
        parser = parse(output, bounds)
        failed = any(result.failed for result in parser.results)
        assert failed or parser.left_out.failed or parser.left_out.missing
        counts = parser.counts()
        assert counts.failed or counts.missing


@st.composite
def trees(draw, depth=3):
    """A well-formed tree: a result and its subtests; one fails if one of them does, or anyway."""
    subtests = draw(st.lists(trees(depth - 1), max_size=3)) if depth else []
    ok = draw(st.booleans()) and all(subtest[1] for subtest in subtests)
    skip = draw(st.booleans()) and not subtests and ok
    # For KUnit a child of its parent's name ends it.
    name = f"{draw(st.sampled_from(['a', 'b c', 'd-e', 'f.g[h]']))} {depth}"
    return name, ok, skip, subtests


def as_ktap(results, indentation, header):
    """Yield the lines of ``results`` as ktap.rst has them, or KUnit before Linux 6.3."""
    for number, (name, ok, skip, subtests) in enumerate(results, 1):
        if subtests:
            if header:
                yield f"{indentation}    KTAP version 1"
            yield f"{indentation}    # Subtest: {name}"
            yield f"{indentation}    1..{len(subtests)}"
            yield from as_ktap(subtests, f"{indentation}    ", header)
        said = "ok" if ok else "not ok"
        yield f"{indentation}{said} {number} {name}{' # SKIP why' if skip else ''}"


@given(
    st.lists(trees(), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["", "[    1.000000] "]),
)
def test_what_is_well_formed_counts_as_for_kunit(results, header, stamp):
    text = "\n".join(
        stamp + line
        for line in ("KTAP version 1", f"1..{len(results)}", *as_ktap(results, "", header))
    )
    parser = parse(text.encode())
    assert len(parser.errors) == (1 if stamp else 0)
    assert outline(parser.results) == outlined(results)
    if kunit.folder() is None:
        pytest.skip(kunit.MISSING)
    assert kunit.read(text).counts.errors == 0
    owner, ours = kunit.counts(text), in_words(parser.counts())
    # KUnit of 6.12 does not count a failure that no subtest explains; later ones do, but where
    # the subtests were skipped.
    unexplained = sum(map(unexplained_failures, results))
    assert owner["fail"] <= ours["fail"] <= owner["fail"] + unexplained
    assert owner | {"fail": 0} == ours | {"fail": 0}


def outlined(results):
    return [
        (("" if ok else "!") + name, outlined(subtests)) if subtests else ("" if ok else "!") + name
        for name, ok, _, subtests in results
    ]


def unexplained_failures(result):
    _, ok, _, subtests = result
    here = bool(subtests) and not ok and all(subtest[1] for subtest in subtests)
    return here + sum(map(unexplained_failures, subtests))
