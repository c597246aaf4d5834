# SPDX-License-Identifier: GPL-2.0-only
"""A run as KTAP version 1 (``Documentation/dev-tools/ktap.rst``), for kernel CI systems.

tap.py, KUnit's ``kunit_parser.py`` and the harness's own reader count the same in it, whatever a
guest, a kernel or a name says (docs/ktap.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.results.names import case_name, numbered
from harness.text import clean
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.results.record import CaseRecord, Run

MAX_NAME = 1000  # characters
MAX_LINE = 4000  # characters of a diagnostic
CUT = "the run was cut short"

# After "# ", these begin subtests: in kselftest's dialect, and for KUnit's parser.
_BEGINS_SUBTESTS = re.compile(r"[#\s]*(?:K?TAP version|Subtest:)")
# KUnit's parser reads nothing after one of these (KTAP_END), wherever in a line it stands.
_ENDS_KUNIT = re.compile(
    r"(?<=List of all) (?=partitions:)|(?<=not syncing:) (?=VFS:)|(?<=reboot:) (?=System halted)"
)


def ktap_report(run: Run) -> str:
    """Return ``run`` as KTAP; MISS and ERROR have the directive ERROR.

    A run that is not complete has one more result in its plan, ``not ok`` and a MISS, so that it
    is not taken for a good one; KUnit's parser passes over the "Bail out!" that follows.
    """
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Run) -> Iterator[str]:
    yield "KTAP version 1"
    yield f"1..{len(run.cases) + (not run.complete)}"
    yield _diagnostic(f"{run.arch} {run.kernel.release}: {run.kernel.origin}")
    names = [_name(f"{case.program}.{case_name(case)}") for case in run.cases]
    if not run.complete:
        names.append("run.complete")
    unique = list(numbered(names, " ({})"))
    for number, (case, name) in enumerate(zip(run.cases, unique, strict=False), 1):
        if case.verdict not in {Verdict.PASS, Verdict.SKIP}:
            yield from map(_diagnostic, case.diagnostics)
            yield _diagnostic(f"{case.verdict.value}: {case.message}")
            if case.retries:
                again = recurrence(retry.verdict for retry in case.retries)
                yield _diagnostic(f"tried again: {again}")
            if case.rerun:
                yield _diagnostic(f"run it again: {case.rerun}")
        ok = "ok" if case.verdict in {Verdict.PASS, Verdict.SKIP} else "not ok"
        yield f"{ok} {number} {name}{_directive(case)}"
    if not run.complete:
        yield f"not ok {len(unique)} {unique[-1]} # ERROR MISS: {CUT}"
        yield f"Bail out! {CUT}"


def _directive(case: CaseRecord) -> str:
    # A second "#" could be read as the one before the directive: KUnit takes "# SKIP" anywhere.
    message = _flat(case.message).replace("#", "_")
    match case.verdict:
        case Verdict.SKIP:
            return f" # SKIP {message}".rstrip()
        case Verdict.ERROR:
            return f" # ERROR {message}".rstrip()
        case Verdict.MISS:
            return f" # ERROR MISS: {message}".rstrip()
        case Verdict.FAIL if message.startswith("TIMEOUT "):
            return f" # {message}"
    # Any other message might begin with a directive's word; it is a diagnostic.
    return ""


def _diagnostic(text: str) -> str:
    flat = _short(_flat(text), MAX_LINE)
    return f"# | {flat}" if _BEGINS_SUBTESTS.match(flat) else f"# {flat}"


def _name(text: str) -> str:
    # ktap.rst: any characters but "#".  TAP 14's "\#" is one for KUnit.
    return _short(_flat(text).replace("#", "_"), MAX_NAME)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _flat(text: str) -> str:
    """Return ``text`` as one line without control characters or runs of blanks."""
    flat = " ".join(clean(" ".join(text.splitlines())).split())
    return _ENDS_KUNIT.sub("  ", flat)
