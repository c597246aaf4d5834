# SPDX-License-Identifier: GPL-2.0-only
"""Score the console's reader on a folder of logs whose titles are known.

A log is what syzkaller keeps (pkg/report/testdata/linux/report): ``KEY: value`` lines, of which
``TITLE:`` says what the crash is, then a line without a key, then the console.  A log without a
title has no crash.  No such log is part of this tree.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.clock import Clock
from harness.machine.console import Console
from harness.machine.evidence import EvidenceLog
from harness.text import clean
from harness.verdicts.fingerprint import fingerprint, function_of
from harness.verdicts.splats import Kind, Splat, find

if TYPE_CHECKING:
    from collections.abc import Iterable

# Kernels that count, unless all are asked for: those the harness is for.
OLDEST = (5, 10)
# Bytes that a console is fed at once.
_CHUNK = 64 << 10
_HEADER = re.compile(rb"(?:(?:[A-Z_]{2,20}:|#)[^\n]*\n)*")
_KEY = re.compile(r"^(TITLE|CORRUPTED|SUPPRESSED): *(.*)$", re.MULTILINE)
# What the log's keeper made of it follows it.
_REPORT = re.compile(rb"^REPORT:\n", re.MULTILINE)
_VERSION = re.compile(
    rb"(?:[Tt]ainted:?[^\n]{0,60}?|Linux version|Comm: [^\n]*?) ([2-7])\.(\d{1,2})[.\-+ ]"
    rb"|\] ([2-7])\.(\d{1,2})\.\d+[^ \n]* #\d+ (?:Not t|T)ainted"
)
# Not the kernel's: the words of programs, which is what the fuzzer reports too.
_PROGRAMS = re.compile(r"SYZFAIL|SYZFATAL|go runtime error|panic: |INIT: ")
_NAME = re.compile(r"\b(?:in|at) ((?:sys_)?[A-Za-z_<][^\s,]*(?: / \w+)?)$")
_SYSCALL = re.compile(r"^(?:__(?:x64|ia32|arm64|se|do)_)?(?:compat_)?sys_")

NO_CRASH = "no crash"
# What a title says its kind is: the first pattern that is found decides.
_KINDS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("^KASAN", (Kind.KASAN,)),
    ("^KMSAN", (Kind.KMSAN,)),
    ("^KCSAN", (Kind.KCSAN,)),
    ("^KFENCE", (Kind.KFENCE,)),
    ("^UBSAN", (Kind.UBSAN,)),
    ("^memory leak", (Kind.KMEMLEAK,)),
    ("refcount bug", (Kind.REFCOUNT, Kind.WARN)),
    ("corrupted list", (Kind.LIST,)),
    ("rcu detected stall", (Kind.RCU_STALL,)),
    ("soft lockup|workqueue lockup", (Kind.SOFT_LOCKUP,)),
    ("hard lockup", (Kind.HARD_LOCKUP,)),
    ("task hung|can't die", (Kind.HUNG_TASK,)),
    ("scheduling while atomic", (Kind.ATOMIC,)),
    ("sleeping function|blocking ops", (Kind.SLEEPING,)),
    ("general protection fault", (Kind.GPF,)),
    ("stack guard page|stack overflow", (Kind.STACK,)),
    ("bad mode", (Kind.OOPS, Kind.PANIC)),
    ("^(?:PANIC|kernel panic)", (Kind.PANIC,)),
    ("[Bb]ad rss-counter", (Kind.RSS_COUNTER,)),
    ("BUG: Bad page", (Kind.BAD_PAGE,)),
    ("unregister_netdevice", (Kind.REFERENCE,)),
    ("^VFS: ", (Kind.VFS,)),
    ("deadlock|inconsistent lock|suspicious RCU|unlock balance|nested lock", (Kind.LOCKDEP,)),
    (r"non-static key|lock held|held lock|circular lock|MAX_\w+ too low", (Kind.LOCKDEP,)),
    ("locking bug", (Kind.LOCKDEP, Kind.WARN)),
    ("^WARNING|^INFO: corrupted", (Kind.WARN,)),
    ("unable to handle|Internal error|Unhandled fault|Alignment trap", (Kind.OOPS,)),
    ("divide error|invalid opcode|int3|stack segment|double fault", (Kind.OOPS,)),
    ("", (Kind.BUG,)),
)


@dataclass(frozen=True)
class Golden:
    """A log, and what somebody else found in it."""

    name: str
    # "" for a log without a crash.
    title: str
    # The log is cut or mixed up: a kind can be told, a function cannot.
    corrupted: bool
    # (major, minor); None for one that does not say.
    version: tuple[int, int] | None
    console: bytes

    @property
    def function(self) -> str:
        """The function its title names, as the log spells it; "" for none."""
        found = _NAME.search(self.title)
        if found is None or self.corrupted:
            return ""
        name = _SYSCALL.sub("", found[1].split(" / ")[0])
        printed = rf"{re.escape(name)}(?:\.[\w.]+)?(?:[+)]| / | from | \S+:\d+ \[inline)"
        return found[1] if re.search(printed.encode(), self.console) else ""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that its title may mean."""
        return next(kinds for pattern, kinds in _KINDS if re.search(pattern, self.title))


@dataclass
class Score:
    """Counts over the logs of one kind of title."""

    logs: int = 0
    detected: int = 0
    kind_right: int = 0
    named: int = 0
    name_right: int = 0
    # Names of logs, with what is not as their title has it.
    wrong: list[str] = field(default_factory=list)


