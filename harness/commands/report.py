# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness report``: a run's record in another format, also of a run that was killed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from harness.commands.output import show
from harness.results.formats.junit import junit
from harness.results.formats.ktap import ktap_report
from harness.results.formats.markdown import markdown
from harness.results.formats.table import table
from harness.results.store import load, results_json

if TYPE_CHECKING:
    import argparse

    from harness.results.record import Run


def main(options: argparse.Namespace) -> int:
    """Print the run that ``options`` name, or write it to a file; return 0.

    Raises InputError when there is no such run, HostError when the file cannot be written.
    """
    run = load(options.run)
    folder = options.run if options.run.is_dir() else options.run.parent
    show(_render(run, options.format, str(folder)), options.output)
    return 0


def _render(run: Run, name: str, folder: str) -> str:
    match name:
        case "junit":
            return junit(run, folder)
        case "ktap":
            return ktap_report(run)
        case "json":
            return results_json(run)
        case "md":
            return markdown(run, folder)
        case _:
            return table(run, folder, shutil.get_terminal_size().columns)
