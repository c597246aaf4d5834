# SPDX-License-Identifier: GPL-2.0-only
"""One clock for serial lines, QMP traffic, SSH commands and records."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Clock:
    """Seconds since the run began, the same in every process of the run.

    It counts CLOCK_MONOTONIC, which all processes of a machine share, so that a step of the
    wall clock (NTP) cannot reorder the evidence.
    """

    # time.time() when the run began: for people who want a date.
    began_wall: float = field(default_factory=time.time)
    # time.monotonic() at that moment.
    began_monotonic: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.monotonic() - self.began_monotonic


def since_process_start() -> float:
    """Return the seconds since this process was started, which the kernel keeps to 0.01 s.

    proc(5): field 22 of /proc/PID/stat is the time it was started after boot, in clock ticks;
    the second field, the program's name in parentheses, may hold anything.
    """
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 3)
