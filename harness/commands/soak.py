# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness soak``: trouble of every kind for many VMs, and a table of what it did."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import InputError
from harness.run.settings import from_options
from harness.selftest.soak import report
from harness.selftest.soak.campaign import Campaign, Order
from harness.selftest.soak.kinds import KINDS

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    """Run the campaign that ``options`` describe and print its table.

    Returns 1 when a count that must be zero is not, else 0.
    """
    order = Order(
        # Short enough to be read out.
        seed=secrets.randbelow(1_000_000) if options.seed is None else options.seed,
        starts=options.starts,
        arches=_chosen(options.arch, architectures.names(), "architecture"),
        kinds=_chosen(options.kinds, list(KINDS), "kind of trouble") if options.kinds else (),
    )
    settings = replace(from_options(options), arch=order.arches[0])
    folder = options.results / f"seed-{order.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(order, settings, folder.absolute())
    print(f"harness: soak: seed {order.seed}, {order.starts} starts, in {folder}", flush=True)
    try:
        campaign.run()
    finally:
        print(report.table(campaign.checked), end="", flush=True)
    return int(report.faults(campaign.checked) > 0)


def _chosen(text: str, known: list[str], what: str) -> tuple[str, ...]:
    """Return the names in ``text``, which commas separate; InputError for an unknown one."""
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"unknown {what} {', '.join(unknown)}: expected {', '.join(known)}")
    return names
