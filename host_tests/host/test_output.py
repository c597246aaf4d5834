# SPDX-License-Identifier: GPL-2.0-only
"""Standard output and error that cannot be written: in processes of their own, real descriptors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Says much on both streams, and on a file that it keeps; then whether anything of it is lost.
PROGRAM = """
import logging, os, sys
from pathlib import Path
from harness.host import output
output.never_fail()
logging.basicConfig(stream=sys.stderr)
kept = Path(sys.argv[1]).open("w")
assert kept.fileno() > 2, kept.fileno()
for number in range(3000):
    print("line", number, "\\N{HEAVY CHECK MARK}" * 10)
    print("line", number, file=sys.stderr)
    logging.warning("line %d", number)
sys.stdout.flush()
print(output.lost(), file=kept)
"""
SHELL = f'exec {sys.executable} -c "$1" "$2"'


def said(tmp_path, redirection="", **environment):
    """Exit code of PROGRAM with ``redirection``, and what it says is lost."""
    kept = tmp_path / "kept"
    done = subprocess.run(
        ["sh", "-c", f"{SHELL} {redirection}", "sh", PROGRAM, str(kept)],
        cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done, kept.read_text().strip()


def test_what_can_be_written_is(tmp_path):
    done, lost = said(tmp_path)
    assert (done.returncode, lost) == (0, "None")
    assert done.stdout.count(b"line") == 3000
    assert done.stderr.count(b"line") == 6000


@pytest.mark.parametrize(
    ("redirection", "lost"),
    [
        (">/dev/full", "[Errno 28] No space left on device"),
        ("2>/dev/full", "None"),
        (">/dev/full 2>&1", "[Errno 28] No space left on device"),
        (">&-", "None"),
        ("2>&-", "None"),
        ("<&- >&- 2>&-", "None"),
        ("1</dev/null", "[Errno 9] Bad file descriptor"),
    ],
)
def test_what_cannot_be_written_ends_nothing(tmp_path, redirection, lost):
    done, seen = said(tmp_path, redirection)
    assert done.returncode == 0, done.stderr[-500:]
    assert seen == lost


def test_a_reader_that_goes_ends_nothing(tmp_path):
    done, lost = said(tmp_path, "2>&1 | head -1")
    assert done.stdout.count(b"\n") == 1
    assert lost == "None", "it went on to its end, and nobody wants the rest"


@pytest.mark.parametrize(
    "locale", [{"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}]
)
def test_a_locale_without_the_letter_ends_nothing(tmp_path, locale):
    done, _ = said(tmp_path, **locale)
    assert done.returncode == 0, done.stderr[-500:]
    escaped = b"\\u2714" if "PYTHONUTF8" in locale else "\N{HEAVY CHECK MARK}".encode()
    assert escaped * 10 in done.stdout


def test_a_descriptor_that_does_not_block_loses_nothing(tmp_path):
    """As a terminal is after some programs: the reader is slow."""
    code = "import os; os.set_blocking(1, False)\n" + PROGRAM
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "kept")], cwd=ROOT, stdout=write,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read, "rb") as reader:
        assert reader.read().count(b"line") == 3000
    assert process.wait(60) == 0
