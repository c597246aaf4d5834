# SPDX-License-Identifier: GPL-2.0-only
"""The first lines of splats, as data: one row for each format the kernel prints.

The first row whose pattern matches decides, so what is special stands before what is general.
Patterns are matched right after printk's prefix: a command line or a message that quotes a splat
is none.  The comments name the kernel source that prints a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from harness.splats.kinds import Kind


class Where(Enum):
    """Where a splat says which function it is about."""

    TITLE = auto()  # "in f+0x1/0x2", "at f+0x1/0x2"
    PAIR = auto()  # "in f / g": the two sides of a race
    CYCLE = auto()  # the function that the trace has again and again, the outermost of them
    CALLER = auto()  # a line of its own, "caller is f+0x1/0x2"
    COUNTER = auto()  # the program counter, printed before the trace
    LOCK = auto()  # "at:" behind the lock that is asked for
    SAFE = auto()  # the first frame of where a lock became safe in interrupts, which it is not
    TRACE = auto()  # the trace's innermost frame that neither reports nor helps
    ENTRY = auto()  # the frame that the system call's dispatcher called: what loops is below it


TITLE, PAIR, CALLER, COUNTER = Where.TITLE, Where.PAIR, Where.CALLER, Where.COUNTER
LOCK, SAFE, TRACE, ENTRY = Where.LOCK, Where.SAFE, Where.TRACE, Where.ENTRY
CYCLE = Where.CYCLE


@dataclass(frozen=True)
class Format:
    """One format of a splat's first line."""

    # None for a stack dump that is no complaint (out of memory, sysrq).
    kind: Kind | None
    pattern: re.Pattern[str]
    # Where its function stands, in the order of trust.
    where: tuple[Where, ...]
    # Kinds of the splat that this line continues, while it is open in the same context and has no
    # trace yet; with ``late``, also when it has one.
    continues: frozenset[Kind] = frozenset()
    late: bool = False
    # A fault or BUG(): the line of die(), "[#1]", comes next; and whether this is that line.
    fault: bool = False
    die: bool = False
    # What it continues is of this row's kind from then on.
    refines: bool = False
    # It also belongs to another context's splat about time: a CPU prints its own backtrace.
    joins: bool = False
    # What a line of a row whose pattern begins with anything has in it; "" of the others.
    has: str = ""


def _row(kind: Kind | None, pattern: str, *where: Where, **more: Any) -> Format:  # noqa: ANN401
    more["continues"] = frozenset(more.get("continues", ()))
    return Format(kind, re.compile(pattern), where or (TRACE,), **more)


