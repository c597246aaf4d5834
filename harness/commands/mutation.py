# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness mutation``: does the suite notice kernels with deliberate bugs."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from harness.host.cache import locked
from harness.selftest.mutation import mutants, report, source
from harness.selftest.mutation.campaign import Campaign
from harness.selftest.mutation.trial import Suite

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    """Try the mutants that ``options`` name and print the table.

    Returns 1 when one is neither caught nor explained, else 0.
    """
    chosen = mutants.choose(mutants.load(), options.mutants)
    tree = source.fetch()
    suite = Suite(
        options.accelerator,
        options.timeout_scale,
        options.n,
        options.stop_after,
        options.results.absolute(),
    )
    campaign = Campaign(tree, chosen, suite, options.survivors)
    if not options.known:
        with locked(tree.folder / "campaign", waiting="another campaign has the source: waiting"):
            # Each result is kept as it comes.
            collections.deque(campaign.run(), maxlen=0)
    known = campaign.known()
    pairs = [(mutant, result) for mutant, result in known if result]
    print(report.table(pairs), end="")
    if options.report:
        everything = dataclasses.replace(campaign, mutants=mutants.load()).known()
        options.report.write_text(report.markdown(everything, tree.origin))
    return int(any(report.is_open(mutant, result) for mutant, result in pairs))
