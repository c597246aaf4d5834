# SPDX-License-Identifier: GPL-2.0-only
"""Read what kmemleak found: /sys/kernel/debug/kmemleak, an entry for each block of memory.

The format is that of mm/kmemleak.c print_unreferenced(); the age went in Linux 6.8, the checksum
came with 6.6.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from harness.text import clean
from harness.verdicts.fingerprint import fingerprint
from harness.verdicts.splats import Kind, Splat

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of an entry; a trace has some 16 of them.
_MAX_LINES = 60
_OBJECT = re.compile(r"unreferenced object (?:\(percpu\) )?0x[0-9a-f]+ \(size (\d+)\):")
_OWNER = re.compile(r'\s+comm "(.*)", pid (\d+), jiffies \d+')
_FRAME = re.compile(r"^\s+(?:\[<[0-9a-f]+>\] )?([A-Za-z_][\w.$]*)(\+0x[0-9a-f]+/0x[0-9a-f]+)")
# Who asks an allocator is of interest, not the allocator.
_ALLOCATORS = re.compile(
    r"(?:__)?(?:kmalloc|kmem_cache|kzalloc|kvmalloc|krealloc|kmemdup|kstrdup|vmalloc|vzalloc|slab|"
    r"pcpu|alloc_percpu|kmemleak|do_kmalloc|do_kmem)"
)


def leaks(text: str) -> list[tuple[Splat, str]]:
    """Return the leaks in kmemleak's ``text`` and who allocated each: the name of the process.

    Those of one bug, with the same trace, come once, with their number in the title.
    """
    first: dict[str, tuple[Splat, str]] = {}
    counts: Counter[str] = Counter()
    for lines in _entries(text):
        splat, comm = _splat(lines)
        bug = fingerprint(splat)
        counts[bug] += 1
        first.setdefault(bug, (splat, comm))
    return [
        (Splat(splat.kind, _counted(splat.title, counts[bug]), splat.lines, 0), comm)
        for bug, (splat, comm) in first.items()
    ]


def _counted(title: str, count: int) -> str:
    return title if count == 1 else f"{title} ({count} times)"


def _entries(text: str) -> Iterator[list[str]]:
    """Yield the lines of each entry; what stands before the first is none."""
    entry: list[str] = []
    for line in text.splitlines():
        if _OBJECT.match(line):
            if entry:
                yield entry
            entry = []
        elif not entry:
            continue
        entry.append(clean(line))
    if entry:
        yield entry


def _splat(lines: list[str]) -> tuple[Splat, str]:
    found = _OBJECT.match(lines[0])
    size = found[1] if found else "?"
    comm = next((owner[1] for line in lines if (owner := _OWNER.match(line))), "?")
    frames = [frame for line in lines if (frame := _FRAME.match(line))]
    callers = [frame for frame in frames if not _ALLOCATORS.match(frame[1])] or frames
    where = f" in {callers[0][1]}{callers[0][2]}" if callers else ""
    title = f'memory leak: {size} bytes allocated{where} by "{comm}"'
    # The names of a trace are read behind its head, which kmemleak writes small.
    kept = [line.replace("  backtrace", "  Backtrace", 1) for line in lines[:_MAX_LINES]]
    return Splat(Kind.KMEMLEAK, title, tuple(kept), 0), comm
