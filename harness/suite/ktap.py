# SPDX-License-Identifier: GPL-2.0-only
"""Read what a test program prints: KTAP version 1, and kselftest's dialect of TAP 13.

Sources: ``Documentation/dev-tools/ktap.rst`` (subtests are indented) and
``tools/testing/selftests/kselftest.h`` with ``kselftest/runner.sh`` (a program's output is
nested in the runner's by putting ``# `` before each line).

A guest is hostile: everything kept is bounded, nothing raises, and what is wrong with the
input is a list for people (``Parser.errors``).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from harness.text import clean

MAX_LINE = 1000  # bytes of a line that are read; the rest of it is dropped
MAX_RESULTS = 1000  # results of all levels together
MAX_DIAGNOSTICS = 100  # lines kept with one result: the first half and the last
MAX_DIAGNOSTIC_CHARS = 4 << 20  # characters of diagnostics kept with all results together
MAX_DEPTH = 8  # levels of subtests
MAX_ERRORS = 20

# Indentation (ktap.rst) and kselftest's "# ", in any mix.
_PREFIX = r"(?P<prefix>(?:# |[ \t])*)"
_VERSION = re.compile(_PREFIX + r"(?P<version>K?TAP version [0-9]{1,9})\s*$")
_PLAN = re.compile(r"1\.\.([0-9]{1,9})\s*(?:#\s*(.*))?$")
_INDENTED_PLAN = re.compile(r"(?P<prefix>[ \t]+)1\.\.[0-9]{1,9}\s*$")
_RESULT = re.compile(r"(?P<bad>not )?ok(?:\s+(?P<number>[0-9]{1,9}))?(?:\s+(?P<rest>.*))?$")
_BAIL_OUT = re.compile(r"Bail out!\s*(.*)$", re.IGNORECASE)
_HASH = re.compile(r"(?:^|\s)#(?:\s|$|(?=(?:SKIP|TODO|TIMEOUT|XFAIL)\b))", re.IGNORECASE)
_DIRECTIVE = re.compile(r"(SKIP|TODO|TIMEOUT|XFAIL|ERROR)\b[:\s]*(.*)$", re.IGNORECASE)


class Directive(StrEnum):
    """What follows a result's ``#``, in ktap.rst's words (TODO is TAP 13's)."""

    SKIP = "SKIP"
    TODO = "TODO"
    TIMEOUT = "TIMEOUT"
    XFAIL = "XFAIL"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Result:
    """One finished result line, with what was printed before it."""

    # As printed; the expected one when the line had none; 0 for a plan "1..0 # SKIP".
    number: int
    name: str
    ok: bool
    directive: Directive | None = None
    # What follows the directive, or the "#" alone ("# exit=1").
    reason: str = ""
    # Lines since the result before this one, without "# ".
    diagnostics: tuple[str, ...] = ()
    subtests: tuple[Result, ...] = ()


def parse(data: bytes) -> Parser:
    """Return a closed Parser that has read ``data``: its ``results``, ``errors``, ``bail_out``."""
    parser = Parser()
    parser.feed(data)
    parser.close()
    return parser


@dataclass
class _Level:
    """One level of nesting while it is open."""

    prefix: str
    version: str | None = None
    plan: int | None = None
    skipped: bool = False  # the plan said "1..0 # SKIP"
    results: list[Result] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_DIAGNOSTICS // 2))
    dropped: int = 0

    def note(self, line: str) -> None:
        """Keep a diagnostic for the next result."""
        if len(self.head) < MAX_DIAGNOSTICS - MAX_DIAGNOSTICS // 2:
            self.head.append(line)
            return
        self.dropped += len(self.tail) == self.tail.maxlen
        self.tail.append(line)

    def take_notes(self) -> tuple[str, ...]:
        gap = [f"[{self.dropped} lines left out]"] if self.dropped else []
        notes = (*self.head, *gap, *self.tail)
        self.head.clear()
        self.tail.clear()
        self.dropped = 0
        return notes

    def count(self) -> int:
        return len(self.results) - self.skipped


class Parser:
    """Reads a program's output as it arrives, in pieces of any size."""

    def __init__(self) -> None:
        # "KTAP version 1", "TAP version 13"; None until it was seen.
        self.version: str | None = None
        # Results the program said it would print; None until it was seen.
        self.plan: int | None = None
        # What follows "Bail out!", maybe nothing; None when the program did not say it.
        self.bail_out: str | None = None
        # What is wrong with the output, for people, at most MAX_ERRORS.
        self.errors: list[str] = []
        # Diagnostics after the last result; known once closed.
        self.trailing: tuple[str, ...] = ()
        self._levels = [_Level("")]
        self._line = bytearray()
        self._kept = 0
        self._chars = 0
        self._closed = False

    @property
    def results(self) -> tuple[Result, ...]:
        """The finished top-level results so far."""
        return tuple(self._levels[0].results)

    def feed(self, data: bytes) -> list[Result]:
        """Read ``data``; return the top-level results it finished.

        A line without its end is kept for the next call.  Nothing is read after ``close``.
        """
        before = len(self._levels[0].results)
        if not self._closed:
            *ended, rest = data.split(b"\n")
            for piece in ended:
                self._carry(piece)
                self._read(bytes(self._line))
                self._line.clear()
            self._carry(rest)
        return self._levels[0].results[before:]

    def close(self) -> list[Result]:
        """Read a last line that has no end, check the plans; return the results it finished."""
        if self._closed:
            return []
        finished = self.feed(b"\n") if self._line else []
        self._closed = True
        # A subtest that no result line of its parent closed.
        while len(self._levels) > 1:
            level = self._levels.pop()
            self._check(level, "unfinished subtests: ")
            for line in level.take_notes():
                self._levels[-1].note(line)
        top = self._levels[0]
        self._check(top, "")
        self.trailing = top.take_notes()
        return finished

    def _carry(self, piece: bytes) -> None:
        # A character more than is kept, so that _read knows a line that was cut.
        self._line += piece[: MAX_LINE + 1 - len(self._line)]

    def _error(self, message: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(message)

    def _read(self, raw: bytes) -> None:
        if len(raw) > MAX_LINE:
            self._error(f"a line longer than {MAX_LINE} bytes was cut")
        line = clean(raw[:MAX_LINE].decode("utf-8", "replace")).rstrip()
        if version := _VERSION.match(line):
            self._open(version["prefix"], version["version"])
            return
        depth = next(
            n for n in reversed(range(len(self._levels))) if line.startswith(self._levels[n].prefix)
        )
        level = self._levels[depth]
        text = line[len(level.prefix) :]
        if nested := _INDENTED_PLAN.match(text):
            # KUnit before Linux 6.3 gave subtests a plan but no version line.
            self._open(level.prefix + nested["prefix"], None)
            level = self._levels[-1]
            text = line[len(level.prefix) :]
        if plan := _PLAN.match(text):
            self._plan(level, int(plan[1]), plan[2] or "")
        elif result := _RESULT.match(text):
            self._result(depth, result)
        elif bail := _BAIL_OUT.match(text):
            self.bail_out = bail[1] if self.bail_out is None else self.bail_out
        elif text.strip():
            # Lines of no known kind may be ignored (ktap.rst); people want to see them.
            level.note(text.removeprefix("#").removeprefix(" "))

    def _open(self, prefix: str, version: str | None) -> None:
        """Begin the level that ``prefix`` names; the top one is always there."""
        if prefix == "" and self.version is None:
            if self.plan is not None or self._levels[0].results:
                self._error(f"'{version}' is not the first line")
            self.version = self._levels[0].version = version
            return
        if any(level.prefix == prefix for level in self._levels):
            if version:
                self._error(f"a second '{version}'")
            return
        if not prefix.startswith(self._levels[-1].prefix) or len(self._levels) >= MAX_DEPTH:
            self._error(f"subtests nested in a way that is not understood, or over {MAX_DEPTH}")
            return
        self._levels.append(_Level(prefix, version))

    def _plan(self, level: _Level, count: int, comment: str) -> None:
        if level.plan is not None:
            self._error(f"a second plan, 1..{count} after 1..{level.plan}")
            return
        level.plan = count
        top = level is self._levels[0]
        if top:
            self.plan = count
        directive, reason = _directive(comment)
        if count == 0 and directive is Directive.SKIP:
            # ksft_exit_skip(): the whole program is skipped, and has no other result.
            level.skipped = True
            self._keep(level, Result(0, "", ok=True, directive=directive, reason=reason))

    def _result(self, depth: int, found: re.Match[str]) -> None:
        level = self._levels[depth]
        expected = level.count() + 1
        number = expected if found["number"] is None else int(found["number"])
        name, comment = _split_hash((found["rest"] or "").removeprefix("- ").strip())
        if number != expected:
            self._error(f"result {number} where {expected} was expected: '{name}'")
        subtests: tuple[Result, ...] = ()
        while len(self._levels) > depth + 1:
            inner = self._levels.pop()
            self._check(inner, f"subtests of '{name}': ")
            for line in inner.take_notes():
                level.note(line)
            # Levels between that never had a result line of their own are lost with it.
            subtests = (*inner.results, *subtests)
        directive, reason = _directive(comment)
        notes = self._within_budget(level.take_notes())
        ok = found["bad"] is None
        self._keep(level, Result(number, name, ok, directive, reason, notes, subtests))

    def _within_budget(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        self._chars += sum(map(len, notes))
        if self._chars <= MAX_DIAGNOSTIC_CHARS:
            return notes
        self._error(f"over {MAX_DIAGNOSTIC_CHARS} characters of diagnostics: the rest is dropped")
        return ()

    def _keep(self, level: _Level, result: Result) -> None:
        if self._kept == MAX_RESULTS:
            self._error(f"over {MAX_RESULTS} results: the rest is dropped")
            return
        self._kept += 1
        level.results.append(result)

    def _check(self, level: _Level, where: str) -> None:
        """Note what is missing from a level that has ended."""
        if level.prefix == "" and level.version is None:
            self._error("no version line: expected 'KTAP version 1' first")
        if self.bail_out is not None:
            return  # it said that it would not keep its plan
        if level.plan is None:
            self._error(f"{where}no plan: expected a line like 1..1")
        elif level.plan != level.count():
            self._error(f"{where}the plan said 1..{level.plan}, and {level.count()} results came")


def _split_hash(text: str) -> tuple[str, str]:
    r"""Split ``name # comment``; ``\#`` is a ``#`` of the name (TAP 14)."""
    found = _HASH.search(text)
    name, comment = (text[: found.start()], text[found.end() :]) if found else (text, "")
    return name.replace("\\#", "#").rstrip(), comment.strip()


def _directive(comment: str) -> tuple[Directive | None, str]:
    found = _DIRECTIVE.match(comment)
    if not found:
        return None, comment.strip()
    return Directive(found[1].upper()), found[2].strip()
