# SPDX-License-Identifier: GPL-2.0-only
"""An exception that nobody foresaw: one line, a traceback in a file, and 125."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.host import crash


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def raised(message):
    try:
        raise ValueError(message)  # noqa: TRY301 (it needs a traceback)
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("message", "first"),
    [("odd\nand more", ": odd"), ("", "")],
)
def test_one_line_and_a_file(cache, capsys, message, first):
    assert crash.report(raised(message)) == 125
    said = capsys.readouterr()
    assert said.out == ""
    found = re.fullmatch(
        r"harness: an error of its own: ValueError(.*); traceback in (.*)\n", said.err
    )
    assert found[1] == first
    file = Path(found[2])
    assert file.parent == cache / "errors"
    assert "Traceback (most recent call last)" in file.read_text()
    assert "raise ValueError(message)" in file.read_text()


def test_where_no_file_can_be_written_it_stands_below_the_line(cache, capsys):
    cache.write_text("no folder")
    assert crash.report(raised("odd")) == 125
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "harness: an error of its own: ValueError: odd; its traceback:"
    assert said[1] == "Traceback (most recent call last):"


def test_they_do_not_pile_up(cache, capsys):
    (cache / "errors").mkdir(parents=True)
    for number in range(30):
        (cache / "errors" / f"20200101T0000{number:02}Z-1.txt").touch()
    crash.report(raised("newest"))
    kept = sorted((cache / "errors").iterdir())
    assert len(kept) == 20
    assert "newest" in kept[-1].read_text()
    assert str(kept[-1]) in capsys.readouterr().err
