# SPDX-License-Identifier: GPL-2.0-only
"""Splats while the lines come: in any portions, of several contexts, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.splats import kinds
from harness.splats.kinds import Kind
from harness.splats.reader import Reader, find

DATA = Path(__file__).parents[1] / "verdicts" / "data"
LOGS = sorted([*DATA.glob("goldens/*.log"), *DATA.glob("splats/*.log"), *DATA.glob("clean/*.log")])
OOPS = "BUG: kernel NULL pointer dereference, address: 0000000000000010"


def at(seconds: float, text: str, context: str = "T812") -> str:
    return f"[{seconds:12.6f}][{context:>6}] {text}"


def kinds_of(lines: list[str]) -> list[Kind]:
    return [splat.kind for splat in find(lines)]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_same_whatever_the_portions(size):
    for path in LOGS:
        lines = path.read_text("utf-8", "replace").splitlines()
        reader = Reader()
        for start in range(0, len(lines), size):
            reader.read(lines[start : start + size])
        assert list(reader.splats()[0]) == find(lines), path.name


@given(st.data())
def test_the_same_wherever_they_are_cut(data):
    lines = data.draw(st.sampled_from(LOGS)).read_text("utf-8", "replace").splitlines()
    cuts = data.draw(st.lists(st.integers(0, len(lines)), max_size=5).map(sorted))
    reader = Reader()
    for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        reader.read(lines[start:end])
    assert list(reader.splats()[0]) == find(lines)


def test_lines_are_numbered_over_all_portions():
    reader = Reader()
    reader.read(["x"] * 1000)
    reader.read([at(1, "y"), at(2, OOPS)])
    assert [splat.first_line_index for splat in reader.splats()[0]] == [1001]
    assert reader.splats(since=1002)[0] == ()


def test_each_context_has_its_own():
    lines = [at(1, OOPS), at(1, "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [x:9]", "C1")]
    lines += [at(2, " foo+0x1/0x2"), at(2, " bar+0x1/0x2", "C1")]
    first, second = find(lines)
    assert first.lines == (lines[0], lines[2])
    assert second.lines == (lines[1], lines[3])


def test_what_comes_long_after_is_no_part_of_it():
    lines = [at(1, "BUG: Dentry 1{i=1,n=x}  still in use (1) [unmount of foofs foo0]")]
    assert len(find([*lines, at(2, "near")])[0].lines) == 2
    assert len(find([*lines, at(30, "far")])[0].lines) == 1


def test_a_context_that_says_nothing_more_is_over():
    reader = Reader()
    reader.read([at(1, OOPS)])
    for _ in range(60):
        reader.read([at(2, "other", "T9")] * 100)
    reader.read([at(2, "late")])
    assert [len(splat.lines) for splat in reader.splats()[0]] == [1]
    assert not reader._open


def test_one_event_is_one_splat():
    die = "Oops: Oops: 0000 [#1] PREEMPT SMP"
    assert kinds_of([at(1, OOPS), at(1, die)]) == [Kind.OOPS]
    assert kinds_of([at(1, "kernel BUG at a.c:1!"), at(1, "invalid opcode: 0000 [#1]")]) == [
        Kind.BUG
    ]


def test_another_event_is_another_splat():
    dentry = "BUG: Dentry 1{i=1,n=x}  still in use (1) [unmount of foofs foo0]"
    assert kinds_of([at(1, dentry), at(1, OOPS)]) == [Kind.BUG, Kind.OOPS]
    # What die() prints goes with a fault that it was called for, and once.
    divide = "divide error: 0000 [#1] PREEMPT SMP"
    assert kinds_of([at(1, dentry), at(1, divide)]) == [Kind.BUG, Kind.OOPS]
    assert kinds_of([at(1, OOPS), at(1, divide), at(1, divide)]) == [Kind.OOPS] * 2
    # A warning goes with the message before it, not with one that has its trace already.
    warn = [at(1, "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2"), at(1, "Call Trace:")]
    refcount = at(1, "refcount_t: underflow; use-after-free.")
    assert kinds_of([refcount, *warn, *warn]) == [Kind.REFCOUNT, Kind.WARN]
    assert kinds_of([*warn, refcount, *warn]) == [Kind.WARN, Kind.REFCOUNT]
    assert kinds_of([at(1, OOPS), at(1, OOPS.replace("10", "20"))]) == [Kind.OOPS] * 2


@pytest.mark.parametrize("times", [1, 3])
def test_a_console_that_starts_over(times):
    whole = at(1, "BUG: KASAN: slab-use-after-free in foo+0x1/0x2")
    lines = [whole[: -10 - cut] for cut in range(times)][::-1]
    replayed = [
        part for line in lines for part in (line, "** replaying previous printk message **")
    ]
    (splat,) = find([*replayed, whole, at(1.1, " foo+0x1/0x2")])
    assert splat.kind is Kind.KASAN
    assert splat.title.endswith("in foo+0x1/0x2")
    assert len(splat.lines) == 2


def test_a_line_of_a_trace_that_is_replayed_counts_once():
    lines = [at(1, OOPS), at(2, " foo+0x1"), "** replaying previous printk message **"]
    (splat,) = find([*lines, at(2, " foo+0x1/0x2")])
    assert splat.lines == (lines[0], at(2, " foo+0x1/0x2"))


@pytest.mark.parametrize("comm", ["pr\nog", "\n", "a\n\n\nb", "x\n"])
def test_a_newline_in_a_tasks_name(comm):
    text = f"INFO: task {comm}:812 blocked for more than 120 seconds."
    (splat,) = find([at(1, part) for part in text.split("\n")])
    assert splat.kind is Kind.HUNG_TASK
    assert splat.title == text.replace("\n", "")


def test_a_half_title_alone_is_none():
    assert find([at(1, "INFO: task pr"), at(2, "og:812 blocked for more than 120 seconds.")]) == []


def test_a_panic_shares_its_trace_with_what_led_to_it():
    warn = at(1, "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2")
    panic = at(1, "Kernel panic - not syncing: kernel: panic_on_warn set ...")
    trace = [at(1, "Call Trace:"), at(1, " g+0x1/0x2")]
    first, second = find([warn, panic, *trace])
    assert first.lines == (warn, *trace)
    assert second.lines == (panic, *trace)
    first, second = find([warn, *trace, panic, *trace])
    assert first.lines == (warn, *trace)


DUMP = [at(1, "CPU: 0 PID: 812 Comm: prog Not tainted"), at(1, "Call Trace:"), at(1, " f+0x1/0x2")]


def test_a_stack_dump_without_a_title():
    (splat,) = find([at(1, "foo: odd", "T9"), at(1, "foo: very odd"), *DUMP])
    assert (splat.kind, splat.title) == (Kind.UNCLASSIFIED, "foo: very odd")
    (splat,) = find(
        [at(0.1, "hundreds of ms before"), *[line.replace("1.0", "9.0") for line in DUMP]]
    )
    assert splat.title == "Call Trace:"


@pytest.mark.parametrize(
    "opener",
    [
        "prog invoked oom-killer: gfp_mask=0x0, order=0",
        "prog: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL)",
        "sysrq: Show backtrace of all active CPUs",
        "NMI backtrace for cpu 0",
    ],
)
def test_a_stack_dump_that_is_no_complaint(opener):
    assert find([at(1, opener), *DUMP]) == []
    # It has one trace; the next is somebody else's.
    assert kinds_of([at(1, opener), *DUMP, at(1, "foo: odd"), *DUMP]) == [Kind.UNCLASSIFIED]
    assert kinds_of([at(1, opener), at(1, OOPS), *DUMP]) == [Kind.OOPS]


def test_a_stack_dump_of_another_beside_a_splat_is_none_of_its_own():
    other = [line.replace("T812", "T999") for line in DUMP]
    assert kinds_of([at(1, OOPS), *other, *DUMP]) == [Kind.OOPS]


def test_without_stamps_each_line_counts_until_one_comes():
    reader = Reader()
    reader.read(["BUG: Bad page state in process x  pfn:1"])
    assert len(reader.splats()[0]) == 1
    reader.read([at(1, "all is well")])
    assert reader.splats()[0] == ()


def test_what_is_over_the_limit_is_counted():
    reader = Reader()
    warn = "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x0/0x1"
    for number in range(1000):
        reader.read([at(number / 100, warn)])
    panic = at(11, "Kernel panic - not syncing: x")
    reader.read([panic])
    found, more = reader.splats()
    assert [splat.kind for splat in found] == [Kind.WARN] * kinds.MAX_SPLATS + [Kind.PANIC]
    assert more == 1000 - kinds.MAX_SPLATS
    reader.forget(1000)
    found, more = reader.splats()
    assert ([splat.kind for splat in found], more) == ([Kind.PANIC], 0)


def test_memory_is_bounded():
    reader = Reader()
    for number in range(300):
        reader.read([at(number, OOPS), *[at(number, "y" * 4000)] * 1000])
        reader.read([at(number, "y", f"T{number}")])
    found, _ = reader.splats()
    kept = sum(len(line) for splat in found for line in splat.lines)
    assert kept < 25_000 * kinds.MAX_LINE
    assert max(len(splat.lines) for splat in found) == kinds.MAX_LINES
    assert (
        found[0].lines[-1] == f"({1001 - kinds.MAX_LINES + 1} more lines of it are not kept here)"
    )
    assert max(len(line) for splat in found for line in splat.lines) <= kinds.MAX_LINE


def test_contexts_are_forgotten():
    reader = Reader()
    for number in range(20_000):
        reader.read([at(number / 1000, OOPS, f"T{number}")])
    assert len(reader._open) < 6500


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_text_is_read(lines):
    stamped = [at(number, line) for number, line in enumerate(lines)]
    for given_lines in (lines, stamped):
        for splat in find(given_lines):
            assert 0 <= splat.first_line_index < len(lines)
            assert 1 <= len(splat.lines) <= kinds.MAX_LINES
            assert len(splat.title) <= kinds.MAX_TITLE
