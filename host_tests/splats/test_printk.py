# SPDX-License-Identifier: GPL-2.0-only
"""Who printed a line, and when: printk's prefix."""

from __future__ import annotations

import pytest

from harness.splats.printk import records

STAMP = "[   12.345678]"


@pytest.mark.parametrize(
    ("line", "context", "text"),
    [
        (f"{STAMP} a message", "", "a message"),
        (f"{STAMP}[  T812] a message", "T812", "a message"),
        (f"{STAMP}[    C1]  indented", "C1", " indented"),
        (f"{STAMP}[  T812] ", "T812", ""),
        (f"{STAMP}[  T812]", "T812", ""),
        ("[123456.123456] long up", "", "long up"),
        (f"$ half a program's line{STAMP} a message", "", "a message"),
    ],
)
def test_a_message(line, context, text):
    (record,) = records(line)
    assert (record.context, record.text) == (context, text)
    assert record.line == line[line.index("[") :]
    assert record.stamp in line


def test_each_message_of_a_line_counts():
    first, second = records(f"{STAMP}[  T1] no newline[   12.400000][    C0] another")
    assert (first.context, first.text) == ("T1", "no newline")
    assert (second.context, second.text) == ("C0", "another")


@pytest.mark.parametrize(
    "line",
    [
        "a program's line",
        "[ 12.3] x",
        "[12345678901.123456] x",
        "",
        f'quoted="{STAMP} BUG: KASAN: x',
        f"quoted='{STAMP} BUG: KASAN: x",
        f"quoted={STAMP} BUG: KASAN: x",
    ],
)
def test_no_message(line):
    assert records(line) == []


@pytest.mark.parametrize(
    "text",
    [
        f'Command line: x="{STAMP} BUG: KASAN: x"',
        f"Kernel command line: quiet {STAMP} BUG: KASAN: x",
        f'Unknown kernel command line parameters "quiet {STAMP} BUG: KASAN: x", will be passed',
        f"foo: {STAMP}[  T1]BUG: KASAN: x",
        f"foo: '{STAMP} BUG: KASAN: x'",
    ],
)
def test_a_message_that_quotes_a_stamp_is_one(text):
    (record,) = records(f"{STAMP} {text}")
    assert record.text == text
