# SPDX-License-Identifier: GPL-2.0-only
"""Lines by themselves; test_ktap.py has what they are together."""

import pytest

from harness.suite.ktap_line import NESTING, SUBTEST, VERSION, Directive, Prefix, result_line


@pytest.mark.parametrize(
    ("text", "ok", "number", "name"),
    [
        ("ok 1 a", True, 1, "a"),
        ("not ok 12 - a b", False, 12, "a b"),
        ("ok", True, None, ""),
        ("not ok", False, None, ""),
        ("ok - a", True, None, "a"),
        ("ok 1 queue#0 works", True, 1, "queue#0 works"),
        ("ok 1 \\#2", True, 1, "#2"),
    ],
)
def test_results(text, ok, number, name):
    line = result_line(text)
    assert (line.ok, line.number, line.name, line.directive) == (ok, number, name, None)


@pytest.mark.parametrize(
    "text", ["", "okay 1", "not  ok 1", "OK 1", "nok 1", "1..2", "# ok 1", " ok 1", "ok, again"]
)
def test_no_results(text):
    assert result_line(text) is None


@pytest.mark.parametrize(
    ("after", "directive", "reason"),
    [
        ("# SKIP no disk # time=3ms", Directive.SKIP, "no disk # time=3ms"),
        ("# skip", Directive.SKIP, ""),
        ("#SKIP why", Directive.SKIP, "why"),
        ("# TODO", Directive.TODO, ""),
        ("# XFAIL: known", Directive.XFAIL, "known"),
        ("# TIMEOUT 45 seconds", Directive.TIMEOUT, "45 seconds"),
        ("# ERROR x", Directive.ERROR, "x"),
        ("# time=1200ms", None, "time=1200ms"),
        ("# SKIPPED", None, "SKIPPED"),
        ("#", None, ""),
    ],
)
def test_what_follows_the_hash(after, directive, reason):
    line = result_line(f"not ok 1 a {after}")
    assert (line.name, line.directive, line.reason) == ("a", directive, reason)
    assert line.has_comment


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("[    1.000000] KTAP version 1", "[    1.000000] "),
        ("[12345.678901][ T123] TAP version 13", "[12345.678901][ T123] "),
        (" TAP version 14", " "),
        ("a host kernel: KTAP version 1", "a host kernel: "),
    ],
)
def test_a_prefix_is_what_stands_before_the_version(line, before):
    prefix = Prefix.found(line)
    assert prefix.text == before
    assert prefix.taken_from(f"{before}    ok 1 a") == "    ok 1 a"
    assert prefix.taken_from("ok 1 a") == "ok 1 a"
    assert VERSION.match(prefix.taken_from(line))


@pytest.mark.parametrize(
    "line",
    [
        "KTAP version 1",
        "# TAP version 13",
        "  # KTAP version 1",
        "[ 1.0] KTAP version",
        "[ 1.0] x",
        "",
    ],
)
def test_lines_without_a_prefix(line):
    assert Prefix.found(line) is None


def test_a_result_is_never_taken_apart():
    """ "not " before the version line would turn each failure into a pass."""
    assert Prefix.found("ok 1 KTAP version 1") is None
    prefix = Prefix.found("not KTAP version 1")
    assert prefix.taken_from("not ok 1 a") == "not ok 1 a"


def test_another_stamp_is_taken_off_as_well():
    prefix = Prefix.found("[99999.999999] KTAP version 1")
    assert prefix.taken_from("[100000.000000]   ok 1 a") == "  ok 1 a"
    assert prefix.taken_from("[100000.000000]") == ""


def test_a_subtests_header_is_no_nesting():
    text = "    # Subtest: s"
    nesting = NESTING.match(text)
    assert nesting[0] == "    "
    assert SUBTEST.match(text[nesting.end() :])["name"] == "s"
