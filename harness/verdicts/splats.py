# SPDX-License-Identifier: GPL-2.0-only
"""Find kernel splats (oopses, warnings, stalls, panics) in console text.

Only text that printk wrote counts: it carries a time stamp, and a program's output on the
same console does not.  Patterns are anchored right after the stamp, so that a command line
or a message that quotes a splat is none.  Boot with ``printk.time=1``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LINES = 100  # lines kept of one splat
MAX_SPLATS = 100  # splats kept of one console
MAX_TITLE = 300  # characters
MAX_LINE = 2000  # characters read of a line

# "[   12.345678] ", with CONFIG_PRINTK_CALLER "[   12.345678][  T123] " ([C0] in interrupts),
# anywhere in the line: a program's half line, or a boot loader's, may stand before it.
_STAMP = re.compile(r"\[ {0,7}[0-9]{1,10}\.[0-9]{6}\](?:\[ *[TC][0-9]+\])? ")


class Kind(StrEnum):
    """What a splat is about."""

    OOPS = "oops"
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


# A host that is too slow can cause these; the others are the kernel's own doing.
TIMING = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK})

# The first pattern that matches decides, so what is special stands before what is general.
# Each comment names the kernel source that prints it.
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    # kernel/panic.c; the double fault handlers of arch/x86
    (Kind.PANIC, r"Kernel panic - not syncing"),
    (Kind.PANIC, r"(?:traps: )?PANIC: double fault"),
    # mm/kasan/report.c, kernel/kcsan/report.c, mm/kfence/report.c, mm/kmsan/report.c
    (Kind.KASAN, r"BUG: KASAN: "),
    (Kind.KCSAN, r"BUG: KCSAN: "),
    (Kind.KFENCE, r"BUG: KFENCE: "),
    (Kind.KMSAN, r"BUG: KMSAN: "),
    # lib/ubsan.c
    (Kind.UBSAN, r"UBSAN: \S+ in \S+"),
    # kernel/watchdog.c, kernel/watchdog_hld.c (older: "NMI watchdog: ")
    (Kind.SOFT_LOCKUP, r"(?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#"),
    (Kind.SOFT_LOCKUP, r"BUG: workqueue lockup - pool"),
    (Kind.HARD_LOCKUP, r"(?:NMI )?watchdog: (?:CPU\d+: )?Watchdog detected hard LOCKUP on cpu"),
    # kernel/rcu/tree_stall.h, kernel/rcu/tasks.h
    (Kind.RCU_STALL, r"(?:rcu: )?INFO: rcu_\w+ (?:self-)?detected .*stall"),
    (Kind.RCU_STALL, r"rcu: (?:\w+ kthread (?:starved|timer wakeup didn't happen) for )"),
    (Kind.RCU_STALL, r"INFO: rcu_tasks\w* detected stalls"),
    # kernel/hung_task.c
    (Kind.HUNG_TASK, r"INFO: task .{1,100} (?:is )?blocked (?:for more than|in |on )"),
    # mm/page_alloc.c, mm/memory.c, mm/filemap.c; kernel/fork.c check_mm()
    (Kind.BAD_PAGE, r"BUG: Bad page "),
    (Kind.RSS_COUNTER, r"BUG: Bad rss-counter state"),
    (Kind.RSS_COUNTER, r"BUG: non-zero pgtables_bytes on freeing mm"),
    # kernel/sched/core.c
    (Kind.ATOMIC, r"BUG: scheduling while atomic"),
    (Kind.SLEEPING, r"BUG: sleeping function called from invalid context"),
    (Kind.SLEEPING, r"do not call blocking ops when !TASK_RUNNING"),
    # lib/refcount.c, lib/list_debug.c, mm/kmemleak.c
    (Kind.REFCOUNT, r"refcount_t: "),
    (Kind.LIST, r"list_(?:add|del)(?:_valid)? corruption"),
    (Kind.KMEMLEAK, r"kmemleak: \d+ new suspected memory leaks"),
    # kernel/locking/lockdep.c: "WARNING: " since Linux 4.12, "[ INFO: ... ]" before
    (Kind.LOCKDEP, r"WARNING: possible (?:circular|recursive|irq lock|deadlock)"),
    (Kind.LOCKDEP, r"WARNING: (?:inconsistent lock state|bad (?:unlock balance|contention) )"),
    (Kind.LOCKDEP, r"WARNING: (?:held lock freed|suspicious RCU usage|lock held when returning)"),
    (Kind.LOCKDEP, r"WARNING: (?:Nested lock was not taken|.{1,80} still has locks held)"),
    (Kind.LOCKDEP, r"WARNING: .{1,80}-safe -> .{1,80}-unsafe lock order"),
    (Kind.LOCKDEP, r"=*\[ (?:BUG|INFO|WARNING): .{1,200} \]"),
    (Kind.LOCKDEP, r"INFO: trying to register non-static key"),
    (Kind.LOCKDEP, r"BUG: (?:MAX_\w+ too low|MAX_STACK_TRACE_ENTRIES)"),
    # arch/x86/kernel/traps.c ("Oops: " before it since Linux 6.10)
    (Kind.GPF, r"(?:Oops: )?general protection fault[:, ]"),
    # arch/x86/mm/fault.c; arch/arm64/mm/fault.c, arch/arm/mm/fault.c ("[fe8] *pgd=" follows)
    (Kind.OOPS, r"BUG: (?:kernel NULL pointer dereference|unable to handle )"),
    (Kind.OOPS, r"Unable to handle kernel "),
    (Kind.OOPS, r"(?:Internal error|Oops)(?: - [\w ]+)?: "),
    # arch/arm64/kernel/traps.c, arch/arm/mm/fault.c
    (Kind.OOPS, r"Unhandled (?:fault|prefetch abort|.{1,40} exception on CPU)"),
    (Kind.OOPS, r"Bad mode in .{1,60} handler detected on CPU"),
    (Kind.OOPS, r"Insufficient stack space to handle exception"),
    # die() of every trap: "invalid opcode: 0000 [#1] SMP"
    (Kind.OOPS, r"[A-Za-z][\w ,/-]{2,60}: [0-9a-f]{1,16} \[#\d+\]"),
    (Kind.BUG, r"kernel BUG at \S+:\d+"),
    # kernel/panic.c __warn(), before Linux 6.19: "CPU: 0 PID: 1 at mm/x.c:1 f+0x0/0x0"
    (Kind.WARN, r"WARNING: CPU: \d+ PID: \d+ at "),
    # and since: "mm/x.c:1 at f+0x0/0x0, CPU#0: comm/1", "at f+0x0/0x0, CPU#0: comm/1"
    (Kind.WARN, r"WARNING: (?:\S+:\d+ )?at .{1,200}, CPU#\d+: "),
    # arch/x86/kernel/unwind_orc.c, dumpstack.c
    (Kind.WARN, r"WARNING: (?:kernel stack|can't access registers|stack going)"),
    # mm/slub.c, mm/usercopy.c and whatever else the kernel calls a bug of its own
    (Kind.BUG, r"usercopy: Kernel memory (?:exposure|overwrite) attempt"),
    (Kind.BUG, r"BUG \S+ \(.{1,80}\): "),
    (Kind.BUG, r"(?:watchdog: )?BUG: \S"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)

# One event prints several of them: the later one belongs to the splat that is still open.
_CONTINUES: dict[Kind, frozenset[Kind]] = {
    Kind.OOPS: frozenset({Kind.OOPS, Kind.GPF, Kind.BUG, Kind.LIST}),
    Kind.BUG: frozenset({Kind.LIST}),
    Kind.WARN: frozenset({Kind.REFCOUNT, Kind.LIST}),
    Kind.SLEEPING: frozenset({Kind.WARN}),
    Kind.RCU_STALL: frozenset({Kind.RCU_STALL}),
}
_END = re.compile(r"---\[ end |={60,}$")


@dataclass(frozen=True)
class Splat:
    """One complaint of the kernel about itself."""

    kind: Kind
    # The line that gave it away, without its stamp, at most MAX_TITLE characters.
    title: str
    # It and what printk wrote after it, with stamps, at most MAX_LINES.
    lines: tuple[str, ...]
    # Where ``lines[0]`` is among the lines given to ``find``, from 0.
    first_line_index: int


# A line of each kind as some kernel printed it, for self_check().
_SAMPLES: dict[Kind, str] = {
    Kind.OOPS: "Unable to handle kernel paging request at virtual address ffff80000a1b2c3d",
    Kind.GPF: "general protection fault, probably for non-canonical address 0xdead000000000100: "
    "0000 [#1] PREEMPT SMP NOPTI",
    Kind.BUG: "kernel BUG at mm/hugetlb.c:5678!",
    Kind.WARN: "WARNING: CPU: 1 PID: 812 at mm/userfaultfd.c:103 mfill_atomic+0x5a1/0x6f0",
    Kind.PANIC: "Kernel panic - not syncing: Fatal exception",
    Kind.KASAN: "BUG: KASAN: slab-use-after-free in userfaultfd_release+0x1d2/0x3a0",
    Kind.KCSAN: "BUG: KCSAN: data-race in handle_userfault / userfaultfd_ctx_put",
    Kind.KFENCE: "BUG: KFENCE: out-of-bounds read in test_out_of_bounds_read+0xa6/0x234",
    Kind.KMSAN: "BUG: KMSAN: uninit-value in mfill_atomic_pte+0x1f/0x90",
    Kind.UBSAN: "UBSAN: array-index-out-of-bounds in mm/shmem.c:2401:12",
    Kind.LOCKDEP: "WARNING: possible circular locking dependency detected",
    Kind.RCU_STALL: "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    Kind.SOFT_LOCKUP: "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [uffd:812]",
    Kind.HARD_LOCKUP: "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
    Kind.HUNG_TASK: "INFO: task uffd:812 blocked for more than 120 seconds.",
    Kind.BAD_PAGE: "BUG: Bad page state in process uffd  pfn:1a2b3",
    Kind.RSS_COUNTER: "BUG: Bad rss-counter state mm:00000000a1b2c3d4 type:MM_SHMEMPAGES val:1",
    Kind.REFCOUNT: "refcount_t: underflow; use-after-free.",
    Kind.LIST: "list_del corruption, ffff888004a1b2c8->next is LIST_POISON1 (dead000000000100)",
    Kind.KMEMLEAK: "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    Kind.ATOMIC: "BUG: scheduling while atomic: uffd/812/0x00000002",
    Kind.SLEEPING: "BUG: sleeping function called from invalid context at mm/shmem.c:1893",
}


def find(lines: Iterable[str]) -> list[Splat]:
    """Return the splats in console ``lines``, in order, at most MAX_SPLATS.

    Lines without a printk stamp are a program's, and are passed over; when no line has one
    (a kernel with printk.time=0) every line counts as the kernel's.
    """
    texts = [clean(line[:MAX_LINE]) for line in lines]
    kernel = list(_kernel_text(texts))
    splats: list[_Open] = []
    current: _Open | None = None
    for index, text in kernel:
        kind = _kind(text)
        if current is not None and (kind is None or current.takes(kind)):
            if current.add(text, texts[index]):
                current = None
        elif kind is not None and len(splats) < MAX_SPLATS:
            current = _Open(kind, text[:MAX_TITLE].strip(), index, [texts[index]])
            splats.append(current)
    return [Splat(s.kind, s.title, tuple(s.lines), s.index) for s in splats]


def self_check() -> None:
    """Raise HostError unless a sample of every kind is found, and a plain line is not.

    A detector that does not work must not look like a clean log; call it once per run.
    """
    for kind in Kind:
        sample = _SAMPLES.get(kind)
        found = find([f"[   12.345678][  T812] {sample}"]) if sample else []
        if [splat.kind for splat in found] != [kind]:
            raise HostError(f"the splat detector does not see its own sample of '{kind}': {sample}")
    plain = "[    0.000000] Command line: console=ttyS0 panic=-1 x=BUG: Oops: WARNING: CPU: 0"
    if find([plain, "BUG: a program's own words"]):
        raise HostError(f"the splat detector sees a splat in a plain line: {plain}")


@dataclass
class _Open:
    """A splat that is being read."""

    kind: Kind
    title: str
    index: int
    lines: list[str]

    def takes(self, kind: Kind) -> bool:
        return self.kind in _CONTINUES.get(kind, frozenset())

    def add(self, text: str, line: str) -> bool:
        """Add a line; return whether it is the splat's last."""
        self.lines.append(line)
        # The rule of "=" above a report's title closes lockdep's as well as opening it.
        return len(self.lines) >= MAX_LINES or _END.match(text) is not None


def _kernel_text(texts: list[str]) -> Iterator[tuple[int, str]]:
    """Yield index and text after the stamp, of the lines that printk wrote."""
    stamps = [_STAMP.search(text) for text in texts]
    any_stamp = any(stamps)
    for index, (text, stamp) in enumerate(zip(texts, stamps, strict=True)):
        if stamp:
            yield index, text[stamp.end() :]
        elif not any_stamp:
            yield index, text


def _kind(text: str) -> Kind | None:
    return next((kind for kind, pattern in _COMPILED if pattern.match(text)), None)
