# SPDX-License-Identifier: GPL-2.0-only
"""Read what a test program prints: KTAP version 1, and kselftest's dialect of TAP 13.

Sources: ``Documentation/dev-tools/ktap.rst`` (subtests are indented), KUnit's own reader
(``tools/testing/kunit/kunit_parser.py``) and ``tools/testing/selftests/kselftest.h`` with
``kselftest/runner.sh`` (a program's output is nested in the runner's by putting ``# `` before each
line).  docs/ktap.md has what is read differently, and why.

Reading is lenient, as theirs is: results are read wherever they stand.  ``Parser.errors`` says, for
people, where the output departs from ktap.rst; the harness's own programs must give no cause for
one (harness.verdicts.judge), others may.

A guest is hostile: everything kept is bounded (``Bounds``), nothing raises, and no bound hides a
result that is not ok.
"""

from __future__ import annotations

from dataclasses import replace

from harness.suite.ktap_level import Bounds, Level, Notes
from harness.suite.ktap_line import (
    BAIL_OUT,
    NESTING,
    PLAN,
    SUBTEST,
    VERSION,
    Directive,
    Prefix,
    ResultLine,
    comment,
    result_line,
)
from harness.suite.ktap_result import Counts, Result
from harness.text import clean

__all__ = ["Bounds", "Counts", "Directive", "Parser", "Result", "parse"]

MAX_ERRORS = 20
_SHORT = 100  # characters of a name and of a reason that are kept when there is no more room


def parse(data: bytes, bounds: Bounds | None = None) -> Parser:
    """Return a closed Parser that has read ``data``: its ``results``, ``errors``, ``bail_out``."""
    parser = Parser(bounds)
    parser.feed(data)
    parser.close()
    return parser


