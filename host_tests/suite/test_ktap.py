# SPDX-License-Identifier: GPL-2.0-only
"""KTAP and kselftest's dialect: each log in data/ktap is named for what it shows."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.suite import ktap
from harness.suite.ktap import Directive, Parser, Result, parse
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


def test_long_lines_are_cut():
    parser = parse(b"KTAP version 1\n1..1\nok 1 " + b"n" * 5_000_000 + b"\n")
    assert len(parser.results[0].name) == ktap.MAX_LINE - len("ok 1 ")
    assert parser.errors == [f"a line longer than {ktap.MAX_LINE} bytes was cut"]


def test_a_line_that_never_ends_takes_no_memory():
    parser = Parser()
    for _ in range(1000):
        parser.feed(b"x" * 10_000)
    assert len(parser._line) <= ktap.MAX_LINE + 1


def test_first_and_last_diagnostics_are_kept():
    lines = b"".join(b"# %d\n" % n for n in range(1000))
    notes = parse(b"KTAP version 1\n1..1\n" + lines + b"ok 1 a\n").results[0].diagnostics
    assert len(notes) == ktap.MAX_DIAGNOSTICS + 1
    assert (notes[0], notes[49], notes[50], notes[51]) == ("0", "49", "[900 lines left out]", "950")
    assert notes[-1] == "999"


def test_results_are_bounded():
    lines = b"".join(b"ok %d a\n" % n for n in range(1, 1500))
    parser = parse(b"KTAP version 1\n1..1499\n" + lines)
    assert len(parser.results) == ktap.MAX_RESULTS
    assert f"over {ktap.MAX_RESULTS} results: the rest is dropped" in parser.errors
    assert len(parser.errors) <= ktap.MAX_ERRORS


def test_diagnostics_of_all_results_are_bounded(monkeypatch):
    monkeypatch.setattr(ktap, "MAX_DIAGNOSTIC_CHARS", 10)
    parser = parse(b"KTAP version 1\n1..2\n# 12345678\nok 1 a\n# 12345678\nok 2 b\n")
    assert [result.diagnostics for result in parser.results] == [("12345678",), ()]
    assert any("characters of diagnostics" in error for error in parser.errors)


def test_nesting_is_bounded():
    deep = b"".join(b"  " * n + b"KTAP version 1\n" for n in range(100))
    parser = parse(deep)
    assert len(parser.errors) <= ktap.MAX_ERRORS
    assert any("nested" in error for error in parser.errors)


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
