# SPDX-License-Identifier: GPL-2.0-only
"""A campaign as a table."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from harness.selftest.soak.check import BYSTANDER, FAULTS, WHOLE, Checked, Count
from harness.selftest.soak.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEAD = ("trouble", "arch", "cases", "s", *FAULTS, "late", "busy")


# One in so many cases may tell nothing: were it more, nothing was learned.
_LATE_PART = 10


def faults(checked: Sequence[Checked]) -> int:
    """Return how much is wrong, all runs together."""
    counts = [count for run in checked for count in run.counts.values()]
    found = sum(sum(count.faults.values()) for count in counts)
    return found + (_mute(checked) * _LATE_PART > sum(count.cases for count in counts))


def _mute(checked: Sequence[Checked]) -> int:
    """Return how many cases tell nothing: their trouble came too late, or the host was busy."""
    return sum(count.late + count.busy for run in checked for count in run.counts.values())


def table(checked: Sequence[Checked]) -> str:
    """Return the table of a campaign, and what is wrong below it."""
    rows = [_HEAD, *_rows(checked)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = []
    for row in rows:
        words = [text.ljust(w) if i < 2 else text.rjust(w)
                 for i, (text, w) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append("  ".join(words).rstrip())
    lines.append("")
    lines += [complaint for run in checked for complaint in run.complaints]
    cases = sum(run.counts[kind].cases for run in checked for kind in KINDS if kind in run.counts)
    vms = sum(run.vms for run in checked)
    wrong = faults(checked)
    lines.append(
        f"{cases} cases met trouble in {len(checked)} runs, which started {vms} VMs: "
        + (f"{wrong} things are wrong" if wrong else "nothing is wrong")
    )
    lines += [f"run {run.number} was done again: {why}" for run in checked for why in run.set_aside]
    if mute := _mute(checked):
        lines.append(f"{mute} of them tell nothing: over before their trouble came, or a busy host")
    return "\n".join(lines) + "\n"


def _rows(checked: Sequence[Checked]) -> Iterator[tuple[str, ...]]:
    for row in (*KINDS, BYSTANDER, WHOLE):
        for arch in dict.fromkeys(run.arch for run in checked):
            counts = [run.counts[row] for run in checked if run.arch == arch and row in run.counts]
            if counts:
                yield _row(row, arch, counts)


def _row(row: str, arch: str, counts: Sequence[Count]) -> tuple[str, ...]:
    seconds = [number for count in counts for number in count.seconds]
    cells = [
        str(sum(count.cases for count in counts)) if row != WHOLE else "",
        f"{statistics.median(seconds):.1f}" if seconds and row != "nothing" else "",
        *(str(sum(count.faults.get(fault, 0) for count in counts)) for fault in FAULTS),
        str(sum(count.late for count in counts) or "."),
        str(sum(count.busy for count in counts) or "."),
    ]
    return (row, arch, *cells)
