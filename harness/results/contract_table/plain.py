# SPDX-License-Identifier: GPL-2.0-only
"""The table for programs (JSON) and for a repository's pages (Markdown)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from harness.host.codec import to_json
from harness.results.contract_table import words
from harness.results.formats.markdown import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.results.contract_table.entries import Entry

# What could be markup in a cell; CommonMark 2.4 lets any punctuation be escaped.
_MARKUP = re.compile(r"([\\`*_<>\[\]|~&#])")


def as_json(entries: Sequence[Entry]) -> str:
    """Return ``entries`` as JSON: ``{"rows": [...]}``, what is not said is null or empty."""
    return json.dumps({"rows": [_row(entry) for entry in entries]}, indent=1) + "\n"


def _row(entry: Entry) -> dict[str, Any]:
    row = entry.row
    expect = [
        {**vars(one), "since": one.since and str(one.since), "until": one.until and str(one.until)}
        for one in entry.expect
    ]
    return {
        "id": row.id,
        "area": row.area,
        "statement": row.statement,
        "source": row.source,
        "memory": row.memory,
        "pages": row.pages,
        "compat": row.compat,
        "needs": row.needs,
        "cases": entry.cases,
        "unverified": None if entry.cases else words.no_case(entry),
        "where": [{"arch": arches, "versions": versions} for arches, versions in entry.where],
        "expect": expect,
        "last": to_json(entry.last),
    }


def as_markdown(entries: Sequence[Entry]) -> str:
    """Return ``entries`` as Markdown with GitHub's tables, one for each area."""
    return "\n".join(_lines(entries)) + "\n"


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    kernels = words.kernels(entries)
    yield from ("# The contract of userfaultfd minor faults", "", _text(words.LEGEND))
    for area in dict.fromkeys(entry.row.area for entry in entries):
        titles = ["row", "statement", "cases", "expects", *(_text(" ".join(k)) for k in kernels)]
        yield from ("", f"## {_text(area)}", "", _cells(titles), "|---" * len(titles) + "|")
        for entry in entries:
            if entry.row.area == area:
                yield _cells([*_facts(entry), *_verdicts(entry, kernels)])
    if without := words.unverified(entries):
        yield from ("", "## Rows that no case verifies", "")
        yield from (f"- {row}: {_text(why)}" for row, why in without)


def _facts(entry: Entry) -> Iterator[str]:
    yield entry.row.id
    yield f"{_text(entry.row.statement)}<br>*{_text(entry.row.source) or 'no source'}*"
    yield "<br>".join(map(code, entry.cases)) or f"none: {_text(words.no_case(entry))}"
    yield "<br>".join(map(_text, words.expectations(entry)))


def _verdicts(entry: Entry, kernels: Iterable[tuple[str, str]]) -> Iterator[str]:
    last = {(one.arch, one.series): one for one in entry.last}
    for kernel in kernels:
        one = last.get(kernel)
        message = f"<br>{code(one.case)} {code(one.message)}" if one and one.message else ""
        yield f"{one.verdict}{message}" if one else ""


def _cells(texts: Iterable[str]) -> str:
    # A bar ends a cell, in code as well; those in other texts are escaped already.
    return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", text) for text in texts) + " |"


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
