# SPDX-License-Identifier: GPL-2.0-only
"""The table as text, for a terminal."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

from harness.results.contract_table import words
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.results.contract_table.entries import Entry, Last

MIN_WIDTH = 60  # characters; a narrower terminal wraps by itself
_INDENT = 16


def text(entries: Sequence[Entry], width: int = 80) -> str:
    """Return ``entries`` as plain text of at most ``width`` columns (MIN_WIDTH at least)."""
    width = max(width, MIN_WIDTH)
    lines: list[str] = []
    for entry in entries:
        lines += [*_paragraph(entry, width), ""]
    lines += _wrapped(words.LEGEND, width, 0)
    lines += ["", "area             rows  with a case  cannot have one  waiting"]
    lines += [
        f"{area:16} {rows:4}  {cases:11}  {without:15}  {waiting:7}"
        for area, rows, cases, without, waiting in words.summary(entries)
    ]
    if without := words.unverified(entries):
        lines += ["", "rows that no case verifies:"]
        lines += itertools.chain(*(_wrapped(f"  {row:8}{why}", width, 10) for row, why in without))
    if tally := words.tally(entries):
        lines += ["", "last verdicts, of rows:"]
        lines += itertools.chain(*(_wrapped(f"  {line}", width, 4) for line in tally))
    return "\n".join(lines) + "\n"


def _paragraph(entry: Entry, width: int) -> Iterator[str]:
    yield from _wrapped(f"{entry.row.id:8}{entry.row.statement}", width, 8)
    yield from _labelled("source", entry.row.source, width)
    yield from _labelled("cases", " ".join(entry.cases) or f"none: {words.no_case(entry)}", width)
    yield from _labelled("where", words.places(entry), width)
    yield from _labelled("memory", words.memory(entry), width)
    for number, said in enumerate(words.expectations(entry)):
        yield from _labelled("" if number else "expects", said, width, _INDENT + 2)
    yield from _labelled("known", words.known(entry), width)
    yield from _labelled("last", _verdicts(entry.last), width)
    for last in entry.last:
        if last.verdict not in {Verdict.PASS, Verdict.SKIP}:
            said = f"{last.verdict} {last.arch} {last.release}, {last.case}: {last.message}"
            yield from _wrapped(" " * _INDENT + said, width, _INDENT + 2)


def _verdicts(last: Iterable[Last]) -> str:
    return "; ".join(
        f"{arch} " + ", ".join(f"{one.series} {one.verdict}" for one in group)
        for arch, group in itertools.groupby(last, lambda one: one.arch)
    )


def _labelled(label: str, said: str, width: int, indent: int = _INDENT) -> list[str]:
    return _wrapped(f"        {label:8}{said}", width, indent) if said else []


def _wrapped(said: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(said, width, subsequent_indent=" " * indent, break_on_hyphens=False)