def load(folder: Path, *, every: bool) -> list[Golden]:
    """Return the logs of ``folder``; those known to be of old kernels only with ``every``.

    Raises InputError when it has none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: LOGS=folder names one with logs to score on")
    read_all = (_golden(path) for path in sorted(folder.iterdir()) if path.is_file())
    goldens = [golden for golden in read_all if golden is not None]
    found = [g for g in goldens if every or not g.title or (g.version or (0, 0)) >= OLDEST]
    if not found:
        raise InputError(
            f"{folder} has no log: each begins with a line 'TITLE: ...' or an empty one"
        )
    return found


def _golden(path: Path) -> Golden | None:
    """Return a log; None for one whose keeper does not take it for a report either."""
    data = path.read_bytes()
    header = _HEADER.match(data)
    assert header is not None
    keys = dict(_KEY.findall(header[0].decode("utf-8", "replace")))
    if keys.get("SUPPRESSED") == "Y":
        return None
    version = _VERSION.search(data)
    numbers = [int(group) for group in version.groups() if group] if version else []
    title = keys.get("TITLE", "")
    return Golden(
        name=path.name,
        title="" if _PROGRAMS.match(title) else title,
        corrupted=keys.get("CORRUPTED") == "Y" or title.endswith("corrupted"),
        version=(numbers[0], numbers[1]) if numbers else None,
        console=_REPORT.split(data[header.end() :])[0],
    )


def read(golden: Golden) -> list[Splat]:
    """Return the splats of a log, those with a title of their own first.

    Titles are of those: a stack dump that comes before one is no crash to who wrote them.
    """
    text = golden.console.decode("utf-8", "replace")
    found = find(clean(line) for line in text.split("\n"))
    return sorted(found, key=lambda splat: splat.kind == "unclassified")


def score(goldens: Iterable[Golden]) -> dict[str, Score]:
    """Return the score by kind; "no crash" counts logs without one, detected in error."""
    scores: dict[str, Score] = defaultdict(Score)
    for golden in goldens:
        found = read(golden)
        label = "/".join(golden.kinds) if golden.title else NO_CRASH
        _count(scores[label], golden, found[0] if found else None)
    return dict(sorted(scores.items()))


def _count(into: Score, golden: Golden, splat: Splat | None) -> None:
    into.logs += 1
    name = function_of(splat) if splat else ""
    right = splat is not None and splat.kind in golden.kinds
    same = bool(name) and _SYSCALL.sub("", name) == _SYSCALL.sub("", golden.function)
    into.detected += splat is not None
    into.kind_right += right
    into.named += bool(golden.function)
    into.name_right += same
    wrong = splat is None or not right or (golden.function and not same)
    if wrong if golden.title else splat is not None:
        ours = f"{splat.kind} in {name or '-'}: {splat.title}" if splat else "nothing"
        into.wrong.append(f"{golden.name}: {golden.title or 'no crash'}: {ours}")


def shared(goldens: Iterable[Golden]) -> tuple[int, int]:
    """Return how many titles there are, and how many the most shared fingerprint has."""
    titles: dict[str, set[str]] = defaultdict(set)
    for golden in goldens:
        if golden.function and (found := read(golden)):
            titles[fingerprint(found[0])].add(golden.title)
    distinct = {title for group in titles.values() for title in group}
    return len(distinct), max(map(len, titles.values()), default=0)


def speed(goldens: Iterable[Golden], seconds: float = 1.0) -> float:
    """Return the MB/s that a console takes logs with, again and again for ``seconds`` or more."""
    data = b"".join(golden.console + b"\n" for golden in goldens)
    if not data.strip():
        return 0.0
    size, began = 0, time.process_time()
    while (took := time.process_time() - began) < seconds:
        console = Console(_NoLog(Path(), Clock(), "goldens"))
        for start in range(0, len(data), _CHUNK):
            console.feed(data[start : start + _CHUNK])
        size += len(data)
    return size / took / 1e6


class _NoLog(EvidenceLog):
    """What is measured is the reading."""

    def serial(self, text: str, when: float) -> int:  # noqa: ARG002
        return len(text)


def table(scores: dict[str, Score]) -> str:
    """Return the scores as text, the sum of all logs with a crash last."""
    crashes = [one for label, one in scores.items() if label != NO_CRASH]
    total = Score(
        logs=sum(one.logs for one in crashes),
        detected=sum(one.detected for one in crashes),
        kind_right=sum(one.kind_right for one in crashes),
        named=sum(one.named for one in crashes),
        name_right=sum(one.name_right for one in crashes),
    )
    rows = [f"{'kind':42}{'logs':>6}{'detected':>10}{'kind':>6}{'named':>7}{'as theirs':>11}"]
    rows += [_line(label, one) for label, one in scores.items()]
    rows.append(_line("all with a crash", total))
    percent = [
        f"detected {_part(total.detected, total.logs)}",
        f"kind right {_part(total.kind_right, total.logs)}",
        f"name as theirs {_part(total.name_right, total.named)}",
    ]
    return "\n".join([*rows, ", ".join(percent)])


def _line(label: str, one: Score) -> str:
    return (
        f"{label:42}{one.logs:6}{one.detected:10}{one.kind_right:6}{one.named:7}{one.name_right:11}"
    )


def _part(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "-"
