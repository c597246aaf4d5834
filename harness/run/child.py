# SPDX-License-Identifier: GPL-2.0-only
"""A run of the harness as a process of its own: whatever goes wrong in it stays in it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from harness.architectures import ROOT
from harness.host.cache import host_errors
from harness.host.process import end, spawn
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What is put before ``run``.  It is found from any folder, as it is installed; and where this
# command was called from, a kernel's relative path still means the same.
HARNESS = (sys.executable, "-m", "harness")
# Seconds after which a run is ended, times the user's factor: it takes minutes.  A run has
# limits of its own for all that it waits for; this one is for what nobody thought of.
LIMIT = 3600.0
_LAST_OF_LOG = 16 << 10  # bytes


def run_child(argv: Sequence[str], output: Path, limit: float) -> tuple[int, bool]:
    """Run ``argv``, with all that it prints in ``output``, for at most ``limit`` seconds.

    Return its exit code, and whether it had to be ended for its time.  An interrupt ends it in
    order.  Raises HostError when ``output`` cannot be written.
    """
    with host_errors(f"cannot write {output}"), output.open("wb") as file:
        child = spawn(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        try:
            return child.wait(limit), False
        except subprocess.TimeoutExpired:
            return end(child), True
        except BaseException:
            end(child)
            raise


def run_folders(results: Path) -> list[str]:
    """Return the names of the runs' folders in ``results``, without the links to the latest."""
    return [path.name for path in results.iterdir() if path.is_dir() and not path.is_symlink()]


def last_words(output: Path) -> str:
    """Return what a run printed last that the harness itself said."""
    with output.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _LAST_OF_LOG))
        lines = file.read().decode(errors="replace").splitlines()
    own = [line for line in lines if line.startswith("harness: ")]
    last = (own or [line for line in lines if line.strip()] or ["it said nothing"])[-1]
    return clean(last.removeprefix("harness: ").replace(str(ROOT), ".")).strip()
