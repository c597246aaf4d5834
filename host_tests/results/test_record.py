# SPDX-License-Identifier: GPL-2.0-only
"""What a guest says is cleaned and bounded before it is recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_data import case, run

from harness.machine.exits import ExitKind
from harness.results.record import (
    MAX_CONSOLE,
    MAX_LINE,
    MAX_MESSAGE,
    SplatRecord,
    bounded,
    tidy,
    wall_time,
)
from harness.text import clean


def test_the_words_for_an_end_are_part_of_the_schema():
    words = ["PANIC", "RESET", "POWEROFF", "QEMU_DIED", "LOST", "KILLED_BY_HOST"]
    assert [kind.value for kind in ExitKind] == words


def size(lines):
    return sum(len(line.encode()) + 1 for line in lines)


def test_little_is_kept_whole():
    assert bounded(("a", "", "b")) == ("a", "", "b")


def test_a_long_console_keeps_its_first_and_its_last_lines_and_says_so():
    lines = tuple(f"line {n} " + "x" * 100 for n in range(5000))
    kept = bounded(lines)
    assert size(kept) <= MAX_CONSOLE
    assert size(kept) > MAX_CONSOLE * 0.95
    assert (kept[0], kept[-1]) == (lines[0], lines[-1])
    (note,) = [line for line in kept if not line.startswith("line")]
    assert note == f"[{5000 - (len(kept) - 1)} lines cut here: over 65536 bytes]"


def test_the_note_of_the_cut_fits_too():
    assert size(bounded(("x" * 9,) * 100, 200)) <= 200


def test_everything_from_the_guest_is_tidied():
    bad = "\x1b[31mred\x00\u202e" + "x" * 5000
    splat = SplatRecord("WARN", bad, (bad,))
    made = tidy(case(message=bad + "\nmore", console=(bad,), diagnostics=(bad,), splats=(splat,)))
    assert len(made.message) <= MAX_MESSAGE
    for text in (made.message, *made.console, *made.diagnostics, made.splats[0].title):
        assert text.startswith("redxxx")
        assert text.endswith("...")
        assert len(text) <= MAX_LINE
    assert made.splats[0].lines == made.console


@given(st.lists(st.text(max_size=50), max_size=40), st.integers(200, 600))
def test_any_lines_fit(lines, limit):
    kept = bounded(tuple(lines), limit)
    assert size(kept) <= limit
    assert all(clean(line) == line for line in kept)


@pytest.mark.parametrize(
    ("zero", "seconds", "time"),
    [
        ("2026-07-02T12:00:00.250Z", 0.0, "2026-07-02T12:00:00.250Z"),
        ("2026-07-02T12:00:00.250Z", 61.5004, "2026-07-02T12:01:01.750Z"),
        ("2026-12-31T23:59:59.999Z", 0.001, "2027-01-01T00:00:00.000Z"),
        (None, 1.0, None),
        ("noon", 1.0, None),
        ("2026-07-02T12:00:00.250Z", 1e300, None),
    ],
)
def test_the_date_of_a_case(zero, seconds, time):
    assert wall_time(run(clock_zero=zero), seconds) == time
