# SPDX-License-Identifier: GPL-2.0-only
"""The table of harness.verdicts.judge: its rows, and their order."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import architectures
from harness.machine.exits import ExitKind, VmExit
from harness.suite.ktap import Directive, Result, parse
from harness.verdicts import judge as module
from harness.verdicts.judge import MAX_MESSAGE, Observation, judge
from harness.verdicts.splats import find
from harness.verdicts.verdict import Verdict

OK = Result(1, "continue", ok=True)
BAD = Result(1, "continue", ok=False, diagnostics=("a", "b", "expected 1", "got 0", ""))
TIMEOUT = Result(1, "continue", False, Directive.TIMEOUT, "after 10 s in poll", ("waiting",))
SKIP = Result(1, "continue", ok=True, directive=Directive.SKIP, reason="no hugetlb")
SKIP_MUTE = Result(1, "continue", ok=True, directive=Directive.SKIP)
SKIP_BAD = Result(1, "continue", ok=False, directive=Directive.SKIP, reason="no hugetlb")
XFAIL = Result(1, "continue", ok=False, directive=Directive.XFAIL, reason="known")
CHILD_FAILED = Result(
    1, "s", True, None, "", ("note",), (Result(1, "a", ok=True), Result(2, "b", ok=False))
)
ERRED = Result(1, "continue", ok=False, directive=Directive.ERROR, reason="who knows")

WARN = "[    9.000000] WARNING: CPU: 0 PID: 9 at mm/x.c:1 f+0x0/0x1"
OOPS = "[    9.000000] BUG: kernel NULL pointer dereference, address: 0000000000000028"
PANIC = "[    9.100000] Kernel panic - not syncing: Fatal exception"
STALL = "[    9.000000] rcu: INFO: rcu_preempt self-detected stall on CPU"
OOM = "[    9.000000] Out of memory: Killed process 57 (dropbear) total-vm:4kB, anon-rss:0kB"
OOM_CGROUP = "[    9.000000] Memory cgroup out of memory: Killed process 57 (x) total-vm:4kB"
ONLY_CONSOLE = {"guest_answers": False, "console_answers": True}
LEAK = {"health": ("free is 63, and was 64 before",)}
NOTHING = {"guest_answers": False, "console_answers": False}
END_TRACE = "[    9.050000] ---[ end trace 0000000000000000 ]---"

# Of 7.2.13 on x86_64, two CPUs, QEMU 7.2: what is in memory at RIP - 1 is no int3.
INT3 = (
    "[    2.566067] Oops: int3: 0000 [#1] SMP NOPTI",
    "[    2.566547] CPU: 0 UID: 0 PID: 0 Comm: swapper/0 Not tainted 7.2.13+deb14-amd64 #1",
    "[    ] RIP: 0010:sched_clock_idle_wakeup_event+0x5/0x50",
    "[    2.581944] Code: 48 85 f6 90 90 f3 0f 1e fa 66 <90> c3 cc cc cc cc 8b 05 eb f6 10 02",
    "[    2.582014] RSP: 0018:ff4e6bcbc0003fe0 EFLAGS: 00000002",
    "[    2.584439] ---[ end trace 0000000000000000 ]---",
    "[    2.589834] Kernel panic - not syncing: Fatal exception in interrupt",
)
REAL_INT3 = tuple(line.replace("fa 66 <90>", "fa cc <90>") for line in INT3)
QUIRKS = {"quirks": architectures.load("x86_64").accelerators["tcg"].quirks}


def saw(*results, status=None, end=None, **more):
    end = None if end is None else VmExit(end, "the detail")
    return Observation(results=results, exit_status=status, end=end, **more)


passed = {"status": 0}
FAIL, ERROR, MISS = Verdict.FAIL, Verdict.ERROR, Verdict.MISS

# row of the table -> what was seen, verdict, words of the message
ROWS = [
    (0, saw(end=ExitKind.PANIC, console=INT3, **QUIRKS), MISS, "^the emulator's doing: Oops: int3"),
    (0, saw(OK, **passed, console=INT3[:-1], **QUIRKS), MISS, "jump labels"),
    (1, saw(end=ExitKind.PANIC, console=REAL_INT3, **QUIRKS), FAIL, "^Oops: int3.*; then Kernel"),
    (1, saw(end=ExitKind.PANIC, console=INT3), FAIL, "^Oops: int3"),
    (2, saw(end=ExitKind.RESET, console=(OOPS, END_TRACE, *INT3), **QUIRKS), FAIL, "^BUG"),
    (1, saw(end=ExitKind.PANIC, console=(PANIC,)), FAIL, r"^Kernel panic - .*Fatal exception$"),
    (1, saw(end=ExitKind.PANIC, console=(OOPS, END_TRACE, PANIC)), FAIL, r"^BUG: .*; then Kernel"),
    (1, saw(OK, **passed, end=ExitKind.PANIC), FAIL, "^panic: the detail$"),
    (1, saw(end=ExitKind.PANIC, timed_out=True), FAIL, "^panic: the detail$"),
    (2, saw(OK, **passed, console=(WARN,)), FAIL, r"^WARNING: CPU: 0 PID: 9 at mm/x.c:1"),
    (2, saw(OK, **passed, console=(WARN, END_TRACE, OOPS)), FAIL, r"\(and 1 more\)$"),
    (2, saw(SKIP, status=4, console=(WARN,)), FAIL, "^WARNING"),
    (2, saw(bail_out="x", status=99, console=(WARN,)), FAIL, "^WARNING"),
    (2, saw(timed_out=True, console=(OOPS,), guest_answers=False), FAIL, "^BUG: kernel NULL"),
    (2, saw(end=ExitKind.QEMU_DIED, console=(OOPS,)), FAIL, "^BUG: kernel NULL"),
    (2, saw(end=ExitKind.RESET, console=(OOPS,)), FAIL, "^BUG: kernel NULL"),
    (2, saw(OK, **passed, console=(STALL,)), FAIL, "^rcu: INFO: rcu_preempt"),
    (3, saw(end=ExitKind.RESET), FAIL, "^the guest reset without a word.*the detail$"),
    (3, saw(OK, **passed, end=ExitKind.RESET), FAIL, "reset"),
    (4, saw(end=ExitKind.POWEROFF), FAIL, "^the guest shut down in the middle.*the detail$"),
    (5, saw(end=ExitKind.QEMU_DIED), MISS, "^QEMU died: the detail$"),
    (5, saw(BAD, status=1, end=ExitKind.QEMU_DIED), MISS, "^QEMU died"),
    (5, saw(end=ExitKind.QEMU_DIED, timed_out=True, guest_answers=False), MISS, "^QEMU died"),
    (5, saw(end=ExitKind.QEMU_DIED, console=(STALL,)), MISS, "^QEMU died"),
    (6, saw(end=ExitKind.LOST), MISS, "^the VM was lost: the detail$"),
    (6, saw(end=ExitKind.LOST, console=(STALL,)), MISS, "^the VM was lost"),
    (7, saw(end=ExitKind.KILLED_BY_HOST), MISS, "^the harness ended the VM: the detail$"),
    (8, saw(console=(OOM,), console_answers=True), ERROR, r"of memory: .*process 57 \(dropbear\)$"),
    (8, saw(console=(OOM,), guest_answers=True), ERROR, "^the guest ran out of memory"),
    (8, saw(timed_out=True, console=(OOM,), guest_answers=True), ERROR, "out of memory"),
    (9, saw(timed_out=True, **NOTHING, starved=0.95), MISS, "^the host is too busy: .* for 95% of"),
    (9, saw(timed_out=True, guest_answers=True, starved=0.9), MISS, "too busy"),
    (9, saw(TIMEOUT, status=1, starved=1.0), MISS, "too busy"),
    (9, saw(timed_out=True, console=(STALL,), starved=1.0), MISS, "too busy"),
    (2, saw(timed_out=True, console=(OOPS,), starved=1.0), FAIL, "^BUG: kernel NULL"),
    (2, saw(OK, **passed, console=(STALL,), starved=1.0), FAIL, "^rcu: INFO: rcu_preempt"),
    (12, saw(**ONLY_CONSOLE, starved=1.0), MISS, "^the guest's SSH does not"),
    (13, saw(timed_out=True, **NOTHING, starved=0.89), FAIL, "^the guest hangs"),
    (17, saw(BAD, status=1, starved=1.0), FAIL, "got 0$"),
    (25, saw(OK, **passed, starved=1.0), Verdict.PASS, "^$"),
    (
        10,
        saw(timed_out=True, guest_answers=True, stopped=True),
        ERROR,
        "^the program was stopped by",
    ),
    (9, saw(timed_out=True, guest_answers=True, stopped=True, starved=1.0), MISS, "too busy"),
    (2, saw(timed_out=True, guest_answers=True, stopped=True, console=(OOPS,)), FAIL, "^BUG: "),
    (11, saw(timed_out=True, guest_answers=True), FAIL, "did not report.*stuck in the kernel"),
    (11, saw(timed_out=True, guest_answers=True, console=(OOM_CGROUP,)), FAIL, "in the kernel"),
    (11, saw(OK, timed_out=True, guest_answers=True), FAIL, "reported its result but did not exit"),
    (12, saw(timed_out=True, **ONLY_CONSOLE), MISS, "^the guest's SSH does not answer, but"),
    (12, saw(**ONLY_CONSOLE), MISS, "^the guest's SSH does not answer, but"),
    (13, saw(timed_out=True, **NOTHING), FAIL, "^the guest hangs.*console is silent"),
    (13, saw(**NOTHING), FAIL, "^the guest hangs"),
    (13, saw(timed_out=True, **NOTHING, console=("hm",)), FAIL, "last line: hm$"),
    (13, saw(timed_out=True, **NOTHING, console=(OOM,)), FAIL, "^the guest hangs"),
    (13, saw(timed_out=True, **NOTHING, end=ExitKind.KILLED_BY_HOST), FAIL, "guest hangs"),
    (14, saw(timed_out=True), MISS, "not known"),
    (14, saw(timed_out=True, guest_answers=False), MISS, "not known"),
    (15, saw(OK, **passed, **LEAK), FAIL, "^after the case: free is 63, and was 64 before$"),
    (15, saw(SKIP, status=4, **LEAK), FAIL, "^after the case"),
    (15, saw(bail_out="x", status=99, **LEAK), FAIL, "^after the case"),
    (15, saw(signal="SEGV", **LEAK), FAIL, "^after the case"),
    (15, saw(BAD, status=1, **LEAK), FAIL, "^b; expected 1; got 0; after the case: free is 63,"),
    (16, saw(bail_out="no memory", status=99), ERROR, "^the program gave up: no memory$"),
    (16, saw(bail_out="", status=99), ERROR, "without a reason"),
    (16, saw(BAD, bail_out="x", status=99), ERROR, "gave up"),
    (16, saw(bail_out="x"), ERROR, "gave up"),
    (17, saw(BAD, status=1), FAIL, "^b; expected 1; got 0$"),
    (17, saw(BAD, status=0), FAIL, "got 0$"),
    (17, saw(BAD, signal="SEGV"), FAIL, "got 0$"),
    (17, saw(BAD), FAIL, "got 0$"),
    (17, saw(TIMEOUT, status=1), FAIL, "^TIMEOUT after 10 s in poll; waiting$"),
    (17, saw(Result(1, "x", ok=False), status=1), FAIL, "without a diagnostic"),
    (17, saw(CHILD_FAILED, **passed), FAIL, "^subtest 'b' failed; note$"),
    (17, saw(replace(CHILD_FAILED, ok=False), status=1), FAIL, "^subtest 'b' failed; note$"),
    (17, saw(replace(SKIP, subtests=CHILD_FAILED.subtests), status=4), FAIL, "subtest 'b' failed$"),
    (17, saw(Result(1, "x", True, subtests=(CHILD_FAILED,)), **passed), FAIL, "subtest 's' failed"),
    (18, saw(), MISS, "^how the program ended is not known$"),
    (18, saw(OK, stderr="a\nbroken pipe\n\n"), MISS, "; it said: broken pipe$"),
    (18, saw(ktap_errors=("no plan",)), MISS, "not known"),
    (19, saw(signal="SEGV"), ERROR, "^the program died of SIGSEGV$"),
    (19, saw(OK, signal="SIGKILL"), ERROR, "of SIGKILL$"),
    (20, saw(OK, **passed, ktap_errors=("no plan",)), ERROR, "^no plan; exit status 0$"),
    (20, saw(BAD, status=1, ktap_errors=("no plan",)), ERROR, "^no plan; exit status 1$"),
    (20, saw(status=127, ktap_errors=("x",), stderr="not found"), ERROR, "127; it said: not found"),
    (21, saw(OK, OK, **passed), ERROR, "^2 results where one was expected; exit status 0$"),
    (21, saw(OK, BAD, status=1), ERROR, "^2 results"),
    (21, saw(status=0), ERROR, "^0 results"),
    (22, saw(XFAIL, status=2), ERROR, "^unexpected directive XFAIL known$"),
    (22, saw(ERRED, status=1), ERROR, "^unexpected directive ERROR who knows$"),
    (23, saw(SKIP, status=4), Verdict.SKIP, "^no hugetlb$"),
    (24, saw(SKIP, status=0), ERROR, "^said 'ok # SKIP no hugetlb' with exit status 0$"),
    (24, saw(SKIP_BAD, status=4), ERROR, "^said 'not ok # SKIP"),
    (24, saw(SKIP_MUTE, status=4), ERROR, "^skip without a reason$"),
    (25, saw(OK, **passed), Verdict.PASS, "^$"),
    (25, saw(OK, **passed, stderr="noise", console=("[ 1.000000] hi",)), Verdict.PASS, "^$"),
    (26, saw(OK, status=1), ERROR, "^said ok, but exit status 1$"),
    (26, saw(OK, status=4), ERROR, "exit status 4$"),
]


@pytest.mark.parametrize(("row", "seen", "verdict", "words"), ROWS)
def test_rows(row, seen, verdict, words):
    judgement = judge(seen)
    assert judgement.verdict is verdict, (row, judgement)
    assert re.search(words, judgement.message), (row, judgement.message)
    assert judgement.splats == tuple(find(seen.console))


def test_every_row_of_the_documented_table_is_tested_with_its_verdict():
    documented = re.findall(r"^ ?(\d+) {4}.{50}  ([A-Z]+)", module.__doc__, re.MULTILINE)
    tested = {(str(row), verdict.value) for row, _, verdict, _ in ROWS}
    assert set(documented) == tested
    assert [int(row) for row, _ in documented] == list(range(27))


def test_what_our_programs_print_is_judged():
    def of(output, status):
        parser = parse(output)
        return judge(
            Observation(parser.results, tuple(parser.errors), parser.bail_out, exit_status=status)
        )

    assert of(b"KTAP version 1\n1..1\n# x\nok 1 a\n", 0).verdict is Verdict.PASS
    assert of(b"KTAP version 1\n1..1\n# x\nnot ok 1 a\n", 1).message == "x"
    assert of(b"KTAP version 1\n1..1\nok 1 a # SKIP why\n", 4).verdict is Verdict.SKIP
    assert of(b"KTAP version 1\n1..1\nBail out! why\n", 99).message == "the program gave up: why"
    assert of(b"KTAP version 1\n1..1\n", 0).verdict is Verdict.ERROR
    assert of(b"KTAP version 1\n1..1\nok 1 a\nok 2 b\n", 0).verdict is Verdict.ERROR
    assert of(b"1..0 # SKIP all", 4).verdict is Verdict.ERROR


# What others may print, and its readers take; the harness's own programs may not.
NOT_OURS = {
    "no plan": b"KTAP version 1\nok 1 a\n",
    "no version": b"1..1\nok 1 a\n",
    "a stamp": b"[    1.000000] KTAP version 1\n[    1.000001] 1..1\n[    1.000002] ok 1 a\n",
    "XFAIL": b"KTAP version 1\n1..1\nok 1 a # XFAIL known\n",
    "TODO": b"KTAP version 1\n1..1\nok 1 a # TODO later\n",
    "subtests without a plan": b"KTAP version 1\n1..1\n  ok 1 x\nok 1 a\n",
    "a subtest that gave up": b"KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 x\n"
    b"  Bail out! y\nok 1 a\n",
    "a subtest that did not come": b"KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 x\n"
    b"ok 1 a\n",
    "subtests without a result": b"KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 x\n",
    "no test at all": b"KTAP version 1\n1..0\n",
    "another number": b"KTAP version 1\n1..1\nok 2 a\n",
    "a line over the bound": b"KTAP version 1\n1..1\nok 1 " + b"a" * 100_000,
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_our_programs_are_held_to_the_letter(name):
    parser = parse(NOT_OURS[name])
    assert parser.results or name == "no test at all"
    seen = Observation(parser.results, tuple(parser.errors), parser.bail_out, exit_status=0)
    assert judge(seen).verdict is ERROR


def test_a_child_that_fails_is_never_a_pass():
    """Wherever it is, whatever its parents say, and whatever the program's exit status."""
    child = "not ok 1 x"
    for depth in range(1, 6):
        for result in ("ok 1 s", "ok 1 s # SKIP why", "not ok 1 s"):
            lines = ["KTAP version 1", "1..1"]
            for n in range(1, depth + 1):
                lines += [f"{'  ' * n}KTAP version 1", f"{'  ' * n}1..1"]
            lines += ["  " * depth + child]
            lines += [f"{'  ' * n}ok 1 s" for n in reversed(range(1, depth))] + [result, ""]
            parser = parse("\n".join(lines).encode())
            assert parser.errors == []
            for status in (0, 1, 4):
                seen = Observation(parser.results, (), None, exit_status=status)
                assert judge(seen).verdict is FAIL


names = st.text(max_size=20)
directives = st.sampled_from([None, *Directive])
results = st.builds(
    Result, st.integers(), names, st.booleans(), directives, names, st.tuples(names, names)
)
ends = st.builds(VmExit, st.sampled_from(ExitKind), names)
seens = st.builds(
    Observation,
    st.lists(results, max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.none() | names,
    st.none() | st.integers(),
    st.none() | names,
    st.booleans(),
    st.text(max_size=2000),
    st.lists(names | st.sampled_from([WARN, STALL, PANIC, OOM]), max_size=3).map(tuple),
    st.none() | ends,
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
    st.lists(names, max_size=2).map(tuple),
    st.floats(0, 1),
    st.booleans(),
)


@given(seens)
def test_any_observation_has_a_verdict(seen):
    judgement = judge(seen)
    assert len(judgement.message) <= MAX_MESSAGE
    assert "\n" not in judgement.message
    if judgement.verdict is Verdict.PASS:
        assert seen.exit_status == 0
        assert seen.end is None
        assert not seen.timed_out
        assert not judgement.splats
        assert not seen.health
        assert [result.ok for result in seen.results] == [True]
    else:
        assert judgement.message or judgement.verdict is Verdict.SKIP
