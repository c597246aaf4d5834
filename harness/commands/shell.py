# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness shell``: a shell in a guest."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.clock import Clock
from harness.guest import shell
from harness.guest.ready import Contents, Nursery
from harness.image.keys import Keys
from harness.machine.evidence import EvidenceLog

if TYPE_CHECKING:
    import argparse

    from harness.plan import Plan


def main(options: argparse.Namespace, plan: Plan) -> int:
    """Start a guest of ``options.profile`` and give it the terminal; return what the shell does."""
    keys = Keys()
    with tempfile.TemporaryDirectory(prefix="uffd-shell-") as folder:
        log = EvidenceLog(Path(folder), Clock(), "shell")
        contents = Contents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
        nursery = Nursery(contents, keys, plan.scale)
        with nursery.ready(plan.boot(options.profile, keys), log) as guest:
            print("harness: the programs are in /tests; 'exit' ends the guest", file=sys.stderr)
            return shell.interact(guest.ssh)
