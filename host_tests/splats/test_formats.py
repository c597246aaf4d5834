# SPDX-License-Identifier: GPL-2.0-only
"""The table of formats: what opens a splat, and the quick look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.splats import formats
from harness.splats.kinds import Kind
from harness.splats.printk import records

GOLDENS = Path(__file__).parents[1] / "verdicts" / "data" / "goldens"
LINES = [
    line
    for path in sorted(GOLDENS.glob("*.log"))
    for line in path.read_text().splitlines()
    if records(line)
]
PLAIN = "[    1.000000] foo: all is well"


def opens(line: str) -> bool:
    """A title, a stack dump's head, or half of a title."""
    (record,) = records(line)
    text = record.text
    rules = (formats.match, formats.TRACE_HEADER.match, formats.HALF.match)
    return any(rule(text) for rule in rules)


def test_the_quick_look_finds_each_line_that_opens_something():
    opening = [line for line in LINES if opens(line)]
    assert len(opening) > 80
    for line in opening:
        assert formats.openings(f"{PLAIN}\n{line}\n{PLAIN}") == [1], line


def test_the_quick_look_passes_over_what_opens_nothing():
    others = [line for line in LINES if not opens(line)]
    # A few pass that turn out to be none: it is a quick look.
    assert len(formats.openings("\n".join(others))) < len(others) / 20
    assert formats.openings("\n".join([PLAIN] * 9)) == []


def test_several_in_a_block():
    title = "[    1.000000] BUG: Bad page map in process x"
    swap = "[    1.000000] get_swap_device: Bad swap file entry 5f"
    assert formats.openings(f"{title}\n{PLAIN}\n{swap}\n{title}") == [0, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "INFO: task pr",
        "INFO: task a\tb",
        "WARNING: pr",
    ],
)
def test_half_a_title(text):
    assert formats.HALF.match(text)
    assert formats.match(text) is None
    assert formats.openings(f"{PLAIN}\n[    1.000000] {text}\n{PLAIN}") == [1]


def test_dumps_that_are_no_complaint():
    for text in (
        "prog invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0",
        "prog: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL), nodemask=(null)",
        "prog: vmalloc: allocation failure: 64 bytes",
        "NMI backtrace for cpu 0",
        "FAULT_INJECTION: forcing a failure.",
        "task:prog            state:D stack:0     pid:812",
        "sysrq: Show Blocked State",
    ):
        row = formats.match(text)
        assert row is not None
        assert row.kind is None


def test_what_a_row_continues_is_a_kind():
    assert all(isinstance(kind, Kind) for row in formats.FORMATS for kind in row.continues)
