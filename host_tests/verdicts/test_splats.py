# SPDX-License-Identifier: GPL-2.0-only
"""Splats in golden logs: data/splats has them, data/clean must have none.

Files named real-* and those of data/clean were recorded from Debian's 6.1.0-50 kernels in
QEMU 7.2; the others were written after the kernel's printk formats.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HostError
from harness.splats import reader
from harness.splats.formats import FORMATS
from harness.verdicts import splats
from harness.verdicts.splats import Kind, find, self_check

DATA = Path(__file__).parent / "data"

# log -> its splats: kind, and how the title begins
GOLDEN = {
    "real-x86_64-6.1-panic-no-root": [(Kind.PANIC, "Kernel panic - not syncing: VFS: Unable to")],
    "real-arm64-6.1-panic-no-root": [(Kind.PANIC, "Kernel panic - not syncing: VFS: Unable to")],
    "real-x86_64-6.1-panic-sysrq": [(Kind.PANIC, "Kernel panic - not syncing: sysrq triggered")],
    "real-arm64-6.1-panic-sysrq": [(Kind.PANIC, "Kernel panic - not syncing: sysrq triggered")],
    "x86_64-oops-null-pointer-then-panic": [
        (Kind.OOPS, "BUG: kernel NULL pointer dereference, address: 0000000000000028"),
        (Kind.PANIC, "Kernel panic - not syncing: Fatal exception"),
    ],
    "x86_64-oops-page-fault-caller-id": [(Kind.OOPS, "BUG: unable to handle page fault for")],
    "x86_64-gpf": [(Kind.GPF, "general protection fault, probably for non-canonical")],
    "x86_64-6.12-gpf-with-kasan": [(Kind.GPF, "Oops: general protection fault, probably")],
    "x86_64-kernel-bug-at": [(Kind.BUG, "kernel BUG at mm/hugetlb.c:5790!")],
    "x86_64-warn-twice": [
        (Kind.WARN, "WARNING: CPU: 0 PID: 240 at mm/userfaultfd.c:103"),
        (Kind.WARN, "WARNING: CPU: 0 PID: 240 at fs/userfaultfd.c:412"),
    ],
    "x86_64-6.19-warn-new-format": [(Kind.WARN, "WARNING: mm/userfaultfd.c:103 at mfill")],
    "x86_64-refcount": [(Kind.REFCOUNT, "refcount_t: underflow; use-after-free.")],
    "x86_64-list-del-corruption": [(Kind.LIST, "list_del corruption. prev->next should be")],
    "x86_64-kasan-use-after-free": [(Kind.KASAN, "BUG: KASAN: slab-use-after-free in")],
    "x86_64-kcsan-data-race": [(Kind.KCSAN, "BUG: KCSAN: data-race in handle_userfault")],
    "x86_64-ubsan": [(Kind.UBSAN, "UBSAN: shift-out-of-bounds in mm/hugetlb.c:4321:14")],
    "x86_64-lockdep-circular": [(Kind.LOCKDEP, "WARNING: possible circular locking")],
    "x86_64-lockdep-invalid-wait-context": [(Kind.LOCKDEP, "[ BUG: Invalid wait context ]")],
    "x86_64-rcu-stall": [(Kind.RCU_STALL, "rcu: INFO: rcu_preempt self-detected stall on CPU")],
    "x86_64-soft-lockup": [(Kind.SOFT_LOCKUP, "watchdog: BUG: soft lockup - CPU#0 stuck for")],
    "x86_64-hard-lockup": [(Kind.HARD_LOCKUP, "NMI watchdog: Watchdog detected hard LOCKUP")],
    "x86_64-6.12-hard-lockup": [(Kind.HARD_LOCKUP, "watchdog: CPU1: Watchdog detected hard")],
    "x86_64-hung-task": [(Kind.HUNG_TASK, "INFO: task continue:240 blocked for more than 120")],
    "x86_64-bad-page-state": [(Kind.BAD_PAGE, "BUG: Bad page state in process continue")],
    "x86_64-bad-rss-counter": [(Kind.RSS_COUNTER, "BUG: Bad rss-counter state mm:")],
    "x86_64-kmemleak": [(Kind.KMEMLEAK, "kmemleak: 3 new suspected memory leaks")],
    "x86_64-scheduling-while-atomic": [(Kind.ATOMIC, "BUG: scheduling while atomic: continue")],
    "x86_64-sleeping-in-invalid-context": [(Kind.SLEEPING, "BUG: sleeping function called from")],
    "x86_64-slub-poison": [(Kind.BUG, "BUG userfaultfd_ctx_cache (Not tainted): Poison")],
    "arm64-oops-null-pointer": [
        (Kind.OOPS, "Unable to handle kernel NULL pointer dereference at virtual address"),
        (Kind.PANIC, "Kernel panic - not syncing: Oops: Fatal exception"),
    ],
    "arm64-kernel-bug-at": [(Kind.BUG, "kernel BUG at mm/hugetlb.c:5790!")],
    "arm64-bad-mode": [(Kind.OOPS, "Bad mode in Error handler detected on CPU0")],
    "arm-oops-null-pointer": [(Kind.OOPS, "Unable to handle kernel NULL pointer dereference")],
    "i386-oops-null-pointer": [(Kind.OOPS, "BUG: kernel NULL pointer dereference, address: 0")],
    "no-printk-time-oops": [(Kind.OOPS, "BUG: kernel NULL pointer dereference")],
    "half-a-userland-line-before-the-stamp": [(Kind.WARN, "WARNING: CPU: 0 PID: 240 at mm")],
}


def read(path):
    return path.read_text("utf-8", "replace").splitlines()


@pytest.mark.parametrize("log", sorted((DATA / "splats").glob("*.log")), ids=lambda p: p.stem)
def test_golden_logs(log):
    lines = read(log)
    found = find(lines)
    assert [splat.kind for splat in found] == [kind for kind, _ in GOLDEN[log.stem]]
    for splat, (_, title) in zip(found, GOLDEN[log.stem], strict=True):
        assert splat.title.startswith(title)
        assert splat.title in lines[splat.first_line_index]
        assert splat.title in splat.lines[0]


def test_every_golden_log_is_there():
    assert {log.stem for log in (DATA / "splats").glob("*.log")} == set(GOLDEN)


@pytest.mark.parametrize("log", sorted((DATA / "clean").glob("*.log")), ids=lambda p: p.stem)
def test_clean_logs(log):
    assert find(read(log)) == []


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
def test_a_real_boot_is_clean_until_it_panics(arch):
    lines = read(DATA / "splats" / f"real-{arch}-6.1-panic-no-root.log")
    (panic,) = find(lines)
    assert find(lines[: panic.first_line_index]) == []
    assert panic.first_line_index > 200


@pytest.mark.parametrize(
    "text",
    [
        'Command line: x="BUG: KASAN: " panic=-1 Oops: 0 [#1]',
        'Unknown kernel command line parameters "BUG: WARNING: CPU: 0 PID: 1 at"',
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
        "WARNING: a driver is unhappy about nothing in particular",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15701)",
        "AMD-Vi: functionality not available on this system - This is not a bug.",
        "traps: prog[12] general protection fault ip:401020 sp:7ffd error:0 in prog",
        "prog[12]: segfault at 0 ip 0000000000401020 sp 00007ffd error 4 in prog",
        "rcu: Preemptible hierarchical RCU implementation.",
        "rcu: INFO: nothing",
        "Out of memory: Killed process 240 (continue) total-vm:4096kB",
        "harness: case begins: BUG: and Oops: in its name",
        "list_lru: all is well",
        "reboot: Power down",
        "refcount_test: fine",
        "watchdog: Delayed init of the lockup detector",
        "UBSAN: enabled",
        "",
    ],
)
def test_text_that_is_no_splat(text):
    assert find([f"[    1.234567] {text}", f"[    1.234567][    T1] {text}"]) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Internal error: synchronous external abort: 0000000096000010 [#1] SMP", Kind.OOPS),
        ("Internal error: Oops - undefined instruction: 0 [#1] SMP ARM", Kind.OOPS),
        ("divide error: 0000 [#1] PREEMPT SMP", Kind.OOPS),
        ("stack segment: 0000 [#1] SMP", Kind.OOPS),
        ("BUG: unable to handle kernel paging request at ffffea0008000008", Kind.OOPS),
        ("Unhandled fault: imprecise external abort (0x1406) at 0x00000000", Kind.OOPS),
        ("Unhandled 64-bit el1h sync exception on CPU0, ESR 0x0000000096000004", Kind.OOPS),
        ("traps: PANIC: double fault, error_code: 0x0", Kind.PANIC),
        ("BUG: Bad page map in process continue  pte:00000001 pmd:00000002", Kind.BAD_PAGE),
        ("BUG: non-zero pgtables_bytes on freeing mm: 4096", Kind.RSS_COUNTER),
        ("INFO: rcu_sched detected stalls on CPUs/tasks: { 1} (detected by 0)", Kind.RCU_STALL),
        ("rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { }", Kind.RCU_STALL),
        ("INFO: task continue:240 is blocked on a mutex likely owned by task x", Kind.HUNG_TASK),
        ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 stuck for 31s!", Kind.SOFT_LOCKUP),
        ("BUG: using smp_processor_id() in preemptible [00000000] code: x/1", Kind.BUG),
        ("WARNING: at handle_userfault+0x5a1/0x6f0, CPU#1: continue/240", Kind.WARN),
        ("WARNING: inconsistent lock state", Kind.LOCKDEP),
        ("WARNING: suspicious RCU usage", Kind.LOCKDEP),
        ("WARNING: continue/240 still has locks held!", Kind.LOCKDEP),
        ("WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", Kind.LOCKDEP),
        ("[ INFO: possible recursive locking detected ]", Kind.LOCKDEP),
        ("list_add corruption. next->prev should be prev (1), but was 2.", Kind.LIST),
        ("usercopy: Kernel memory exposure attempt detected from SLUB object", Kind.BUG),
    ],
)
def test_first_lines_of_other_kernels(text, kind):
    assert [splat.kind for splat in find([f"[    1.234567] {text}"])] == [kind]


def test_lines_of_a_splat_end_with_its_trace():
    first, _ = find(read(DATA / "splats" / "x86_64-warn-twice.log"))
    assert first.lines[-1].endswith("---[ end trace 0000000000000000 ]---")
    assert first.first_line_index == 1
    assert len(first.lines) == 8


def test_a_programs_lines_are_no_part_of_it():
    (splat,) = find(read(DATA / "splats" / "half-a-userland-line-before-the-stamp.log"))
    assert not any("continued by" in line for line in splat.lines)


def test_unstamped_text_counts_only_when_nothing_is_stamped():
    bug = "BUG: Bad page state in process x  pfn:1"
    assert [splat.kind for splat in find([bug])] == [Kind.BAD_PAGE]
    assert find([bug, "[    1.000000] all is well"]) == []


def test_a_flood_is_bounded():
    lines = ["[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x0/0x1"] * 1000
    assert len(find(lines)) == splats.MAX_SPLATS
    endless = ["[    1.000000] BUG: KASAN: x", *["[    1.000000] y" * 5000] * 1000]
    (splat,) = find(endless)
    assert len(splat.lines) == splats.MAX_LINES
    assert max(map(len, splat.lines)) <= splats.MAX_LINE


def test_self_check_passes():
    self_check()


@pytest.mark.parametrize("kind", list(Kind))
def test_self_check_notices_a_kind_that_is_not_found(kind, monkeypatch):
    found = splats.Reader.splats

    def without(reader, since=0):
        kept, more = found(reader, since)
        return tuple(splat for splat in kept if splat.kind is not kind), more

    monkeypatch.setattr(splats.Reader, "splats", without)
    with pytest.raises(HostError, match="does not see its own sample"):
        self_check()


def test_self_check_notices_a_quick_look_that_passes_over_everything(monkeypatch):
    monkeypatch.setattr(reader, "openings", lambda _: [])
    with pytest.raises(HostError, match="does not see its own sample"):
        self_check()


def test_self_check_notices_a_detector_that_fires_on_plain_text(monkeypatch):
    def loose(text):
        return next((row for row in FORMATS if row.kind and row.pattern.search(text)), None)

    monkeypatch.setattr(reader, "match", loose)
    monkeypatch.setattr(reader, "openings", lambda text: list(range(text.count("\n") + 1)))
    with pytest.raises(HostError, match="a plain line"):
        self_check()


stamps = st.sampled_from(["", "[    1.000000] ", "[    1.000000][  T12] ", "[", "x[ 1.000000] "])
texts = st.one_of(st.sampled_from(list(splats.SAMPLES.values())), st.text(max_size=60))


@given(st.lists(st.tuples(stamps, texts).map("".join), max_size=30))
def test_any_text_is_read(lines):
    for splat in find(lines):
        assert 0 <= splat.first_line_index < len(lines)
        assert 1 <= len(splat.lines) <= splats.MAX_LINES
        assert len(splat.title) <= splats.MAX_TITLE