FORMATS: tuple[Format, ...] = (
    # kernel/panic.c; the double fault handlers of arch/x86
    _row(Kind.PANIC, r"Kernel panic - not syncing"),
    _row(Kind.PANIC, r"(?:traps: )?PANIC: double fault", COUNTER, TRACE, fault=True),
    # arch/x86/kernel/dumpstack.c, traps.c; arch/arm64/kernel/traps.c
    _row(Kind.STACK, r"BUG: (?:\w+ )?stack guard page was hit", CYCLE, TRACE, fault=True),
    _row(Kind.STACK, r"(?:Oops: )?(?:stack guard page|kernel stack overflow)\b.*\[#\d+\]",
         CYCLE, TRACE, die=True),
    _row(Kind.STACK, r"Insufficient stack space to handle exception", CYCLE, TRACE),
    # mm/kasan/report.c, kernel/kcsan/report.c, mm/kfence/report.c, mm/kmsan/report.c
    _row(Kind.KASAN, r"BUG: KASAN: ", TITLE, TRACE),
    _row(Kind.KCSAN, r"BUG: KCSAN: ", PAIR, TITLE, TRACE),
    _row(Kind.KFENCE, r"BUG: KFENCE: ", TITLE, TRACE),
    _row(Kind.KMSAN, r"BUG: KMSAN: ", TITLE, TRACE),
    # lib/ubsan.c: "UBSAN: Undefined behaviour in" before Linux 5.8
    _row(Kind.UBSAN, r"UBSAN: \S+ (?:behaviour )?in \S+"),
    # kernel/watchdog.c, kernel/watchdog_hld.c (older: "NMI watchdog: "); kernel/workqueue.c
    _row(Kind.SOFT_LOCKUP, r"(?:(?:NMI )?watchdog: )?BUG: soft lockup - CPU#", COUNTER, TRACE),
    _row(Kind.SOFT_LOCKUP, r"BUG: workqueue lockup - pool"),
    _row(Kind.HARD_LOCKUP, r"(?:NMI )?watchdog: (?:CPU\d+: |BUG: )*(?:Watchdog detected )?"
         r"hard LOCKUP on cpu", COUNTER, TRACE),
    # kernel/rcu/tree_stall.h, tree_exp.h, tasks.h
    _row(Kind.RCU_STALL, r"(?:rcu: )?INFO: rcu_\w+ (?:self-)?detected .*stall", ENTRY, TRACE,
         continues=(Kind.RCU_STALL,), late=True),
    _row(Kind.RCU_STALL, r"rcu: (?:\w+ kthread (?:starved|timer wakeup didn't happen) for )",
         ENTRY, TRACE, continues=(Kind.RCU_STALL,), late=True),
    # kernel/hung_task.c; "can't die" is of linux-next
    _row(Kind.HUNG_TASK, r"INFO: task .{1,100}? is blocked (?:in |on )",
         continues=(Kind.HUNG_TASK,), late=True),
    _row(Kind.HUNG_TASK, r"INFO: task .{1,100}? blocked (?:for more than|in |on )"),
    _row(Kind.HUNG_TASK, r"INFO: task .{1,100}? can't die (?:for|in) "),
    # mm/page_alloc.c, mm/memory.c, mm/swapfile.c, mm/page_poison.c, mm/pgtable-generic.c
    _row(Kind.BAD_PAGE, r"BUG: Bad page "),
    _row(Kind.BAD_PAGE, r"\w+: Bad swap (?:file|offset) entry ", continues=(Kind.BAD_PAGE,),
         has=": Bad swap "),
    _row(Kind.BAD_PAGE, r"\w+: Unused swap (?:file|offset) entry ", continues=(Kind.BAD_PAGE,),
         has=": Unused swap "),
    _row(Kind.BAD_PAGE, r"pagealloc: (?:memory corruption|single bit error)"),
    _row(Kind.BAD_PAGE, r"\S{1,80}:\d+: bad (?:pte|pmd|pud|p4d|pgd) ", has=": bad p"),
    # kernel/fork.c check_mm()
    _row(Kind.RSS_COUNTER, r"BUG: Bad rss-counter state"),
    _row(Kind.RSS_COUNTER, r"BUG: non-zero pgtables_bytes on freeing mm"),
    # kernel/sched/core.c
    _row(Kind.ATOMIC, r"BUG: scheduling while atomic"),
    _row(Kind.SLEEPING, r"BUG: sleeping function called from invalid context"),
    _row(Kind.SLEEPING, r"do not call blocking ops when !TASK_RUNNING",
         continues=(Kind.WARN,), refines=True),
    # lib/refcount.c, lib/list_debug.c, mm/kmemleak.c (the second one as syzkaller prints it)
    _row(Kind.REFCOUNT, r"refcount_t: ", COUNTER, TRACE, continues=(Kind.WARN, Kind.REFCOUNT),
         refines=True),
    _row(Kind.LIST, r"list_(?:add|del)(?:_valid)? corruption", COUNTER, TRACE,
         continues=(Kind.WARN, Kind.LIST), refines=True),
    _row(Kind.KMEMLEAK, r"kmemleak: \d+ new suspected memory leaks"),
    _row(Kind.KMEMLEAK, r"BUG: memory leak"),
    # net/core/dev.c netdev_wait_allrefs_any(), lib/ref_tracker.c; fs/super.c, fs/open.c
    _row(Kind.REFERENCE, r"unregister_netdevice: waiting for .{1,60} to become free",
         continues=(Kind.REFERENCE,), late=True),
    _row(Kind.REFERENCE, r"ref_tracker: ", continues=(Kind.REFERENCE,), late=True),
    _row(Kind.VFS, r"VFS: (?:Busy inodes after unmount of |Close: file count is (?:0|zero))"),
    # kernel/locking/lockdep.c: "WARNING: " since Linux 4.12, "[ INFO: ... ]" before
    _row(Kind.LOCKDEP, r"WARNING: possible (?:circular|recursive|irq lock|deadlock)", LOCK, TRACE),
    _row(Kind.LOCKDEP, r"WARNING: (?:inconsistent lock state|bad (?:unlock balance|contention) )",
         LOCK, TRACE),
    _row(Kind.LOCKDEP, r"WARNING: suspicious RCU usage", TRACE),
    _row(Kind.LOCKDEP, r"WARNING: (?:held lock freed|lock held when returning)", LOCK, TRACE),
    _row(Kind.LOCKDEP, r"WARNING: (?:[Nn]ested lock was not taken|.{1,80} still has locks held)",
         LOCK, TRACE),
    _row(Kind.LOCKDEP, r"WARNING: .{1,80}-safe -> .{1,80}-unsafe lock order",
         SAFE, LOCK, TRACE),
    _row(Kind.LOCKDEP, r"=*\[ (?:BUG|INFO|WARNING): .{1,200} \]", LOCK, TRACE),
    _row(Kind.LOCKDEP, r"INFO: (?:trying to register non-static key|possible |inconsistent lock|"
         r"suspicious RCU)", LOCK, TRACE),
    _row(Kind.LOCKDEP, r"BUG: (?:MAX_\w+ too low|MAX_STACK_TRACE_ENTRIES)"),
    _row(Kind.LOCKDEP, r"BUG: (?:held lock freed|bad unlock balance detected)", LOCK, TRACE),
    # arch/x86/kernel/traps.c ("Oops: " before it since Linux 6.10)
    _row(Kind.GPF, r"(?:Oops: )?general protection fault(?:[:,]| in )", COUNTER, TRACE),
    # arch/x86/mm/fault.c; arch/arm64/mm/fault.c, arch/arm/mm/fault.c ("[fe8] *pgd=" follows)
    _row(Kind.OOPS, r"BUG: (?:kernel NULL pointer dereference|unable to handle )",
         COUNTER, TRACE, fault=True),
    _row(Kind.OOPS, r"Unable to handle kernel ", COUNTER, TRACE, fault=True),
    _row(Kind.OOPS, r"(?:Internal error|Oops)(?: - [\w ]+)?: ", COUNTER, TRACE,
         die=True),
    # arch/arm64/kernel/traps.c, arch/arm/mm/fault.c
    _row(Kind.OOPS, r"Unhandled (?:fault|prefetch abort|.{1,40} exception on CPU)",
         COUNTER, TRACE, fault=True),
    _row(Kind.OOPS, r"Bad mode in .{1,60} handler detected", COUNTER, TRACE, fault=True),
    # die() of every trap: "invalid opcode: 0000 [#1] SMP"
    _row(Kind.OOPS, r"[A-Za-z][\w ,/-]{2,60}: [0-9a-f]{1,16} \[#\d+\]", COUNTER, TRACE,
         die=True, has=" [#"),
    _row(Kind.LIST, r"kernel BUG at lib/list_debug\.c:\d+",
         COUNTER, TRACE, continues=(Kind.LIST,), fault=True),
    _row(Kind.BUG, r"kernel BUG at mm/usercopy\.c:\d+",
         COUNTER, TRACE, continues=(Kind.BUG,), fault=True),
    # lib/bug.c, with CONFIG_DEBUG_BUGVERBOSE and without
    _row(Kind.BUG, r"kernel BUG at \S+:\d+", COUNTER, TRACE, continues=(Kind.LIST,), fault=True),
    _row(Kind.BUG, r"[Kk]ernel BUG (?:at .{1,200} )?\[verbose debug info unavailable\]",
         COUNTER, TRACE, continues=(Kind.LIST,), fault=True),
    # kernel/panic.c __warn(), before Linux 6.19: "CPU: 0 PID: 1 at mm/x.c:1 f+0x0/0x0"; then
    # "mm/x.c:1 at f+0x0/0x0, CPU#0: comm/1", "at f+0x0/0x0, CPU#0: comm/1", and the condition in
    # brackets before it; 3.x: "at mm/x.c:1 f+0x0/0x0()"
    _row(Kind.REFCOUNT, r"WARNING: (?:CPU: \d+ PID: \d+ at )?lib/refcount\.c:",
         TITLE, COUNTER, TRACE, continues=(Kind.REFCOUNT,)),
    _row(Kind.WARN, r"WARNING: CPU: \d+ PID: \d+ at ", TITLE, COUNTER, TRACE,
         continues=(Kind.REFCOUNT, Kind.LIST, Kind.SLEEPING)),
    _row(Kind.WARN, r"WARNING: (?:\[.{1,300}\] )?(?:\S+:\d+ )?at .{1,200}, CPU#\d+",
         TITLE, COUNTER, TRACE, continues=(Kind.REFCOUNT, Kind.LIST, Kind.SLEEPING)),
    _row(Kind.WARN, r"WARNING: at \S+:\d+ ", TITLE, COUNTER, TRACE,
         continues=(Kind.REFCOUNT, Kind.LIST, Kind.SLEEPING)),
    # arch/x86/kernel/unwind_orc.c, unwind_frame.c, dumpstack.c
    _row(Kind.WARN, r"WARNING: (?:kernel stack|can't access registers|stack going)"),
    # mm/slub.c, mm/usercopy.c and whatever else the kernel calls a bug of its own
    _row(Kind.BUG, r"usercopy: [Kk]ernel memory (?:exposure|overwrite) attempt", COUNTER, TRACE),
    _row(Kind.BUG, r"BUG \S.{0,80} \(.{1,80}\): (?!kasan: )"),
    _row(Kind.BUG, r"BUG: using \S+ in preemptible ", CALLER, TRACE),
    _row(Kind.BUG, r"(?:watchdog: )?BUG: \S"),
    # lib/nmi_backtrace.c: of whoever asked, mostly of a splat about time in another context
    _row(None, r"NMI backtrace for cpu |Sending NMI from CPU", joins=True),
    # kernel/sched/core.c sched_show_task(), drivers/tty/sysrq.c
    _row(None, r"task:\S.{0,40} state:|sysrq: "),
    # mm/page_alloc.c, mm/oom_kill.c, lib/fault-inject.c: the system is short of memory, or is
    # told to be
    _row(None, r".{1,40}: page allocation failure", has=": page allocation failure"),
    _row(None, r".{1,40}: vmalloc:? (?:allocation failure|error)", has=": vmalloc"),
    _row(None, r".{1,40} invoked oom-killer: ", has=" invoked oom-killer: "),
    _row(None, r"FAULT_INJECTION: "),
)  # fmt: skip

