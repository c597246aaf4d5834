# SPDX-License-Identifier: GPL-2.0-only
"""A run as KTAP version 1 (``Documentation/dev-tools/ktap.rst``), for kernel CI systems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.text import clean
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.results.record import CaseRecord, Run

_VERSION = re.compile(r"[#\s]*K?TAP version")


def ktap_report(run: Run) -> str:
    """Return ``run`` as KTAP; MISS and ERROR have the directive ERROR.

    A run that is not complete ends with "Bail out!".
    """
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Run) -> Iterator[str]:
    yield "KTAP version 1"
    yield f"1..{len(run.cases)}"
    yield _diagnostic(f"{run.arch} {run.kernel.release}: {run.kernel.origin}")
    for number, case in enumerate(run.cases, 1):
        if case.verdict not in {Verdict.PASS, Verdict.SKIP}:
            yield from map(_diagnostic, case.diagnostics)
            yield _diagnostic(f"{case.verdict.value}: {case.message}")
            if case.retries:
                again = recurrence(retry.verdict for retry in case.retries)
                yield _diagnostic(f"tried again: {again}")
            if case.rerun:
                yield _diagnostic(f"run it again: {case.rerun}")
        yield _result(number, case)
    if not run.complete:
        yield "Bail out! the run was cut short"


def _result(number: int, case: CaseRecord) -> str:
    memory = f"[{case.memory}]" if case.memory else ""
    name = _name(f"{case.program}.{case.name}{memory}")
    ok = "ok" if case.verdict in {Verdict.PASS, Verdict.SKIP} else "not ok"
    return f"{ok} {number} {name}{_directive(case)}".rstrip()


def _directive(case: CaseRecord) -> str:
    message = _flat(case.message)
    match case.verdict:
        case Verdict.SKIP:
            return f" # SKIP {message}"
        case Verdict.ERROR:
            return f" # ERROR {message}"
        case Verdict.MISS:
            return f" # ERROR MISS: {message}"
        case Verdict.FAIL if message.startswith("TIMEOUT "):
            return f" # {message}"
    # Any other message might begin with a directive's word; it is a diagnostic.
    return ""


def _diagnostic(text: str) -> str:
    flat = _flat(text)
    # "# KTAP version 1" would begin subtests in kselftest's dialect.
    return f"# | {flat}" if _VERSION.match(flat) else f"# {flat}"


def _name(text: str) -> str:
    # "#" would begin a directive; TAP 14 escapes it so.
    return _flat(text).replace("#", "\\#")


def _flat(text: str) -> str:
    """Return ``text`` as one line without control characters or runs of blanks."""
    return " ".join(clean(" ".join(text.splitlines())).split())
