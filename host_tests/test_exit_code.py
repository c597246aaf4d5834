# SPDX-License-Identifier: GPL-2.0-only
"""The exit code of a run that pytest ended in each of its ways (pytest cannot be made to)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.commands import run as command
from harness.errors import Exit, HostError, InputError
from harness.verdicts.verdict import Verdict

OK = pytest.ExitCode.OK
FAILED = pytest.ExitCode.TESTS_FAILED
INTERRUPTED = pytest.ExitCode.INTERRUPTED
INTERNAL = pytest.ExitCode.INTERNAL_ERROR
USAGE = pytest.ExitCode.USAGE_ERROR
NOTHING = pytest.ExitCode.NO_TESTS_COLLECTED


def code(status, *verdicts, unwritten="", **state):
    run = SimpleNamespace(cases=[SimpleNamespace(verdict=verdict) for verdict in verdicts])
    facts = {"failure": None, "interrupted": False, **state}
    records = SimpleNamespace(run=run, unwritten=unwritten)
    session = SimpleNamespace(records=records, **facts)
    return command._exit_code(status, session)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (code(OK, Verdict.PASS, Verdict.SKIP), 0),
        (code(FAILED, Verdict.PASS, Verdict.FAIL), 1),
        (code(FAILED, Verdict.PASS, Verdict.ERROR), 125),
        (code(INTERNAL, Verdict.PASS), 125),
        (code(INTERNAL, Verdict.PASS, Verdict.FAIL), 1),
        (code(INTERRUPTED, Verdict.PASS), 125),  # errors during collection
        (code(INTERRUPTED, Verdict.PASS, interrupted=True), 130),
        (code(INTERRUPTED, Verdict.FAIL, interrupted=True), 130),
        # -x or --maxfail, with workers.
        (code(INTERRUPTED, Verdict.PASS, Verdict.ERROR), 125),
        (code(INTERRUPTED, Verdict.PASS, Verdict.FAIL), 1),
        (code(FAILED, failure=InputError("no kernel")), 200),
        (code(INTERNAL, failure=HostError("no mirror")), 125),
        (code(OK, Verdict.PASS, unwritten="the disk is full"), 125),
        (code(FAILED, Verdict.FAIL, unwritten="the disk is full"), 1),
        (code(INTERRUPTED), 125),
        (code(INTERNAL), 125),
        (code(USAGE), 200),
        (code(NOTHING), 200),
        (command._exit_code(USAGE, None), 200),
        (command._exit_code(INTERNAL, None), 125),
    ],
)
def test_exit_codes(got, wanted):
    assert got == wanted


def test_no_code_steers_a_bisection_but_that_of_a_fail():
    """git-bisect(1): 1 to 124, 126 and 127 are a bad commit; 0 is a good one."""
    steering = {code.name for code in Exit if code < 125 or code in {126, 127}}
    assert steering == {"OK", "FAIL"}
