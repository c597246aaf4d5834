# SPDX-License-Identifier: GPL-2.0-only
"""What a splat is, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_LINES = 400  # lines kept of one splat
MAX_SPLATS = 100  # splats kept of one case; more are counted
MAX_TITLE = 300  # characters
MAX_LINE = 2000  # characters kept of a line


class Kind(StrEnum):
    """What a splat is about."""

    OOPS = "oops"
    STACK = "stack overflow (oops)"
    GPF = "general protection fault"
    BUG = "BUG"
    WARN = "WARN"
    PANIC = "panic"
    KASAN = "KASAN"
    KCSAN = "KCSAN"
    KFENCE = "KFENCE"
    KMSAN = "KMSAN"
    UBSAN = "UBSAN"
    LOCKDEP = "lockdep"
    RCU_STALL = "RCU stall"
    SOFT_LOCKUP = "soft lockup"
    HARD_LOCKUP = "hard lockup"
    HUNG_TASK = "hung task"
    BAD_PAGE = "bad page"
    RSS_COUNTER = "bad rss-counter"
    REFCOUNT = "refcount"
    LIST = "list corruption"
    KMEMLEAK = "kmemleak"
    ATOMIC = "scheduling while atomic"
    SLEEPING = "sleeping in invalid context"
    REFERENCE = "reference leak"
    VFS = "use after free in VFS"
    # A stack dump that no known title opens.
    UNCLASSIFIED = "unclassified"


# A host that is too slow can cause these; the others are the kernel's own doing.
TIMING = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK})


@dataclass(frozen=True)
class Splat:
    """One complaint of the kernel about itself."""

    kind: Kind
    # The line that gave it away, without its stamp, at most MAX_TITLE characters.
    title: str
    # It and what the same context printed after it, with stamps, at most MAX_LINES.
    lines: tuple[str, ...]
    # Number of ``lines[0]`` among the lines that were read, from 0.
    first_line_index: int
