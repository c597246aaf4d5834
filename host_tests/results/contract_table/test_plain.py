# SPDX-License-Identifier: GPL-2.0-only
"""The table as JSON and as Markdown."""

import json
import re

from harness.results import contract_table
from harness.verdicts.verdict import Verdict


def test_json_has_all_that_is_known_of_a_row(entries, make):
    failed = make.run(make.record(Verdict.FAIL, message="got 0"), version="7.2.13")
    text = contract_table.as_json(list(entries([make.case()], failed).values()))
    first, second, third, other = json.loads(text)["rows"]
    assert (first["id"], first["area"], first["source"]) == ("R-01", "area", "a < b")
    assert first["cases"] == ["area.one"]
    assert first["unverified"] is None
    assert first["where"] == [{"arch": ["arm64", "x86_64"], "versions": "5.13 on"}]
    assert first["expect"][1] == {
        "arch": [], "task": None, "memory": [], "since": None, "until": "5.13", "config": None,
        "value": None, "skip": "not yet", "why": "7677f7fd8b", "finding": None,
    }  # fmt: skip
    (last,) = first["last"]
    assert (last["arch"], last["series"], last["verdict"]) == ("x86_64", "7.2", "FAIL")
    assert second["expect"][0]["value"] == "1"
    assert third["unverified"] == "it is dark"
    assert other["unverified"] == "no case yet"


def test_markdown_has_a_table_for_each_area(entries, make):
    runs = [
        make.run(make.record()),
        make.run(make.record(Verdict.FAIL, message="got 0"), version="7.2.13"),
    ]
    text = contract_table.as_markdown(list(entries([make.case()], *runs).values()))
    lines = text.splitlines()
    assert "## area" in lines
    assert "| row | statement | cases | expects | x86\\_64 6.1 | x86\\_64 7.2 |" in lines
    (row,) = [line for line in lines if line.startswith("| R-01 |")]
    assert "Something holds on \\<b\\>all\\</b\\> \\& sundry.<br>*a \\< b*" in row
    assert "| `area.one` |" in row
    assert row.endswith("| PASS | FAIL<br>`area.one[hugetlb-shared]` `got 0` |")
    (row,) = [line for line in lines if line.startswith("| R-03 |")]
    assert row.endswith("| none: it is dark | it holds |  |  |")
    assert lines[-3:] == ["- R-02: no case yet", "- R-03: it is dark", "- S-01: no case yet"]


def test_nothing_of_a_guest_is_markup(hostile):
    text = contract_table.as_markdown(hostile)
    assert "alert(1)" in text
    outside = re.sub("(`+).*?(?<!`)\\1(?!`)", "", text)
    assert "<script" not in outside.replace("\\<", "")
    for line in text.splitlines():
        assert line.isprintable()
        if line.startswith("| R-"):
            assert len(re.findall(r"(?<!\\)\|", line)) == len(
                re.findall(r"(?<!\\)\|", next(x for x in text.splitlines() if x[:5] == "| row"))
            )


def test_a_bar_in_a_message_does_not_end_its_cell(entries, make):
    failed = make.run(make.record(Verdict.FAIL, message="a|b"))
    text = contract_table.as_markdown(list(entries([make.case()], failed).values()))
    assert r"`a\|b`" in text
