# SPDX-License-Identifier: GPL-2.0-only
"""The table as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from harness.results.contract_table import words
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.contract_table.entries import Entry, Last

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }
table { border-collapse: collapse; margin-bottom: 2em; }
th, td { border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; }
th { background: #f2f2f2; position: sticky; top: 0; }
td.number { text-align: right; }
code, .source { font-size: 90%; } .source { color: #666; }
.none { color: #777; }
.PASS { color: #1a7f37; } .SKIP { color: #777; }
.FAIL, .ERROR { color: #c00; font-weight: bold; } .MISS { color: #a60; font-weight: bold; }
"""


def html(entries: Sequence[Entry]) -> str:
    """Return ``entries`` as one page of HTML, without scripts and without other files."""
    # Built as a tree: what the serializer writes is escaped, wherever it came from.  Control
    # characters are gone already: an Entry has none.
    page = ET.Element("html", lang="en")
    head = ET.SubElement(page, "head")
    ET.SubElement(head, "meta", charset="utf-8")
    ET.SubElement(head, "meta", name="viewport", content="width=device-width")
    _add(head, "title", "The contract of userfaultfd minor faults")
    _add(head, "style", _STYLE)
    body = ET.SubElement(page, "body")
    _add(body, "h1", "The contract of userfaultfd minor faults")
    _add(body, "p", words.LEGEND)
    _counts(body, entries)
    kernels = words.kernels(entries)
    for area in dict.fromkeys(entry.row.area for entry in entries):
        _add(body, "h2", area, id=area)
        table = ET.SubElement(body, "table")
        _head(table, "row", "statement", "cases", "where", "expects", "memory")
        for kernel in kernels:
            _add(table[0], "th", " ".join(kernel))
        for entry in entries:
            if entry.row.area == area:
                _row(table, entry, kernels)
    if without := words.unverified(entries):
        _add(body, "h2", "Rows that no case verifies", id="unverified")
        items = ET.SubElement(body, "ul")
        for row, why in without:
            _add(ET.SubElement(items, "li"), "a", row, href=f"#{row}").tail = f" {why}"
    return "<!DOCTYPE html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"


def _counts(body: ET.Element, entries: Sequence[Entry]) -> None:
    table = ET.SubElement(body, "table")
    _head(table, "area", "rows", "with a case", "cannot have one", "waiting")
    for area, *numbers in words.summary(entries):
        line = ET.SubElement(table, "tr")
        if area == "total":
            _add(line, "td", area)
        else:
            _add(ET.SubElement(line, "td"), "a", area, href=f"#{area}")
        for number in numbers:
            _add(line, "td", str(number), **{"class": "number"})
    if tally := words.tally(entries):
        _add(body, "p", "Last verdicts, of rows:")
        items = ET.SubElement(body, "ul")
        for said in tally:
            _add(items, "li", said)


def _head(table: ET.Element, *titles: str) -> None:
    line = ET.SubElement(table, "tr")
    for title in titles:
        _add(line, "th", title)


def _row(table: ET.Element, entry: Entry, kernels: Sequence[tuple[str, str]]) -> None:
    line = ET.SubElement(table, "tr", id=entry.row.id)
    _add(line, "td", entry.row.id)
    _add(_add(line, "td", entry.row.statement), "div", entry.row.source, **{"class": "source"})
    cases = ET.SubElement(line, "td")
    for name in entry.cases:
        _add(ET.SubElement(cases, "div"), "code", name)
    if not entry.cases:
        _add(cases, "span", f"none: {words.no_case(entry)}", **{"class": "none"})
    _add(line, "td", words.places(entry))
    expects = ET.SubElement(line, "td")
    for said in words.expectations(entry):
        _add(expects, "div", said)
    _add(line, "td", words.memory(entry))
    for kernel in kernels:
        cell = ET.SubElement(line, "td")
        for last in entry.last:
            if (last.arch, last.series) == kernel:
                _verdict(cell, last)


def _verdict(cell: ET.Element, last: Last) -> None:
    title = f"{last.release}, {last.run}, {last.started}"
    _add(cell, "span", last.verdict, **{"class": str(last.verdict), "title": title})
    if last.verdict is not Verdict.PASS:
        _add(cell, "div", f"{last.case}: {last.message}", **{"class": "source"})


def _add(parent: ET.Element, tag: str, said: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = said
    return element
