# SPDX-License-Identifier: GPL-2.0-only
"""How many VMs run at the same time, and in which order workers are given the cases.

Which of pytest-xdist's schedulers hands them out was decided by a simulation of its own
classes with the times of real runs (44 s of cases for 'contract', 4 s for 'race'):

- Workers that keep their VMs: worksteal.  Each worker starts with a row of its own, so that
  one of them takes the small group whole, and steals only the tail of another's row.  With
  two workers that is 3 VM starts instead of the 4 that load with --maxschedchunk=1 needs, and
  40.6 s instead of 47.0 s where a start takes 13 s; where it takes 0.5 s, both take 22.0 s,
  and no worker is idle for more than 1 s at the end.
- A fresh VM for each case: load with --maxschedchunk=1.  Nothing is gained by staying with a
  group, and no worker is left with a row when others have none (two workers: 0.1 s idle
  against 0.9 s, eight: 1 s against 10 s).

Under both, what waits behind a VM that is slow to start is one case: the others go on.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.architectures import Profile

# What QEMU 7.2 needs beside the guest's memory, in MiB, under TCG with a worker's Python.
_QEMU_MIB = 256
# A worker (a Python that imports pytest) and its VM are ready after 1 s, and take a core from
# the others while they start: below this, one VM more does not end a run sooner.
_WORTH_SECONDS = 2.0
_FRESH_VM_SECONDS = 0.5
# A case nobody has timed yet; the mean is 0.4 s under TCG.
_UNKNOWN_SECONDS = 0.4
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = Path("/sys/fs/cgroup")
_MY_CGROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Host:
    """What the machine has for VMs now."""

    # Processors that this process may use.
    cores: int
    # Memory that is free or can be freed at once, in MiB; None when that is not known.
    memory_mib: int | None


@dataclass(frozen=True)
class Jobs:
    """How many VMs run at the same time, and what decided it."""

    count: int
    why: str

    def __str__(self) -> str:
        return f"{_number(self.count, 'VM')}: {self.why}"


def this_host() -> Host:
    """Ask the kernel what this machine, or the container we are in, has."""
    limits = [_limits(folder) for folder in _my_cgroups()]
    cores = [len(os.sched_getaffinity(0)), *(cpus for cpus, _ in limits if cpus is not None)]
    memory = [mib for _, mib in limits if mib is not None]
    if (available := _available_mib()) is not None:
        memory.append(available)
    return Host(min(cores), min(memory, default=None))


def _available_mib() -> int | None:
    """Return MemAvailable (proc_meminfo(5)) in MiB; None when it is not said."""
    try:
        words = [line.split() for line in _MEMINFO.read_text().splitlines()]
        return next(int(w[1]) >> 10 for w in words if w[0] == "MemAvailable:")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _my_cgroups() -> list[Path]:
    """Return the folders of our cgroup (version 2) and of those above it, as far as we see."""
    try:
        lines = _MY_CGROUP.read_text().splitlines()
        path = next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
    except (OSError, StopIteration):
        return []
    mine = _CGROUPS / path
    return [mine, *(above for above in mine.parents if _CGROUPS in (above, *above.parents))]


def _limits(cgroup: Path) -> tuple[int | None, int | None]:
    """Return how many processors (at least 1) and MiB the cgroup has left; None: no limit.

    Documentation/admin-guide/cgroup-v2.rst: cpu.max is "QUOTA PERIOD", memory.max bytes;
    both say "max" where there is none.
    """
    cpus = memory = None
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        cpus = None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        memory = None if limit == "max" else max(0, int(limit) - used) >> 20
    except (OSError, ValueError):
        pass
    return cpus, memory


def room(
    profiles: Sequence[str], shapes: Mapping[str, Profile], accelerator: str, host: Host
) -> Jobs:
    """Return how many VMs do ``host`` good; at least one.

    ``profiles`` has the machine profile of each case to be run: the one that most need decides
    how many processors a VM takes (one for each of its virtual CPUs under TCG, which keep them
    busy), and a worker may have a VM of each at the same time.
    """
    usual = Counter(profiles).most_common(1)[0][0]
    cpus = shapes[usual].cpus if accelerator == "tcg" else 1
    each = sum(shapes[profile].used_mib + _QEMU_MIB for profile in set(profiles))
    count = max(1, host.cores // cpus)
    if host.memory_mib is not None and host.memory_mib // each < count:
        fitting = max(1, host.memory_mib // each)
        return Jobs(fitting, f"{host.memory_mib} MiB of memory free, {each} MiB each")
    return Jobs(count, _number(host.cores, "core") + (f", {cpus} for each" if cpus > 1 else ""))


def limited(most: Jobs, cases: int) -> Jobs:
    """Return ``most``, or as many as there are cases to be run when these are fewer."""
    return most if 1 < cases >= most.count else Jobs(max(1, cases), _number(cases, "case"))


def worthwhile(most: Jobs, seconds: float) -> Jobs:
    """Return ``most``, or fewer when so short a time of cases is not worth their start."""
    count = max(1, int(seconds // _WORTH_SECONDS))
    return most if most.count <= count else Jobs(count, f"{seconds:.1f} s of cases")


def work(cases: Sequence[str], times: Mapping[str, float], isolation: str) -> float:
    """Return about how many seconds the cases (by id) take one after the other."""
    each = _FRESH_VM_SECONDS if isolation == "case" else 0.0
    return sum(times.get(case, _UNKNOWN_SECONDS) + each for case in cases)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def last_times(record: Path) -> dict[str, float]:
    """Return the seconds each case took, by its id, from the results.json of an earlier run.

    Empty when there is none: what a damaged or a strange one does not say is left out.
    """
    try:
        cases = json.loads(record.read_bytes())["cases"]
        pairs = [(case["id"], case["duration"]) for case in cases]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return {
        name: float(seconds)
        for name, seconds in pairs
        if isinstance(name, str) and isinstance(seconds, (int, float)) and seconds >= 0
    }


def order(cases: Sequence[tuple[str, str]], times: Mapping[str, float]) -> list[int]:
    """Return the indices of ``cases`` (id and machine profile) in the order they are given out.

    Those of one profile come together, the quickest group first (one worker takes it whole);
    in a group the longest case comes first, so that the last ones are short and workers end
    together.  Cases whose time is not known come before, in the order they have.
    """
    totals: dict[str, float] = {}
    for name, profile in cases:
        totals[profile] = totals.get(profile, 0.0) + times.get(name, _UNKNOWN_SECONDS)

    def key(index: int) -> tuple[float, str, float]:
        name, profile = cases[index]
        return totals[profile], profile, -times.get(name, float("inf"))

    return sorted(range(len(cases)), key=key)
