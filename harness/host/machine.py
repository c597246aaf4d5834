# SPDX-License-Identifier: GPL-2.0-only
"""What this machine is: times and failures mean little without it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Host:
    """The machine that something ran on."""

    # Model name of its first CPU, or its architecture.
    cpu: str
    # Processors that this process may use.
    cores: int
    memory_mib: int
    # uname -r
    kernel: str
    # Load average of the last minute when it was asked for: not the asker's own doing.
    load: float


def this_host() -> Host:
    """Return what the kernel says of this machine."""
    return Host(
        cpu=cpu_model(_CPUINFO.read_text()) or os.uname().machine,
        cores=len(os.sched_getaffinity(0)),
        memory_mib=memory_mib(_MEMINFO.read_text()),
        kernel=os.uname().release,
        load=round(os.getloadavg()[0], 2),
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the first "model name" of /proc/cpuinfo; "" where there is none (arm64)."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return ""


def memory_mib(meminfo: str) -> int:
    """Return MemTotal of /proc/meminfo (proc_meminfo(5)) in MiB."""
    words = next(line.split() for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    return int(words[1]) >> 10
