# SPDX-License-Identifier: GPL-2.0-only
"""The exit code that a run's verdicts add up to."""

import pytest

from harness.verdicts.verdict import Verdict, exit_code

PASS, FAIL, ERROR, MISS, SKIP = Verdict


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([PASS], 0),
        ([PASS, SKIP], 0),
        ([PASS, FAIL, ERROR, MISS], 1),
        ([FAIL, SKIP], 1),
        ([PASS, ERROR], 125),
        ([PASS, ERROR, MISS], 125),
        ([PASS, MISS], 125),
        ([ERROR], 125),
        ([SKIP], 125),
        ([], 125),
    ],
)
def test_exit_code(verdicts, code):
    assert exit_code(verdicts) == code