# Opens a stack dump, whatever stands before it.
TRACE_HEADER = re.compile(r"(?:Call [Tt]race|Backtrace):")
# Ends a splat: the rule of "=" above a report's title closes lockdep's as well as opening it.
END = re.compile(r"---\[ end |={60,}$")
# The start of a line that a newline in a task's name (prctl PR_SET_NAME) cuts in two.
HALF = re.compile(r"INFO: task (?!.* (?:blocked|can't die) )|WARNING: [^:\n]{0,20}$", re.MULTILINE)
# A line of a console that starts over with a message (nbcon, Linux 6.12): the next one is it.
REPLAY = "** replaying previous printk message **"


def match(text: str) -> Format | None:
    """Return the row that ``text``, a message without its prefix, begins."""
    return next((row for row in FORMATS if row.pattern.match(text)), None)


_BEGINS = [row.pattern.pattern for row in FORMATS if not row.has]
_BEGINS += [TRACE_HEADER.pattern, HALF.pattern]
# "]" of printk's prefix first, a literal, which re looks for fastest; then any first letter.
_MAY_OPEN = re.compile(
    r"\] (?=[BCFIKNUVWPOGSbdghklprstuw=\[(])(?:" + "|".join(_BEGINS) + ")", re.MULTILINE
)
_HAS = tuple(dict.fromkeys(row.has for row in FORMATS if row.has))


def openings(text: str) -> list[int]:
    """Return which lines of ``text``, with their prefixes, may open a splat or stack dump.

    This is all that is done of most of a console's lines, and it must be fast.
    """
    found = [place.start() for place in _MAY_OPEN.finditer(text)]
    for has in _HAS:
        if has in text:
            found += [place.start() for place in re.finditer(re.escape(has), text)]
    if not found:
        return []
    numbers, number, counted = [], 0, 0
    for place in sorted(found):
        number += text.count("\n", counted, place)
        counted = place
        numbers.append(number)
    return list(dict.fromkeys(numbers))
