# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness goldens``: how well splats are found and named in logs that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.selftest import goldens

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    """Print the scores for the logs in ``options.logs``; return 0: they are no verdict."""
    logs = goldens.load(options.logs, every=options.all)
    scores = goldens.score(logs)
    print(goldens.table(scores))
    titles, most = goldens.shared(logs)
    print(f"{titles} titles that name a function, of which at most {most} share a fingerprint")
    for what, some in (
        ("without a crash", [log for log in logs if not log.title]),
        ("of crashes from end to end", [log for log in logs if log.title]),
    ):
        print(f"a console takes logs {what} at {goldens.speed(some):.0f} MB/s")
    if options.wrong:
        print(*(line for one in scores.values() for line in one.wrong), sep="\n")
    return 0
