# SPDX-License-Identifier: GPL-2.0-only
"""A run as a table for people at a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from harness.results.record import slowness
from harness.text import clean
from harness.verdicts.flakiness import recurrence
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.results.record import CaseRecord, Run

_SPLATS_SHOWN = 3
MIN_WIDTH = 40  # characters; a narrower terminal wraps by itself


def table(run: Run, folder: str = "", width: int = 80) -> str:
    """Return ``run`` as plain text of at most ``width`` columns where words allow it.

    ``folder`` is the run's folder, put before the paths of evidence.
    """
    width = max(width, MIN_WIDTH)
    sections = [
        _counts(run.cases),
        _problems(run.cases, folder, width),
        _skips(run.cases, width),
        _findings(run.cases, width),
        _facts(run, width),
    ]
    return "\n\n".join(text for text in map("\n".join, sections) if text) + "\n"


def _counts(cases: Iterable[CaseRecord]) -> list[str]:
    """Count verdicts, a line for each program and one for all."""
    counts: dict[str, Counter[Verdict]] = {}
    for case in cases:
        counts.setdefault(_plain(case.program) or "-", Counter())[case.verdict] += 1
    if not counts:
        return ["no cases"]
    total = sum(counts.values(), Counter())
    names = [*counts, "total"]
    first = max(map(len, names))
    lines = [" ".join([f"{'':{first}}", *(f"{verdict:>5}" for verdict in Verdict)])]
    for name, row in zip(names, [*counts.values(), total], strict=True):
        cells = (f"{row[verdict] or '.':>5}" for verdict in Verdict)
        lines.append(" ".join([f"{name:{first}}", *cells]))
    return lines


def _problems(cases: Iterable[CaseRecord], folder: str, width: int) -> Iterator[str]:
    """Say why, and where the evidence is, of each case that neither passed nor was skipped."""
    for case in cases:
        if case.verdict in {Verdict.PASS, Verdict.SKIP}:
            continue
        memory = f"[{case.memory}]" if case.memory else ""
        yield _plain(f"{case.verdict:5} {case.program}: {case.name}{memory}")
        yield from _wrapped(case.message or "(no message)", width, "      ")
        if case.retries:
            again = recurrence(retry.verdict for retry in case.retries)
            yield from _wrapped(f"tried again: {again}", width, "      ")
        for splat in case.splats[:_SPLATS_SHOWN]:
            if splat.fingerprint:
                yield _plain(f"      bug {splat.fingerprint}: {splat.bug}")
        for path in case.evidence:
            yield _plain(f"      see {folder}/{path}" if folder else f"      see {path}")
        if case.rerun:
            yield _plain(f"      run again: {case.rerun}")


def _skips(cases: Iterable[CaseRecord], width: int) -> Iterator[str]:
    """Group the skipped by reason, the most frequent first."""
    reasons = Counter(case.message for case in cases if case.verdict is Verdict.SKIP)
    if reasons:
        yield "skipped:"
    for reason, count in reasons.most_common():
        yield from _wrapped(f"{count:4}  {reason}", width, "", "      ")


def _findings(cases: Iterable[CaseRecord], width: int) -> Iterator[str]:
    """Name the known issues that cases found to be as they are known."""
    seen = [(f, case) for case in cases if case.verdict is Verdict.PASS for f in case.findings]
    if seen:
        yield "known issues, as docs/findings.md has them:"
    for finding in dict.fromkeys(finding for finding, _ in seen):
        names = dict.fromkeys(f"{case.program}.{case.name}" for f, case in seen if f == finding)
        yield from _wrapped(f"{finding}: {', '.join(names)}", width, "   ", "      ")


def _facts(run: Run, width: int) -> Iterator[str]:
    kernel = run.kernel
    yield from _wrapped(
        f"kernel  {run.arch} {kernel.release} ({kernel.origin})", width, "", " " * 8
    )
    if source := kernel.source:
        words = [source.describe, source.commit, source.branch, "dirty" if source.dirty else ""]
        said = ", ".join(word for word in words if word)
        yield from _wrapped(f"source  {said}", width, "", " " * 8)
    hosts = {f"{vm.qemu_version}, {vm.accelerator}: {vm.accelerator_why}" for vm in run.vms}
    for host in sorted(hosts):
        yield from _wrapped(f"qemu    {host}", width, "", " " * 8)
    if (factor := slowness(run)) > 1:
        said = f"times {factor:.1f} for a kernel that was measured to be slow (docs/debug.md)"
        yield from _wrapped(f"limits  {said}", width, "", " " * 8)
    for watcher in dict.fromkeys(name for vm in run.vms for name in vm.watchers):
        seen = Counter(vm.watchers[watcher] for vm in run.vms if watcher in vm.watchers)
        said = ", ".join(f"{word} ({count} VMs)" for word, count in seen.most_common(3))
        yield from _wrapped(f"{watcher}: {said}", width, "", " " * 8)
    times = [f"{name} {seconds:.1f} s" for name, seconds in run.durations.items()]
    if (wall := _wall_seconds(run)) is not None:
        times.insert(0, f"{wall:.0f} s in all")
    if times:
        yield from _wrapped(f"time    {', '.join(times)}", width, "", " " * 8)
    if not run.complete:
        yield "the run was cut short: there are cases without a verdict"


def _wall_seconds(run: Run) -> float | None:
    """Return the seconds from the run's start to its finish; None when not both are known."""
    if run.finished is None:
        return None
    try:
        started, finished = map(datetime.fromisoformat, (run.started, run.finished))
        return (finished - started).total_seconds()
    except (ValueError, TypeError):  # TypeError: one has a zone and the other has none
        return None


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    indent = first if rest is None else rest
    # break_long_words: a long path is copied from the terminal whole.
    return textwrap.wrap(
        _plain(text),
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(text: str) -> str:
    return clean(text.replace("\n", " "))
