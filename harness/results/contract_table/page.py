# SPDX-License-Identifier: GPL-2.0-only
"""The table as one page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from harness.results.contract_table import words
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.contract_table.entries import Entry

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
    for area in dict.fromkeys(entry.row.area for entry in entries):
        _add(body, "h2", area, id=area)
        table = ET.SubElement(body, "table")
        _head(table, "row", "statement", "cases", "where", "memory", "last verdicts")
        for entry in entries:
            if entry.row.area == area:
                _row(table, entry)
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


def _row(table: ET.Element, entry: Entry) -> None:
    line = ET.SubElement(table, "tr", id=entry.row.id)
    _add(line, "td", entry.row.id)
    _add(_add(line, "td", entry.row.statement), "div", entry.row.source, **{"class": "source"})
    cases = ET.SubElement(line, "td")
    for name in entry.cases:
        _add(ET.SubElement(cases, "div"), "code", name)
    if not entry.cases:
        _add(cases, "span", words.no_case(entry), **{"class": "none"})
    _add(line, "td", words.places(entry))
    _add(line, "td", words.memory(entry))
    _verdicts(line, entry)


def _verdicts(line: ET.Element, entry: Entry) -> None:
    verdicts = ET.SubElement(line, "td")
    for last in entry.last:
        one = _add(
            verdicts, "div", f"{last.arch} {last.release}: ", title=f"{last.run} {last.started}"
        )
        _add(one, "span", last.verdict, **{"class": str(last.verdict)})
        if last.verdict is not Verdict.PASS:
            _add(one, "div", f"{last.case}: {last.message}", **{"class": "source"})
    if known := words.known(entry):
        _add(verdicts, "div", f"known: {known}", **{"class": "source"})


def _add(parent: ET.Element, tag: str, said: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = said
    return element
