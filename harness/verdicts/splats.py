# SPDX-License-Identifier: GPL-2.0-only
"""Splats of a whole console, and the proof that they are found.

The console finds them while it reads (harness.splats.reader); this is for text that is at hand.
"""

from __future__ import annotations

from harness.errors import HostError
from harness.splats.kinds import (
    MAX_LINE,
    MAX_LINES,
    MAX_SPLATS,
    MAX_TITLE,
    TIMING,
    Kind,
    Splat,
)
from harness.splats.reader import Reader, find

__all__ = [
    "MAX_LINE",
    "MAX_LINES",
    "MAX_SPLATS",
    "MAX_TITLE",
    "TIMING",
    "Kind",
    "Splat",
    "find",
    "self_check",
]

# A line of each kind as some kernel printed it, for self_check().
SAMPLES: dict[Kind, str] = {
    Kind.OOPS: "Unable to handle kernel paging request at virtual address ffff80000a1b2c3d",
    Kind.STACK: "BUG: TASK stack guard page was hit at 00000000a1b2c3d4 (stack is 0..1)",
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
    Kind.REFERENCE: "unregister_netdevice: waiting for lo to become free. Usage count = 2",
    Kind.VFS: "VFS: Busy inodes after unmount of vda (ext4)",
    Kind.UNCLASSIFIED: "Call Trace:",
}
_PLAIN = "[    0.000000] Command line: console=ttyS0 panic=-1 x=BUG: Oops: WARNING: CPU: 0"


def self_check() -> None:
    """Raise HostError unless a sample of every kind is found, and a plain line is not.

    A detector that does not work must not look like a clean log; call it once per run.  Lines are
    read as a console's are, in blocks that mostly have nothing in them.
    """
    if _kinds_of([_PLAIN, "BUG: a program's own words"], [_PLAIN]):
        raise HostError(f"the splat detector sees a splat in a plain line: {_PLAIN}")
    for kind in Kind:
        sample = SAMPLES.get(kind, "")
        found = _kinds_of([_PLAIN], [_PLAIN, f"[   12.345678][  T812] {sample}", _PLAIN])
        if found != [kind]:
            raise HostError(f"the splat detector does not see its own sample of '{kind}': {sample}")


def _kinds_of(*blocks: list[str]) -> list[Kind]:
    reader = Reader()
    for block in blocks:
        reader.read(block)
    return [splat.kind for splat in reader.splats()[0]]
