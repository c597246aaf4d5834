# SPDX-License-Identifier: GPL-2.0-only
"""What a test program's output comes to: results, and how many passed and failed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.suite.ktap_line import Directive


@dataclass(frozen=True)
class Counts:
    """How the tests fared that have no subtests, as KUnit counts them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # In a plan, and without a result ("crashed" in KUnit).
    missing: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.missing + other.missing,
        )

    def total(self) -> int:
        """Return the number of tests."""
        return self.passed + self.failed + self.skipped + self.missing


@dataclass(frozen=True)
class Result:
    """One finished result line, with what was printed before it."""

    # As printed; the expected one when the line had none; 0 for a plan "1..0 # SKIP".
    number: int
    name: str
    ok: bool
    directive: Directive | None = None
    # What follows the directive, or the "#" alone ("# exit=1").
    reason: str = ""
    # Lines since the result before this one, without "# ".
    diagnostics: tuple[str, ...] = ()
    subtests: tuple[Result, ...] = ()
    # Subtests that are in their plan and did not come.
    missing: int = 0
    # Subtests over Bounds.results.
    left_out: Counts = Counts()
    # What follows "Bail out!" among its subtests; None when they did not say it.
    bail_out: str | None = None
    # Subtests were announced, and there is none: KUnit's "no tests run".
    empty: bool = False

    @property
    def failed(self) -> bool:
        """Return True if it or any test in it failed, did not come, or gave up.

        ``not ok # SKIP`` is skipped (ktap.rst); any other directive leaves it to ok or not ok, as
        for KUnit: kselftest writes ``ok # XFAIL``.
        """
        return (
            (not self.ok and self.directive is not Directive.SKIP)
            or self.missing > 0
            or self.left_out.failed > 0
            or self.left_out.missing > 0
            or self.bail_out is not None
            or any(subtest.failed for subtest in self.subtests)
        )

    def counts(self) -> Counts:
        """Return how the tests in it fared; itself when there are none."""
        found = sum((subtest.counts() for subtest in self.subtests), self.left_out)
        found += Counts(missing=self.missing)
        if self.directive is Directive.SKIP:
            return found if found.total() else Counts(skipped=1)
        if not self.ok:
            # A failure that none of its subtests explains counts as one more.
            return found if found.failed or found.missing else found + Counts(failed=1)
        return found if found.total() or self.empty else Counts(passed=1)