class Parser:
    """Reads a program's output as it arrives, in pieces of any size."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        # What is wrong with the output, for people, at most MAX_ERRORS.
        self.errors: list[str] = []
        # Diagnostics after the last result; known once closed.
        self.trailing: tuple[str, ...] = ()
        self._prefix: Prefix | None = None
        self._levels = [Level("", Notes(self.bounds.diagnostics))]
        self._line = bytearray()
        self._kept = 0
        self._kept_failures = 0  # over bounds.results
        self._chars = 0
        self._closed = False

    @property
    def results(self) -> tuple[Result, ...]:
        """The finished top-level results so far."""
        return tuple(self._levels[0].results)

    @property
    def version(self) -> str | None:
        """``KTAP version 1``, ``TAP version 13``; None until it was seen."""
        return self._levels[0].version

    @property
    def plan(self) -> int | None:
        """Results the program said it would print; None until it was seen."""
        return self._levels[0].plan

    @property
    def bail_out(self) -> str | None:
        """What follows ``Bail out!``, maybe nothing; None when the program did not say it.

        A subtest's is its result's (``Result.bail_out``).
        """
        return self._levels[0].bail_out

    @property
    def left_out(self) -> Counts:
        """Top-level results over ``Bounds.results``."""
        return self._levels[0].left_out

    def counts(self) -> Counts:
        """Return how all tests fared so far, as KUnit counts them."""
        top = self._levels[0]
        found = sum((result.counts() for result in top.results), top.left_out)
        return found + Counts(missing=top.missing)

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
        before = len(self._levels[0].results)
        if self._line:
            self.feed(b"\n")
        self._closed = True
        while len(self._levels) > 1:
            # KUnit, too, takes a suite that a panic cut for a test that failed.
            name, why = self._levels[-1].name, "its subtests ended without its result"
            self._error(f"unfinished subtests: no result for '{name}'")
            line = ResultLine(
                ok=False,
                number=None,
                name=name,
                directive=Directive.ERROR,
                reason=why,
                has_comment=True,
            )
            self._result(len(self._levels) - 2, line, where="unfinished subtests: ")
        self._check(self._levels[0], "")
        self.trailing = self._levels[0].notes.take()
        return self._levels[0].results[before:]

    def _carry(self, piece: bytes) -> None:
        # A byte more than is read, so that _read knows a line that was cut.
        self._line += piece[: self.bounds.line + 1 - len(self._line)]

    def _error(self, message: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(message)

    def _read(self, raw: bytes) -> None:
        cut = len(raw) > self.bounds.line
        if cut:
            self._error(f"a line longer than {self.bounds.line} bytes was cut")
        line = clean(raw[: self.bounds.line].decode("utf-8", "replace")).rstrip()
        line = self._without_prefix(line)
        if version := VERSION.match(line):
            self._begin(version["prefix"], version["version"])
            return
        depth = self._depth_of(line)
        text = line[len(self._levels[depth].prefix) :]
        if (nesting := NESTING.match(text)) and self._nests(depth, text, nesting[0]):
            depth = self._nest(depth, nesting[0], text[nesting.end() :])
            text = text[nesting.end() :]
        level = self._levels[depth]
        if plan := PLAN.match(text):
            self._plan(level, int(plan["count"]), plan["comment"] or "")
        elif result := result_line(text):
            if cut and not result.has_comment:
                reason = "the line was cut: it may have said more"
                result = replace(result, ok=False, directive=Directive.ERROR, reason=reason)
            self._result(depth, result)
        elif bail := BAIL_OUT.match(text):
            level.bail_out = bail["reason"] if level.bail_out is None else level.bail_out
        elif depth and not level.name and (subtest := SUBTEST.match(text)):
            level.name = subtest["name"]
        elif text.strip():
            # Lines of no known kind may be ignored (ktap.rst); people want to see them.
            level.notes.add(text.removeprefix("#").removeprefix(" "))

    def _without_prefix(self, line: str) -> str:
        """Return ``line`` without what stood before the version line, as KUnit does it."""
        top = self._levels[0]
        if self._prefix is None and top.version is None and top.plan is None and not top.counted:
            self._prefix = Prefix.found(line)
            if self._prefix is not None:
                self._error(f"before the version line: '{self._prefix.text[:_SHORT]}'")
        return line if self._prefix is None else self._prefix.taken_from(line)

    def _depth_of(self, line: str) -> int:
        """Return the index of the deepest open level that ``line`` is in."""
        return next(
            n for n in reversed(range(len(self._levels))) if line.startswith(self._levels[n].prefix)
        )

    def _nests(self, depth: int, text: str, nesting: str) -> bool:
        """Return True if ``text``, deeper than its level, belongs to subtests."""
        rest = text[len(nesting) :]
        result = result_line(rest)
        numbered = result is not None and result.number is not None
        if "#" not in nesting:
            # KUnit before Linux 6.3 gave subtests no version line, and it reads results at any
            # indentation.  Prose is not numbered.
            return numbered or PLAN.match(rest) is not None or SUBTEST.match(rest) is not None
        # What a program prints has "# " put before it by kselftest's runner, whatever it is; in
        # plain KTAP it is a diagnostic.
        versions = [level.version for level in self._levels[: depth + 1] if level.version]
        if versions[-1:] != ["TAP version 13"]:
            return False
        begins = result is not None and result.number == 1
        return begins or PLAN.match(rest) is not None or (numbered and self._full())

    def _nest(self, depth: int, nesting: str, rest: str) -> int:
        """Return the index of the level of ``rest``, which stands behind ``nesting``."""
        level = self._levels[depth]
        prefix = level.prefix + nesting
        newest = 0 < depth == len(self._levels) - 1
        known = level.plan is not None if PLAN.match(rest) else level.counted
        if newest and not known and "#" not in nesting and not SUBTEST.match(rest):
            # Indented deeper than its version line or plan: it is of the same level (KUnit).
            level.prefix = prefix
            return depth
        return self._open(prefix)

    def _full(self) -> bool:
        return len(self._levels) > self.bounds.depth

    def _begin(self, prefix: str, version: str) -> None:
        """Read a version line: it begins the level that ``prefix`` names."""
        top = self._levels[0]
        if prefix == "" and top.version is None:
            if top.plan is not None or top.counted:
                self._error(f"'{version}' is not the first line")
            top.version = version
        elif any(level.prefix == prefix for level in self._levels):
            self._error(f"a second '{version}'")
        else:
            level = self._levels[self._open(prefix)]
            level.version = level.version or version

    def _open(self, prefix: str) -> int:
        """Open the level that ``prefix`` names, and return its index; the deepest one if full."""
        below = self._depth_of(prefix)
        if self._full():
            self._error(f"subtests nested over {self.bounds.depth} levels deep")
            return below
        # A level between two is the parent of the deeper one.
        between = all(each.prefix.startswith(prefix) for each in self._levels[below + 1 :])
        at = below + 1 if between else len(self._levels)
        self._levels.insert(at, Level(prefix, Notes(self.bounds.diagnostics)))
        return at

    def _plan(self, level: Level, count: int, words: str) -> None:
        if level.plan is not None:
            self._error(f"a second plan, 1..{count} after 1..{level.plan}")
            return
        level.plan = count
        directive, reason = comment(words)
        if count == 0 and directive is Directive.SKIP:
            # ksft_exit_skip(): the whole program is skipped, and has no other result.
            level.skipped = True
            self._keep(level, Result(0, "", ok=True, directive=directive, reason=reason))

    def _result(self, depth: int, line: ResultLine, where: str = "") -> None:
        level = self._levels[depth]
        expected = level.counted + 1
        number = expected if line.number is None else line.number
        if number != expected:
            self._error(f"result {number} where {expected} was expected: '{line.name[:_SHORT]}'")
        level.counted += 1
        subtests: tuple[Result, ...] = ()
        left_out, missing, bail_out, opened = Counts(), 0, None, len(self._levels) > depth + 1
        while len(self._levels) > depth + 1:
            inner = self._levels.pop()
            if inner.name not in {"", line.name}:
                self._error(f"subtests of '{inner.name[:_SHORT]}': no result for it")
            self._check(inner, where or f"subtests of '{line.name[:_SHORT]}': ")
            for note in inner.notes.take():
                level.notes.add(note)
            # Levels between that never had a result line of their own are lost with it.
            subtests = (*inner.results, *subtests)
            left_out += inner.left_out
            missing += inner.missing
            bail_out = inner.bail_out if bail_out is None else bail_out
        if bail_out is not None and line.ok:
            self._error(f"'{line.name[:_SHORT]}' is ok, and its subtests gave up: {bail_out}")
        notes, name, reason = self._within_budget(level.notes.take(), line.name, line.reason)
        result = Result(number, name, line.ok, line.directive, reason, notes, subtests)
        empty = opened and not subtests and not missing and not left_out.total()
        result = replace(result, missing=missing, left_out=left_out, bail_out=bail_out, empty=empty)
        self._keep(level, result)

    def _within_budget(
        self, notes: tuple[str, ...], name: str, reason: str
    ) -> tuple[tuple[str, ...], str, str]:
        if self._chars + sum(map(len, notes)) > self.bounds.chars:
            self._error(f"over {self.bounds.chars} characters of diagnostics: the rest is dropped")
            notes = ()
        self._chars += sum(map(len, notes))
        if self._chars + len(name) + len(reason) > self.bounds.chars:
            name, reason = name[:_SHORT], reason[:_SHORT]
        self._chars += len(name) + len(reason)
        return notes, name, reason

    def _keep(self, level: Level, result: Result) -> None:
        if self._kept >= self.bounds.results:
            self._error(f"over {self.bounds.results} results: the rest is counted, not kept")
            if not result.failed or self._kept_failures >= self.bounds.results:
                level.left_out += result.counts()
                return
            self._kept_failures += 1
        self._kept += 1
        level.results.append(result)

    def _check(self, level: Level, where: str) -> None:
        """Note what is missing from a level that has ended."""
        if level is self._levels[0] and level.version is None:
            self._error("no version line: expected 'KTAP version 1' first")
        if level.bail_out is not None or self.bail_out is not None:
            return  # it said that it would not keep its plan
        if level.plan is None:
            self._error(f"{where}no plan: expected a line like 1..1")
        elif level.plan != level.counted:
            self._error(f"{where}the plan said 1..{level.plan}, and {level.counted} results came")
        elif level.plan == 0 and not level.skipped:
            self._error(f"{where}the plan said 1..0: no test was run")
