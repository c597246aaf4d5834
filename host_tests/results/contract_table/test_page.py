# SPDX-License-Identifier: GPL-2.0-only
"""The table as HTML."""

from html.parser import HTMLParser

import pytest

from harness.results import contract_table
from harness.verdicts.verdict import Verdict

VOID = {"meta"}


class Reader(HTMLParser):
    """Checks that every element is closed, and keeps what a browser would show."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.data = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append((self.open[-1] if self.open else "", data))


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def usual(entries, make):
    runs = [
        make.run(make.record()),
        make.run(make.record(Verdict.FAIL, message="got 0"), version="7.2.13"),
    ]
    return read(contract_table.html(list(entries([make.case()], *runs).values())))


def test_page_shows_the_rows_and_their_verdicts(usual):
    text = [data for _, data in usual.data]
    for said in (
        "R-01", "Something holds on <b>all</b> & sundry.", "a < b", "area.one",
        "arm64 x86_64: 5.13 on", "hugetlb-shared; no case on hugetlb-private shmem",
        "7.2 on: it holds, known issue oops", "otherwise: it holds", "PASS", "FAIL",
        "area.one[hugetlb-shared]: got 0", "none: no case yet", "none: it is dark",
        "x86_64 6.1", "x86_64 7.2", "Rows that no case verifies", " it is dark",
    ):  # fmt: skip
        assert said in text, said
    assert [value for name, value in usual.attributes if name == "id"] == [
        "area", "R-01", "R-02", "R-03", "other", "S-01", "unverified",
    ]  # fmt: skip
    assert ("class", "FAIL") in usual.attributes


def test_a_row_has_a_cell_for_each_kernel(entries, make):
    """Also where nothing was said: what stands below a kernel's name is about it."""
    two = make.record(Verdict.FAIL, name="two", rows=("R-02",))
    runs = [make.run(make.record()), make.run(two, version="7.2.13")]
    cases = [make.case(), make.case("two", rows=("R-02",))]
    page = contract_table.html(list(entries(cases, *runs).values()))
    lines = [line for line in page.split("<tr") if '"R-0' in line]
    assert [line.count("<td>") for line in lines] == [8, 8, 8]
    assert '<span class="PASS"' in lines[0].split("<td>")[7]
    assert '<span class="FAIL"' in lines[1].split("<td>")[8]


def test_page_stands_alone(usual):
    assert not {"script", "link", "img", "iframe"} & set(usual.tags)
    assert not {name for name, _ in usual.attributes} & {"src", "onclick", "style"}
    linked = {value for name, value in usual.attributes if name == "href"}
    assert linked == {"#area", "#other", "#R-02", "#R-03", "#S-01"}
    style = "".join(data for tag, data in usual.data if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_page_counts(usual):
    cells = [data for tag, data in usual.data if tag == "td"]
    assert cells[:4] == ["3", "1", "1", "1"]
    assert "x86_64 6.1: 1 PASS" in [data for tag, data in usual.data if tag == "li"]


def test_nothing_of_a_guest_is_markup(hostile, usual):
    page = contract_table.html(hostile)
    reader = read(page)
    assert set(reader.tags) == set(usual.tags)
    assert {name for name, _ in reader.attributes} == {name for name, _ in usual.attributes}
    assert any("<script>alert(1)</script> &amp; \"'>" in data for _, data in reader.data)
    assert all(character.isprintable() or character == "\n" for character in page)
    page.encode()  # no lone surrogate is left


def test_it_begins_as_html_begins(usual, entries):
    assert contract_table.html(list(entries([]).values())).startswith("<!DOCTYPE html>\n<html")
    assert usual.tags[:4] == ["html", "head", "meta", "meta"]
