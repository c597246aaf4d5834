# SPDX-License-Identifier: GPL-2.0-only
"""Tell whether two splats are of the same bug: kind, function, and first frames of the trace.

Addresses, offsets, CPUs, processes and times differ from one run to the next, offsets from one
build to the next, and the ways into the kernel from one architecture to another; names of
functions do not.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.splats.formats import Where, match
from harness.splats.kinds import Kind
from harness.verdicts.frames import FUNCTION, Trace, counter_in, plain, texts, traces
from harness.verdicts.helpers import DISPATCHERS, ENTRIES, HELPERS, REPORTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.splats.kinds import Splat

FRAMES = 5  # of the trace that count
_IN_TITLE = re.compile(r"\b(?:in|at)\b.*?" + FUNCTION)
_PAIR = re.compile(r"\bin ([\w.]+ / [\w.]+)")
_CALLER = re.compile(r"caller is (?:\[<[0-9a-f]+>\] )?" + FUNCTION)
# "ffff888000000010 (&foo->lock){+.+.}-{3:3}, at: f+0x1/0x2"; before Linux 5.0 with an address.
_LOCK_SITE = re.compile(r".*\bat: (?:\[<[0-9a-f]+>\] )?" + FUNCTION)
# What stands above the lock that the report is about, and what ends that part of it.
_LOCK_ASKED = re.compile(
    r".*(?:is trying to |just changed the state of lock|\] takes:|is freeing memory|"
    r"still held|already holding|locks? held by)"
)
_LOCK_CHAIN = re.compile(r"(?:the existing dependency chain|other info that might|stack backtrace)")
_BECAME_SAFE = re.compile(r".*which became .*-safe at:")
# A panic that an earlier splat leads to says nothing new.
_CONSEQUENCE = re.compile(
    r"Kernel panic - not syncing: (?:.*: )?(?:Fatal (?:hardware )?exception|.*panic_on_|hung_task|"
    r"kernel stack overflow|softlockup|hard LOCKUP|RCU Stall|scheduling while atomic)"
)
# Those that print frames with no header above them.
_UNHEADED = frozenset({Kind.KMSAN, Kind.KCSAN, Kind.KFENCE, Kind.KMEMLEAK})
# A thread of the kernel's own that a stall's report shows besides what stalls.
_BYSTANDERS = frozenset({"rcu_gp_kthread", "rcu_gp_fqs_loop", "rcu_tasks_kthread"})
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b(?=[a-f]*[0-9])[0-9a-f]+\b|\d+")


def function_of(splat: Splat) -> str:
    """Return the function that a splat is about; "" when it names none."""
    row = match(splat.title)
    where = row.where if row is not None and row.kind is not None else (Where.TRACE,)
    if splat.kind is Kind.PANIC and _CONSEQUENCE.match(splat.title):
        return ""
    lines = list(texts(splat.lines))
    fallback = ""
    for place in where:
        name = _READERS[place](splat, lines)
        if name and not _is_no_cause(name):
            return name
        fallback = fallback or (name if not REPORTERS.match(name) else "")
    return fallback


def frames_of(splat: Splat) -> list[str]:
    """Return the functions of its trace, innermost first, without what is no cause.

    Where there are helpers alone, they are what is left.
    """
    functions = _trace(splat.kind, list(texts(splat.lines))).functions
    left = [name for name in functions if not REPORTERS.match(name) and not ENTRIES.match(name)]
    return [name for name in left if not HELPERS.match(name)] or left


def title_of(splat: Splat) -> str:
    """Return a title that is the same for the same bug: ``oops in mfill_atomic``."""
    function = function_of(splat)
    return f"{splat.kind} in {function}" if function else _NUMBERS.sub("N", splat.title)


def fingerprint(splat: Splat) -> str:
    """Return 12 hex digits that two splats of the same bug have in common."""
    name = function_of(splat)
    parts = [title_of(splat), *_places(splat, name)[:FRAMES]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _places(splat: Splat, name: str) -> list[str]:
    """Return what tells a splat from others of its name, the same on every architecture."""
    if splat.kind is Kind.LOCKDEP:
        sites = _lock_sites(list(texts(splat.lines)))
        if sites:
            return [site for site in sites if site != name][:2]
    frames = frames_of(splat)
    if name in frames:
        # What an architecture or a compiler shows above it, or it itself, is no other bug.
        frames = frames[frames.index(name) + 1 :]
    return frames


@lru_cache(maxsize=4096)
def _is_no_cause(name: str) -> bool:
    return any(names.match(name) for names in (REPORTERS, ENTRIES, HELPERS))


def _trace(kind: Kind, lines: list[str]) -> Trace:
    """Return the trace that shows the cause; an empty one when there is none."""
    found = [trace for trace in traces(lines) if not _BYSTANDERS.intersection(trace.functions)]
    if kind not in _UNHEADED:
        found = [trace for trace in found if trace.headed] or found
    telling = (t for t in found if not all(map(_is_no_cause, t.functions)))
    return next(telling, next(iter(found), Trace(0, headed=False)))


def _of_title(splat: Splat, _: list[str]) -> str:
    found = _IN_TITLE.search(splat.title)
    return plain(found[1]) if found else ""


def _of_pair(splat: Splat, _: list[str]) -> str:
    found = _PAIR.search(splat.title)
    return " / ".join(plain(name) for name in found[1].split(" / ")) if found else ""


def _of_caller(_: Splat, lines: list[str]) -> str:
    return next((plain(found[1]) for text in lines if (found := _CALLER.match(text))), "")


def _of_counter(splat: Splat, lines: list[str]) -> str:
    trace = _trace(splat.kind, lines)
    before = lines[: trace.at] if trace.functions else lines
    return next((name for text in before if (name := counter_in(text))), "")


def _of_trace(splat: Splat, _: list[str]) -> str:
    return next(iter(frames_of(splat)), "")


def _of_entry(splat: Splat, lines: list[str]) -> str:
    """Name what a dispatcher called: where in it a loop was interrupted is chance."""
    before = ""
    for name in _trace(splat.kind, lines).functions:
        if DISPATCHERS.match(name) and before:
            return before
        if not _is_no_cause(name):
            before = name
        if name.startswith("sys_"):
            return before
    return ""


def _of_cycle(splat: Splat, _: list[str]) -> str:
    frames = frames_of(splat)
    again = [name for name in frames if frames.count(name) > 1]
    return again[-1] if again else ""


def _of_lock(_: Splat, lines: list[str]) -> str:
    return next(iter(_lock_sites(lines)), "")


def _of_safe(_: Splat, lines: list[str]) -> str:
    at = next((n for n, text in enumerate(lines) if _BECAME_SAFE.match(text)), len(lines))
    functions = next((trace.functions for trace in traces(lines[at:])), [])
    return next((name for name in functions if not _is_no_cause(name)), "")


def _lock_sites(lines: list[str]) -> list[str]:
    """Return where the locks were taken that a report of lockdep is about, the new one first."""
    sites: list[str] = []
    asked, begun = False, ""
    for text in lines:
        if _LOCK_CHAIN.match(text):
            break
        asked = asked or _LOCK_ASKED.match(text) is not None
        if asked and (found := _LOCK_SITE.match(begun + text.strip())):
            sites.append(plain(found[1]))
            begun = ""
        # "is trying to release lock (&foo->lock) at:" has it in a line of its own.
        elif asked and "release lock" in text and text.endswith(" at:"):
            begun = "at: "
    return sites


_READERS: dict[Where, Callable[[Splat, list[str]], str]] = {
    Where.TITLE: _of_title,
    Where.PAIR: _of_pair,
    Where.CALLER: _of_caller,
    Where.COUNTER: _of_counter,
    Where.LOCK: _of_lock,
    Where.TRACE: _of_trace,
    Where.ENTRY: _of_entry,
    Where.CYCLE: _of_cycle,
    Where.SAFE: _of_safe,
}
