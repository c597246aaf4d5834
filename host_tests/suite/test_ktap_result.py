# SPDX-License-Identifier: GPL-2.0-only
"""Whether a result failed, and what it counts for."""

import pytest

from harness.suite.ktap import Counts, Directive, Result

OK = Result(1, "a", ok=True)
BAD = Result(2, "b", ok=False)
SKIP = Result(3, "c", ok=True, directive=Directive.SKIP)
BAD_SKIP = Result(4, "d", ok=False, directive=Directive.SKIP)


def parent(*subtests, ok=True, **more):
    return Result(1, "s", ok=ok, subtests=subtests, **more)


ROWS = [
    (OK, False, Counts(passed=1)),
    (BAD, True, Counts(failed=1)),
    (SKIP, False, Counts(skipped=1)),
    (BAD_SKIP, False, Counts(skipped=1)),
    (Result(1, "a", ok=True, directive=Directive.XFAIL), False, Counts(passed=1)),
    (Result(1, "a", ok=False, directive=Directive.TODO), True, Counts(failed=1)),
    (Result(1, "a", ok=False, directive=Directive.TIMEOUT), True, Counts(failed=1)),
    # A parent counts for nothing beside its subtests ...
    (parent(OK, SKIP), False, Counts(passed=1, skipped=1)),
    (parent(OK, BAD, ok=False), True, Counts(passed=1, failed=1)),
    (parent(OK, BAD), True, Counts(passed=1, failed=1)),
    (parent(parent(parent(BAD))), True, Counts(failed=1)),
    # ... but when it failed and they did not.
    (parent(OK, ok=False), True, Counts(passed=1, failed=1)),
    (parent(SKIP, ok=False), True, Counts(skipped=1, failed=1)),
    (parent(OK, directive=Directive.SKIP), False, Counts(passed=1)),
    (parent(BAD, directive=Directive.SKIP), True, Counts(failed=1)),
    (parent(missing=2), True, Counts(missing=2)),
    (parent(OK, missing=2, ok=False), True, Counts(passed=1, missing=2)),
    (parent(OK, left_out=Counts(passed=5)), False, Counts(passed=6)),
    (parent(OK, left_out=Counts(failed=1)), True, Counts(passed=1, failed=1)),
    (parent(OK, left_out=Counts(missing=1)), True, Counts(passed=1, missing=1)),
    (parent(OK, bail_out=""), True, Counts(passed=1)),
    (parent(empty=True), False, Counts()),
    (parent(empty=True, ok=False), True, Counts(failed=1)),
]


@pytest.mark.parametrize(("result", "failed", "counts"), ROWS)
def test_rows(result, failed, counts):
    assert result.failed is failed
    assert result.counts() == counts
    assert counts.total() == counts.passed + counts.failed + counts.skipped + counts.missing
