# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness bench``: what a user waits for, as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.selftest.bench import report, run

if TYPE_CHECKING:
    import argparse

    from harness.run.plan import Plan


def main(options: argparse.Namespace, plan: Plan) -> int:
    """Measure the parts that ``options`` names and print the table; return 0."""
    parts = run.chosen(options.parts) if options.parts else run.DEFAULT
    found = run.measure(plan, parts, options.rounds, options.json)
    print(report.table(found), end="")
    return 0
