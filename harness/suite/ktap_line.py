# SPDX-License-Identifier: GPL-2.0-only
"""One line of KTAP version 1, or of kselftest's dialect of TAP 13, and what it may stand behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Indentation (ktap.rst) and kselftest's "# ", in any mix.
NESTING = re.compile(r"(?:# (?!Subtest: )|[ \t])+")
VERSION = re.compile(r"(?P<prefix>(?:# |[ \t])*)(?P<version>K?TAP version [0-9]{1,9})$")
PLAN = re.compile(r"1\.\.(?P<count>[0-9]{1,9})\s*(?:#\s*(?P<comment>.*))?$")
BAIL_OUT = re.compile(r"Bail out!\s*(?P<reason>.*)$", re.IGNORECASE)
# KUnit's name of the suite whose cases follow, indented as they are.
SUBTEST = re.compile(r"# Subtest: (?P<name>.*)$")

_RESULT = re.compile(r"(?P<bad>not )?ok(?:\s+(?P<number>[0-9]{1,9}))?(?:\s+(?P<rest>.*))?$")
_HASH = re.compile(r"(?:^|\s)#(?:\s|$|(?=(?:SKIP|TODO|TIMEOUT|XFAIL)\b))", re.IGNORECASE)
_DIRECTIVE = re.compile(r"(SKIP|TODO|TIMEOUT|XFAIL|ERROR)\b[:\s]*(.*)$", re.IGNORECASE)
_ANY_VERSION = re.compile(r"K?TAP version [0-9]{1,9}$")
# printk's time, and who printed (CONFIG_PRINTK_CALLER); a level where the console shows it.
_STAMP = re.compile(r"(?:<[0-9]{1,3}>)?\[ *[0-9]+\.[0-9]+\](?:\[ *[TC][0-9]+\])?(?: |$)")


class Directive(StrEnum):
    """What follows a result's ``#``, in ktap.rst's words (TODO is TAP 13's)."""

    SKIP = "SKIP"
    TODO = "TODO"
    TIMEOUT = "TIMEOUT"
    XFAIL = "XFAIL"
    ERROR = "ERROR"


@dataclass(frozen=True)
class ResultLine:
    """A line that gives a test's result."""

    ok: bool
    number: int | None  # None: it has none
    name: str
    directive: Directive | None
    # What follows the directive, or the "#" alone ("# exit=1").
    reason: str
    # Nothing could follow that has not been read.
    has_comment: bool


def result_line(text: str) -> ResultLine | None:
    r"""Return what ``text`` says, without what nests it; None when it is no result line.

    The first ``#`` that stands alone ends the name; ``\#`` is a ``#`` of the name (TAP 14).
    """
    found = _RESULT.match(text)
    if found is None:
        return None
    rest = (found["rest"] or "").removeprefix("- ").strip()
    ends = _HASH.search(rest)
    name = rest[: ends.start()] if ends else rest
    directive, reason = comment(rest[ends.end() :] if ends else "")
    return ResultLine(
        ok=found["bad"] is None,
        number=None if found["number"] is None else int(found["number"]),
        name=name.replace("\\#", "#").rstrip(),
        directive=directive,
        reason=reason,
        has_comment=ends is not None,
    )


def comment(text: str) -> tuple[Directive | None, str]:
    """Return the directive that ``text``, what follows a ``#``, begins with, and the rest."""
    found = _DIRECTIVE.match(text.strip())
    if not found:
        return None, text.strip()
    return Directive(found[1].upper()), found[2].strip()


class Prefix:
    """What a console puts before each line: printk's stamp, or any other text."""

    def __init__(self, text: str) -> None:
        """``text`` stands before the version line."""
        self.text = text
        self._stamps = _STAMP.fullmatch(text) is not None

    @classmethod
    def found(cls, line: str) -> Prefix | None:
        """Return what stands before the version in ``line``; None without one or the other.

        kselftest's "# " is nesting, and no prefix; a result is a result, whatever its name.
        """
        if result_line(line) is not None:
            return None
        version = _ANY_VERSION.search(line)
        before = line[: version.start()] if version else ""
        return cls(before) if before and not before.lstrip(" \t").startswith("#") else None

    def taken_from(self, line: str) -> str:
        """Return ``line`` without the prefix; a line that has none stays as it is.

        A stamp is known by its form: it grows a digit after 100,000 seconds.  A result is never
        taken apart: "not " could be the prefix.
        """
        if result_line(line) is not None:
            return line
        if not self._stamps:
            return line.removeprefix(self.text)
        found = _STAMP.match(line)
        return line[found.end() :] if found else line
