# SPDX-License-Identifier: GPL-2.0-only
"""The verdicts, in KCIDB's words, and the exit code a run of them ends with."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdict(StrEnum):
    """What one case says (KCIDB schema v5, test status)."""

    PASS = "PASS"  # the kernel does what the contract says
    FAIL = "FAIL"  # the kernel is wrong, crashed or hung
    ERROR = "ERROR"  # the test program broke
    MISS = "MISS"  # host or harness trouble: nothing was learned
    SKIP = "SKIP"  # does not apply to this kernel or machine, and why


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """Return the exit code of a run that ended with ``verdicts``: the worst of them.

    1 is a FAIL.  A MISS, an ERROR, or not one case that passed: it could not be tested (125).
    A run in which everything was skipped must not call a commit good.
    """
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Exit.FAIL
    tested = Verdict.PASS in seen and not seen & {Verdict.MISS, Verdict.ERROR}
    return Exit.OK if tested else Exit.UNTESTED
