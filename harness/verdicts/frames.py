# SPDX-License-Identifier: GPL-2.0-only
"""Read the frames and program counters of a splat, of any architecture.

How an architecture prints them is data (``SYNTAX``); no line is of two of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.splats.formats import TRACE_HEADER
from harness.splats.printk import STAMP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# "f+0x1/0x2"; the name of a Rust function may have more than a word's characters in it.
_NAME = r"[A-Za-z_<][\w.$:<>]*"
FUNCTION = rf"({_NAME})\+0x[0-9a-f]+/0x[0-9a-f]+"
_ADDRESS = r"(?:\[<[0-9a-f]+>\] ?)"
_MODULE = r"(?: \[[\w. -]+\])"


@dataclass(frozen=True)
class Syntax:
    """How one family of architectures prints where it is; group 1 is the function."""

    counter: str
    frame: str


SYNTAX: dict[str, Syntax] = {
    # arch/x86/kernel/dumpstack.c: " f+0x1/0x2 [module]"; with "? " before it, a guess, no frame.
    "x86": Syntax(
        rf"(?:.*\b)?(?:RIP: [0-9a-f]+:|EIP: (?:[0-9a-f]+:)?)(?:{_ADDRESS} *)*{FUNCTION}",
        rf"\s*{_ADDRESS}?{FUNCTION}{_MODULE}*(?: \S+:\d+)?\s*$",
    ),
    # arch/arm64/kernel/stacktrace.c: since Linux 6.13 where the frame is from, "(P)", "(CF)";
    # riscv has "epc : ".
    "arm64": Syntax(
        rf"e?pc : {FUNCTION}", rf"\s*{FUNCTION}{_MODULE}*(?: \([A-Z]+\)){_MODULE}*\s*$"
    ),
    # arch/arm/kernel/traps.c dump_backtrace_entry(): " f from g+0x1/0x2", where it is verbose
    # (CONFIG_ARM_UNWIND=n or before Linux 5.19) "[<c0101234>] (f) from [<c0105678>] (g+0x1/0x2)".
    "arm": Syntax(
        rf"PC is at {FUNCTION}",
        rf"\s*{_ADDRESS}?\(?({_NAME})(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?{_MODULE}*\)? from "
        rf"{_ADDRESS}?\(?{FUNCTION}",
    ),
    # What decode_stacktrace.sh adds: " f mm/x.c:1 [inline]".
    "inline": Syntax(r"(?!)", rf"\s+{_ADDRESS}?({_NAME}) \S+:\d+ \[inline\]\s*$"),
}
_COUNTER = tuple(re.compile(syntax.counter) for syntax in SYNTAX.values())
_FRAME = tuple(re.compile(syntax.frame) for syntax in SYNTAX.values())
# Starts another list of frames, which is not where the splat's own cause stands.
_OTHER_LIST = re.compile(
    r"(?:Allocated|Freed|Last potentially|Second to last|Uninit was|.*was stored to|Local variable|"
    r"(?:read|write|value).* (?:to|changed)|stack backtrace|backtrace|\S+ \S+ \(.*\) \{|->|"
    r"kfence-#|allocated by|freed by|The buggy|Preemption disabled at|page last|page_owner)",
)
# Copies that the compiler makes of a function.
_CLONES = re.compile(r"\.(?:isra|constprop|part|cold|llvm)(?:\.\d+)?\b.*")
# Each architecture wraps a system call's function in another name.
_SYSCALL = re.compile(
    r"^(?:__(?:x64|x32|ia32|arm64|arm|riscv|s390x?|do|se)_(?:compat_)?sys_|compat_sys_|"
    r"__do_compat_sys_|SyS_|SYSC_)(?=[a-z])"
)


@dataclass
class Trace:
    """A list of frames, innermost first; the program counters between them are frames."""

    # The header's or the first frame's place among the splat's lines.
    at: int
    # "Call Trace:" stands above it.
    headed: bool
    functions: list[str] = field(default_factory=list)


def plain(name: str) -> str:
    """Return the name that a function has in the source, system calls alike everywhere."""
    return _SYSCALL.sub("sys_", _CLONES.sub("", name))


def texts(lines: Iterable[str]) -> Iterator[str]:
    """Yield ``lines`` without printk's prefixes."""
    return (STAMP.sub("", line, count=1) if "[" in line else line for line in lines)


def counter_in(text: str) -> str:
    """Return the function that a line says the program counter is in; "" for any other line."""
    return _first(_COUNTER, text) if ": " in text or "PC is" in text else ""


def frame_in(text: str) -> str:
    """Return the function of a frame; "" for any other line, and for the unwinder's guesses."""
    return _first(_FRAME, text) if "0x" in text or "from" in text or "inline" in text else ""


def traces(lines: list[str]) -> list[Trace]:
    """Return all lists of frames in ``lines``, which have no prefixes."""
    found: list[Trace] = []
    current: Trace | None = None
    for at, text in enumerate(lines):
        if TRACE_HEADER.search(text):
            current = Trace(at, headed=True)
            found.append(current)
        elif name := frame_in(text) or (counter_in(text) if current else ""):
            if current is None:
                current = Trace(at, headed=False)
                found.append(current)
            current.functions.append(name)
        elif current is not None and _ends(text, current):
            current = None
    return [trace for trace in found if trace.functions]


def _ends(text: str, current: Trace) -> bool:
    """Return True if ``text`` ends the list; registers, code bytes and noise may stand in one."""
    if not current.headed and not text.strip():
        return True
    return _OTHER_LIST.match(text.strip()) is not None or _NEW_DUMP.match(text) is not None


_NEW_DUMP = re.compile(r"(?:CPU: \d+|task:|INFO: |NMI backtrace|Sending NMI|Modules linked in|"
                       r"rcu: |Kernel panic|-{3,}\[|={20,}|BUG: |Showing )")  # fmt: skip


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    found = next((match for pattern in patterns if (match := pattern.match(text))), None)
    return plain(found[1]) if found else ""
