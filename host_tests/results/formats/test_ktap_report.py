# SPDX-License-Identifier: GPL-2.0-only
"""The KTAP report, read back by the harness's own parser; test_readers.py has the others."""

from hypothesis import given
from hypothesis import strategies as st
from results_data import case, run

from harness.results.formats.ktap import MAX_LINE, MAX_NAME, ktap_report
from harness.suite.ktap import Directive, parse
from harness.verdicts.verdict import Verdict


def test_the_whole_report():
    assert ktap_report(run()) == (
        "KTAP version 1\n"
        "1..5\n"
        "# x86_64 6.1.0-50-amd64: debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1\n"
        "ok 1 continue.case_1[shmem]\n"
        "# memory: shmem\n"
        "# FAIL: expected 1; got 0\n"
        "# run it again: uffd-minor run -k case_2\n"
        "not ok 2 continue.case_2[shmem]\n"
        "# memory: shmem\n"
        "# ERROR: the program died of SIGSEGV\n"
        "# run it again: uffd-minor run -k case_3\n"
        "not ok 3 continue.case_3[shmem] # ERROR the program died of SIGSEGV\n"
        "# memory: shmem\n"
        "# MISS: QEMU died: signal 9\n"
        "# run it again: uffd-minor run -k case_4\n"
        "not ok 4 continue.case_4[shmem] # ERROR MISS: QEMU died: signal 9\n"
        "ok 5 continue.case_5[shmem] # SKIP no hugetlb pages\n"
    )


def test_a_timeout_is_a_directive():
    (result,) = parse(
        ktap_report(run([case(1, Verdict.FAIL, "TIMEOUT after 10 s")])).encode()
    ).results
    assert (result.directive, result.reason) == (Directive.TIMEOUT, "after 10 s")


def test_a_cut_run_has_a_miss_in_its_plan_and_bails_out():
    text = ktap_report(run([case(1)], complete=False))
    assert text.splitlines()[1] == "1..2"
    assert text.endswith(
        "ok 1 continue.case_1[shmem]\n"
        "not ok 2 run.complete # ERROR MISS: the run was cut short\n"
        "Bail out! the run was cut short\n"
    )


def test_a_name_that_comes_again_is_numbered():
    same = [case(1, id=f"x::{n}") for n in range(3)]
    names = [result.name for result in parse(ktap_report(run(same)).encode()).results]
    assert names == [f"continue.case_1[shmem]{number}" for number in ("", " (2)", " (3)")]


def test_what_ends_kunits_reading_does_not_stand_in_a_report():
    ends = (
        "List of all partitions:",
        "Kernel panic - not syncing: VFS: x",
        "reboot: System halted",
    )
    text = ktap_report(run([case(n, Verdict.ERROR, end, name=end) for n, end in enumerate(ends)]))
    assert not any(end in text for end in ends)
    assert "reboot:  System halted" in text


def test_long_names_and_lines_are_cut():
    text = ktap_report(run([case(1, Verdict.FAIL, name="x" * 9999, rerun="y" * 9999)]))
    assert max(map(len, text.splitlines())) == len("# ") + MAX_LINE
    assert len(parse(text.encode()).results[0].name) == MAX_NAME


def test_a_message_cannot_become_a_directive_or_a_name():
    cases = [case(1, Verdict.FAIL, "SKIP me"), case(2, name="x # SKIP y\nok 3 z")]
    first, second = parse(ktap_report(run(cases)).encode()).results
    assert (first.ok, first.directive) == (False, None)
    assert (second.directive, second.name) == (None, "continue.x _ SKIP y ok 3 z[shmem]")


def test_a_diagnostic_cannot_begin_subtests():
    notes = ("KTAP version 1", "# TAP version 13", "Subtest: x", "1..5", "ok 1 x", "Bail out! x")
    parser = parse(ktap_report(run([case(1, Verdict.FAIL, "x", diagnostics=notes)])).encode())
    assert parser.errors == []
    assert parser.bail_out is None
    assert parser.results[0].subtests == ()
    assert parser.results[0].diagnostics[1:4] == (
        *("| KTAP version 1", "| # TAP version 13", "| Subtest: x"),
    )


texts = st.text(max_size=30) | st.sampled_from(["# SKIP x", "KTAP version 1", "\nok 1", "#", "\\"])


@given(st.lists(st.tuples(st.sampled_from(Verdict), texts, texts, texts), min_size=1, max_size=5))
def test_any_text_reads_back(rows):
    cases = [
        case(n, verdict, message, name=name, diagnostics=(note,), rerun=note)
        for n, (verdict, message, name, note) in enumerate(rows)
    ]
    parser = parse(ktap_report(run(cases)).encode("utf-8", "replace"))
    assert parser.errors == []
    assert parser.bail_out is None
    assert len(parser.results) == len(cases)
    for result, each in zip(parser.results, cases, strict=True):
        assert result.ok is (each.verdict in {Verdict.PASS, Verdict.SKIP})
        assert (result.directive is Directive.SKIP) is (each.verdict is Verdict.SKIP)
        assert result.subtests == ()
