# SPDX-License-Identifier: GPL-2.0-only
"""What machine the figures are of."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import architectures
from harness.errors import InputError

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Host:
    """The machine that the bench ran on."""

    # Model name of its first CPU, or its architecture.
    cpu: str
    # Processors that this process may use.
    cores: int
    memory_mib: int
    # uname -r
    kernel: str
    # Load average of the last minute when the bench began: not its own doing.
    load: float


def this_host() -> Host:
    """Ask the kernel."""
    return Host(
        cpu=cpu_model(_CPUINFO.read_text()) or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=memory_mib(_MEMINFO.read_text()),
        kernel=platform.release(),
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
