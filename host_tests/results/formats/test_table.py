# SPDX-License-Identifier: GPL-2.0-only
"""The table for people."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from results_data import VM, case, run

from harness.kernels.provenance import Source
from harness.results.formats.table import table
from harness.verdicts.verdict import Verdict


def test_the_whole_table():
    assert (
        table(run(), "results/latest-x86_64", 80)
        == """\
          PASS  FAIL ERROR  MISS  SKIP
continue     1     1     1     1     1
total        1     1     1     1     1

FAIL  continue: case_2[shmem]
      expected 1; got 0
      see results/latest-x86_64/vm0/console.log
      run again: uffd-minor run -k case_2
ERROR continue: case_3[shmem]
      the program died of SIGSEGV
      see results/latest-x86_64/vm0/console.log
      run again: uffd-minor run -k case_3
MISS  continue: case_4[shmem]
      QEMU died: signal 9
      see results/latest-x86_64/vm0/console.log
      run again: uffd-minor run -k case_4

skipped:
   1  no hugetlb pages

kernel  x86_64 6.1.0-50-amd64 (debian:bookworm linux-image-6.1.0-50-amd64
        6.1.176-1)
qemu    7.2.22, tcg: /dev/kvm is not there
time    90 s in all, image 2.0 s, boot 3.5 s
"""
    )


def test_programs_are_counted_apart():
    cases = [case(1), case(2), case(3, Verdict.FAIL, "x", program="poison")]
    lines = table(run(cases)).splitlines()
    assert lines[1].split() == ["continue", "2", ".", ".", ".", "."]
    assert lines[2].split() == ["poison", ".", "1", ".", ".", "."]
    assert lines[3].split() == ["total", "2", "1", ".", ".", "."]


def test_skips_are_grouped_by_reason():
    skips = [case(n, Verdict.SKIP, "rare" if n == 0 else "often") for n in range(4)]
    text = table(run(skips))
    assert "skipped:\n   3  often\n   1  rare\n" in text
    assert "case_0" not in text


def test_known_issues_are_named_where_they_were_seen():
    cases = [
        case(1, findings=("oops",)),
        case(2, findings=("ouch", "oops")),
        case(3, Verdict.FAIL, "is mended", findings=("gone",)),
    ]
    text = table(run(cases))
    assert (
        "known issues, as docs/findings.md has them:\n"
        "   oops: continue.case_1, continue.case_2\n"
        "   ouch: continue.case_2\n"
    ) in text
    assert "gone" not in text
    assert "known issues" not in table(run())


def test_a_run_without_cases_and_one_that_was_cut():
    text = table(run([], vms=(), complete=False, finished=None, durations={}))
    assert text.startswith("no cases\n")
    assert text.endswith("the run was cut short: there are cases without a verdict\n")
    assert "time" not in text
    assert "cut short" not in table(run())


def test_dates_that_are_none_are_left_out():
    for started in ("yesterday", "2026-07-02T12:00:00"):
        assert "in all" not in table(run(started=started))


def test_the_source_of_a_kernel_that_has_one():
    source = Source("0123abcd" * 5, "v6.12-rc1-12-g0123abcd", "mm-new", "url", dirty=True)
    text = table(run(kernel=replace(run().kernel, source=source)), width=120)
    assert f"source  v6.12-rc1-12-g0123abcd, {'0123abcd' * 5}, mm-new, dirty\n" in text
    bare = table(run(kernel=replace(run().kernel, source=Source("0123abc"))))
    assert "source  0123abc\n" in bare
    assert "source" not in table(run())


def test_vms_on_the_same_qemu_take_one_line():
    assert table(run(vms=(VM, VM))).count("qemu    ") == 1


def test_a_slow_kernel_and_its_watchers_have_a_line():
    words = {"lockdep": "nothing seen", "kmemleak": "memory leak: 192 bytes"}
    slow = replace(VM, slowness=3.4, watchers=words)
    text = table(run(vms=(slow, replace(slow, name="vm1", watchers={"lockdep": "nothing seen"}))))
    assert "limits  times 3.4 for a kernel that was measured to be slow (docs/debug.md)\n" in text
    assert "lockdep: nothing seen (2 VMs)\n" in text
    assert "kmemleak: memory leak: 192 bytes (1 VMs)\n" in text


def test_a_message_is_wrapped_under_its_case():
    text = table(run([case(1, Verdict.FAIL, "word " * 40)]), width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("      word") > 2


def test_nothing_reaches_the_terminal_that_moves_its_cursor():
    bad = "\x1b[2J\x07\u202e"
    cases = [case(1, Verdict.FAIL, bad, name=bad, program=bad), case(2, Verdict.SKIP, bad)]
    text = table(run(cases))
    assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
    assert "\u202e" not in text


@given(st.sampled_from(Verdict), st.text(), st.text(), st.integers(-5, 300))
def test_any_text_and_width(verdict, message, name, width):
    one = case(1, verdict, message, name=name, program=name, evidence=(message,), rerun=name)
    text = table(run([one], arch=name), width=width)
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in text)
