# SPDX-License-Identifier: GPL-2.0-only
"""Tell whether two splats are of the same bug: kind, function, and first frames of the trace.

Addresses, offsets, CPUs, processes and times differ from one run to the next, and offsets from
one build to the next; names of functions do not.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.verdicts.splats import Splat

FRAMES = 5  # of the trace that count
_FUNCTION = r"([A-Za-z_][\w.$]*)\+0x[0-9a-f]+/0x[0-9a-f]+"
# Where it happened: x86 ("RIP: 0010:f+0x1/0x2"), arm64 ("pc : f+0x1/0x2"), arm ("PC is at f+..").
_AT = re.compile(r"(?:\bRIP: \w+:|\bEIP: |\bpc : |\bPC is at )" + _FUNCTION)
# What says so itself: "BUG: KASAN: x in f+0x1/0x2", "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2".
_IN_TITLE = re.compile(r"\b(?:in|at)\b.*?" + _FUNCTION)
_TRACE = re.compile(r"(?:Call [Tt]race|Backtrace):")
# " f+0x1/0x2 [module]"; "? f+0x1/0x2" is a guess of the unwinder's; arm: " f from g+0x1/0x2".
_FRAME = re.compile(r"^\s*(?:\[<[0-9a-f]+>\] )?" + _FUNCTION + r"(?: \[[\w ]+\])*\s*$")
_ARM_FRAME = re.compile(r"^\s*([A-Za-z_][\w.$]*) from " + _FUNCTION)
# What stands between the cause and its report in any trace.
_REPORTERS = re.compile(
    r"(?:dump_stack|show_stack|dump_backtrace|show_trace|panic|__?warn|report_bug|handle_bug|"
    r"exc_|asm_|die|__die|page_fault_oops|kernelmode_fixup|no_context|bad_area|do_user_addr_fault|"
    r"do_page_fault|do_mem_abort|do_translation_fault|__do_kernel_fault|el1|bug_handler|"
    r"call_break_hook|brk_handler|do_debug_exception|kasan_|__kasan|__asan|print_report|"
    r"print_address|__schedule|schedule|sysrq_handle_crash|nmi_panic|watchdog_|sched_show_task|"
    r"rcu_dump|trigger_|nmi_cpu_backtrace|common_interrupt|sysvec_|__sysvec|do_softirq|__do_soft)"
)
# Copies that the compiler makes of a function.
_CLONES = re.compile(r"\.(?:isra|constprop|part|cold|llvm)(?:\.\d+)?\b.*")
_STAMP = re.compile(r"^.*?\[ {0,7}[0-9]{1,10}\.[0-9]{6}\](?:\[ *[TC][0-9]+\])? ?")
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b(?=[a-f]*[0-9])[0-9a-f]+\b|\d+")


def function_of(splat: Splat) -> str:
    """Return the function that a splat is about; "" when it names none."""
    if found := _IN_TITLE.search(splat.title):
        return _plain(found[1])
    texts = list(_texts(splat))
    at = next((_plain(found[1]) for text in texts if (found := _AT.search(text))), "")
    if at and not _REPORTERS.match(at):
        return at
    return next(iter(frames_of(splat)), at)


def frames_of(splat: Splat) -> list[str]:
    """Return the functions of its first trace, the innermost first, without the reporters."""
    found: list[str] = []
    traced = False
    for text in _texts(splat):
        if _TRACE.search(text):
            if traced and found:
                break
            traced = True
        elif traced and (frame := _FRAME.match(text) or _ARM_FRAME.match(text)):
            name = _plain(frame[1])
            if not _REPORTERS.match(name):
                found.append(name)
    return found


def title_of(splat: Splat) -> str:
    """Return a title that is the same for the same bug: ``oops in mfill_atomic``."""
    function = function_of(splat)
    return f"{splat.kind} in {function}" if function else _NUMBERS.sub("N", splat.title)


def fingerprint(splat: Splat) -> str:
    """Return 12 hex digits that two splats of the same bug have in common."""
    parts = [title_of(splat), *frames_of(splat)[:FRAMES]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _texts(splat: Splat) -> Iterator[str]:
    return (_STAMP.sub("", line, count=1) for line in splat.lines)


def _plain(name: str) -> str:
    return _CLONES.sub("", name)
