# SPDX-License-Identifier: GPL-2.0-only
"""Whatever a guest prints, what is left of it is text for a terminal, a log and XML."""

import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.text import clean

# Any code point (surrogates too), with more of what escape sequences are made of.
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x07[]m;0\\\r\n\t\u202e")))


@given(HOSTILE)
@example("\ufffe\uffff")
@example("\x1b\x1b[31m[31m")
def test_nothing_is_left_that_controls_a_terminal_or_breaks_xml(text):
    cleaned = clean(text)
    controls = {"Cc", "Cs", "Zl", "Zp"}
    assert not [c for c in cleaned if unicodedata.category(c) in controls and c != "\t"]
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [c for c in cleaned if unicodedata.bidirectional(c) in bidi]
    assert len(cleaned.splitlines()) <= 1
    element = ET.Element("line")
    element.text = cleaned
    assert (ET.fromstring(ET.tostring(element, encoding="utf-8")).text or "") == cleaned


@given(HOSTILE)
def test_once_is_enough(text):
    assert clean(clean(text)) == clean(text)


@given(HOSTILE)
def test_nothing_is_added_or_moved(text):
    left = iter(text)
    assert all(character in left for character in clean(text))  # a subsequence


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_stays(text):
    assert clean(text) == text
    assert clean(f"\t{text}\t{text}") == f"\t{text}\t{text}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hhome", "home"),
        ("\x1b[?25lhidden", "hidden"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1bMup", "up"),
        ("line\r", "line"),
        ("a\tb", "a\tb"),
        ("nul\0bell\x07", "nulbell"),
        ("\x9b31mC1", "31mC1"),
        ("abc\u202edef", "abcdef"),
        ("a\u2028b", "ab"),
        ("Grüße, 世界 \U0001f600", "Grüße, 世界 \U0001f600"),
    ],
)
def test_what_becomes_of(text, expected):
    assert clean(text) == expected


@pytest.mark.parametrize("start", ["\x1b]0;", "\x1b[", "\x1b", "\x1b]", "\x1bP", "\x1b_"])
def test_an_escape_without_an_end_does_not_hide_what_the_kernel_says_after_it(start):
    message = "[    1.000000] BUG: KASAN: slab-use-after-free in x"
    assert "BUG: KASAN: slab-use-after-free in x" in clean(start + message)
