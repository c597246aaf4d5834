# SPDX-License-Identifier: GPL-2.0-only
"""What comes of a command in a guest; apart from ssh.py, whose imports take 0.1 s."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError


class SshError(HarnessError):
    """The guest cannot be reached over SSH (any more)."""


@dataclass(frozen=True)
class Outcome:
    """Everything that is known of one command that ran in the guest."""

    stdout: bytes
    stderr: bytes
    # Exit status of the command; None when a signal ended it or it did not end.
    exit_status: int | None
    # Name of the signal that ended it, without SIG (RFC 4254 section 6.10).
    signal: str | None
    # The time was over before the command ended.
    timed_out: bool
    # The connection broke before the command ended.
    lost: bool
    # It printed more than 4 MiB and was cut off.
    flooded: bool
    # Seconds on the run's clock.
    started: float
    ended: float
    # What the agent says of the kernel afterwards: lines "NAME BEFORE AFTER"
    # (images/init/health.c).
    health: str = ""
