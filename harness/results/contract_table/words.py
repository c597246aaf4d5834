# SPDX-License-Identifier: GPL-2.0-only
"""What both forms of the table say, in the same words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from harness.results.contract_table.entries import by_arch_and_series
from harness.suite.variant import MEMORY_KINDS
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.contract_table.entries import Entry


LEGEND = (
    "where: versions in which the row applies, with some configuration; the one after 'until' is "
    "the first in which it does not. memory: what the cases run on. last: the newest verdicts of "
    "the row's cases, the worst of them for each architecture and series of kernels. known: the "
    "write-up in docs/findings.md of what is expected and should not be so."
)


class Count(NamedTuple):
    """How many rows an area has, and how they stand."""

    area: str
    rows: int
    with_case: int
    # Say why no case can verify them.
    without: int
    # No case verifies them yet.
    waiting: int


def no_case(entry: Entry) -> str:
    """Say why ``entry`` has no case."""
    return f"none: {entry.row.unverified}" if entry.row.unverified else "none yet"


def memory(entry: Entry) -> str:
    """Say what memory the cases of ``entry`` run on, and what the row speaks of besides."""
    parts = [
        kinds(entry.memory or entry.row.memory),
        f"also pages of {' '.join(entry.pages)}" if entry.pages else "",
        "also in 32-bit tasks on 64-bit kernels" if entry.row.compat else "",
        f"no case on {kinds(entry.lacking)}" if entry.lacking else "",
        f"pages of {' '.join(entry.row.pages)}" if entry.row.pages else "",
    ]
    return "; ".join(part for part in parts if part)


def kinds(names: Sequence[str]) -> str:
    """Return the names of kinds of memory; where a whole family is there, the family's."""
    found = []
    for name in names:
        family = name.partition("-")[0]
        members = {kind for kind in MEMORY_KINDS if kind.startswith(f"{family}-")}
        found.append(family if members and members <= set(names) else name)
    return " ".join(dict.fromkeys(found))


def places(entry: Entry) -> str:
    """Say on which architectures, and in which versions, the row applies."""
    return "; ".join(f"{' '.join(arches)}: {versions}" for arches, versions in entry.where)


def known(entry: Entry) -> str:
    """Name the findings about ``entry`` and say from which version on they are expected."""
    findings = [
        f"{expected.finding}{f' ({expected.since} on)' if expected.since else ''}"
        for expected in entry.row.expect
        if expected.finding
    ]
    return ", ".join(findings)


def summary(entries: Sequence[Entry]) -> list[Count]:
    """Count the rows of each area, and of all."""
    areas = dict.fromkeys(entry.row.area for entry in entries)
    return [
        *(_count(area, [entry for entry in entries if entry.row.area == area]) for area in areas),
        _count("total", entries),
    ]


def _count(area: str, entries: Sequence[Entry]) -> Count:
    with_case = sum(bool(entry.cases) for entry in entries)
    without = sum(bool(entry.row.unverified) for entry in entries)
    return Count(area, len(entries), with_case, without, len(entries) - with_case - without)


def tally(entries: Sequence[Entry]) -> list[str]:
    """Count the rows' last verdicts, a line for each architecture and series of kernels."""
    counts: dict[tuple[str, str], Counter[Verdict]] = {}
    for entry in entries:
        for last in entry.last:
            counts.setdefault((last.arch, last.series), Counter())[last.verdict] += 1
    return [
        f"{' '.join(key)}: "
        + ", ".join(
            f"{counts[key][verdict]} {verdict}" for verdict in Verdict if counts[key][verdict]
        )
        for key in sorted(counts, key=by_arch_and_series)
    ]
