# SPDX-License-Identifier: GPL-2.0-only
"""The exit code of a run that pytest ended in each of its ways (pytest cannot be made to)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.commands import run as command
from harness.plugin.session import STATE
from harness.verdicts.verdict import Verdict

OK = pytest.ExitCode.OK
FAILED = pytest.ExitCode.TESTS_FAILED
INTERRUPTED = pytest.ExitCode.INTERRUPTED
INTERNAL = pytest.ExitCode.INTERNAL_ERROR
USAGE = pytest.ExitCode.USAGE_ERROR
NOTHING = pytest.ExitCode.NO_TESTS_COLLECTED


def code(status, *verdicts, unwritten="", **state):
    run = SimpleNamespace(cases=[SimpleNamespace(verdict=verdict) for verdict in verdicts])
    facts = {"failure": None, "interrupted": False, "stopped_early": False}
    facts |= state
    records = SimpleNamespace(run=run, unwritten=unwritten)
    session = SimpleNamespace(records=records, **facts)
    return command._exit_code(status, SimpleNamespace(stash={STATE: session}))


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (code(OK, Verdict.PASS, Verdict.SKIP), 0),
        (code(FAILED, Verdict.PASS, Verdict.FAIL), 1),
        (code(FAILED, Verdict.ERROR), 3),
        (code(INTERNAL, Verdict.PASS), 125),
        (code(INTERNAL, Verdict.PASS, Verdict.FAIL), 1),
        (code(INTERRUPTED, Verdict.PASS), 125),  # errors during collection
        (code(INTERRUPTED, Verdict.PASS, interrupted=True), 130),
        (code(INTERRUPTED, Verdict.ERROR, stopped_early=True), 3),  # -x
        (code(OK, Verdict.PASS, unwritten="the disk is full"), 125),
        (code(FAILED, Verdict.FAIL, unwritten="the disk is full"), 1),
        (code(INTERRUPTED), 125),
        (code(INTERNAL), 125),
        (code(USAGE), 2),
        (code(NOTHING), 2),
    ],
)
def test_exit_codes(got, wanted):
    assert got == wanted
