# SPDX-License-Identifier: GPL-2.0-only
"""What the figures are of, besides the machine (harness.host.machine)."""

from __future__ import annotations

import subprocess

from harness import architectures
from harness.errors import InputError


def harness_version() -> str:
    """Return what git describe says of the harness; "" without git."""
    argv = ["git", "-C", str(architectures.ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def qemu_version(program: str) -> str:
    """Return the version that ``program`` says it has; InputError when it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{program} does not run ({error}): run 'make deps'") from error
    first = done.stdout.partition("\n")[0]
    return first.removeprefix("QEMU emulator version ")
