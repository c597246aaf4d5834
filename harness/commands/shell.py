# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness shell``: a shell in a guest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.guest import shell
from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.host.clock import Clock
from harness.host.scratch import scratch_folder
from harness.machine.evidence import EvidenceLog

if TYPE_CHECKING:
    import argparse

    from harness.run.plan import Plan


def main(options: argparse.Namespace, plan: Plan) -> int:
    """Start a guest of ``options.profile`` and give it the terminal; return what the shell does."""
    keys = Keys()
    with scratch_folder() as folder:
        log = EvidenceLog(folder, Clock(), "shell")
        contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
        nursery = GuestFactory(contents, keys, plan.scale)
        with nursery.ready(plan.boot(options.profile, keys), log) as guest:
            print("harness: the programs are in /tests; 'exit' ends the guest", file=sys.stderr)
            return shell.interact(guest.ssh)
