# SPDX-License-Identifier: GPL-2.0-only
"""How a kernel is after a case, compared with before: its taint, its huge pages, its memory.

The guest's agent counts (images/init/health.c), in the same round trip as the case itself.
"""

from __future__ import annotations

import re

# Documentation/admin-guide/tainted-kernels.rst: the letter of each bit, from bit 0 on.
_TAINTS = "PFSRMBUDAWCIOELKXTN"
_LINE = re.compile(r"([\w.-]{1,48}) (\d{1,20}) (\d{1,20})")
_MOST_LINES = 64
TAINT = "tainted"
# KiB that a counter of memory may grow by: those of a CPU reach the sum late (125 pages each,
# mm/vmstat.c), and a case's process is not the only one.
_SLACK_KIB = {"AnonPages": 4096, "Shmem": 1024}


def complaints(text: str, *, own_pool: bool) -> tuple[str, ...]:
    """Return what is wrong after a case, a line each; ``text`` has "NAME BEFORE AFTER" lines.

    ``own_pool`` says that the case may change the pool of huge pages: its guest ends with it.
    """
    found = []
    counted = False
    for line in text.splitlines()[:_MOST_LINES]:
        if (match := _LINE.fullmatch(line)) is None:
            continue
        name, before, after = match[1], int(match[2]), int(match[3])
        counted = counted or name == TAINT
        if name == TAINT:
            found += _taint(before, after)
        elif name in _SLACK_KIB:
            if after - before > _SLACK_KIB[name]:
                found.append(f"{name} grew by {after - before} KiB: {before} before, {after} after")
        elif before != after and not own_pool:
            found.append(f"{name} is {after}, and was {before} before")
    if not counted:
        found.append("the guest does not say how its kernel is")
    return tuple(found)


def _taint(before: int, after: int) -> list[str]:
    fresh = after & ~before
    letters = "".join(
        _TAINTS[bit] if bit < len(_TAINTS) else "?" for bit in range(64) if fresh >> bit & 1
    )
    return [f"the kernel is tainted anew: {letters} ({before} before, {after} after)"] * bool(fresh)
