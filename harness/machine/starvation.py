# SPDX-License-Identifier: GPL-2.0-only
"""QEMU as its host sees it: proc(5)."""

from __future__ import annotations

import time
from pathlib import Path

# Part of the time that QEMU may wait for a CPU, and what is slow be the kernel's fault.
STARVED = 0.9
_KEPT = ("State", "VmRSS", "Threads", "SigPnd", "SigBlk")


class Waiting:
    """How long the threads of a process wait for a CPU, from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = time.monotonic()
        self._before = self._delays()

    def share(self) -> float:
        """Return the part of the time that the thread which waits most had to wait, 0 to 1."""
        elapsed = time.monotonic() - self._began
        waited = max(
            (delay - self._before.get(task, 0) for task, delay in self._delays().items()), default=0
        )
        return min(1.0, waited / 1e9 / elapsed) if elapsed > 0 else 0.0

    def _delays(self) -> dict[str, int]:
        """Return the nanoseconds that each thread was ready to run and did not.

        The second field of schedstat (Documentation/scheduler/sched-stats.rst); a kernel that
        does not count (CONFIG_SCHED_INFO=n) has none.
        """
        delays = {}
        for task in Path(f"/proc/{self._pid}/task").glob("*"):
            words = _read(task / "schedstat").split()
            if len(words) == 3:
                delays[task.name] = int(words[1])
        return delays


def describe(pid: int) -> list[str]:
    """Return lines about the process ``pid`` and what its threads do; empty when it is gone."""
    folder = Path(f"/proc/{pid}")
    status = _read(folder / "status").splitlines()
    lines = [line for line in status if line.partition(":")[0] in _KEPT]
    for task in sorted((folder / "task").glob("*"), key=lambda path: int(path.name)):
        words = _read(task / "stat").rpartition(")")[2].split()
        name, wchan = _read(task / "comm").strip(), _read(task / "wchan")
        if words:
            lines.append(f"thread {task.name} {name}: state {words[0]}, in {wchan or '?'}")
    return lines


def state(pid: int) -> str:
    """Return the state of the process: ``T (stopped)``, ``R (running)``; "gone" without one."""
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("State:"):
            return line.removeprefix("State:").strip()
    return "gone"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
