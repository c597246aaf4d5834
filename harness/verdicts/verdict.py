# SPDX-License-Identifier: GPL-2.0-only
"""The verdicts, in KCIDB's words, and the exit code a run of them ends with."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

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
    """Return the exit code of a run that ended with ``verdicts``.

    0 nothing wrong; 1 a FAIL; 3 only ERRORs went wrong; 125 it could not be tested: a MISS,
    or not one case that passed or failed.  125 is git bisect run's "skip this commit", and a
    run in which everything was skipped must not call a commit good.
    """
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return 1
    if Verdict.MISS in seen:
        return 125
    if Verdict.ERROR in seen:
        return 3
    return 0 if Verdict.PASS in seen else 125
