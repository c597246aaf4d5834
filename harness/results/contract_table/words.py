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

    from harness.contract import model
    from harness.results.contract_table.entries import Entry


LEGEND = (
    "expects: the first in the list that is for a kernel counts; what made it so is in brackets. "
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
    """Return why ``entry`` has no case."""
    return entry.row.unverified or "no case yet"


def memory(entry: Entry) -> str:
    """Return what memory the cases of ``entry`` run on, and what the row speaks of besides."""
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


def expectations(entry: Entry) -> list[str]:
    """Return what is expected on which kernels and why, in the order in which they are tried."""
    said = [f"{_kernels(expected)}: {_expected(expected)}" for expected in entry.expect]
    if not entry.settled:
        # The contract's own rule (harness.contract.model, Contract.expectation).
        valued = any(expected.value is not None for expected in entry.row.expect)
        rest = "not known, its cases are skipped" if valued else "it holds"
        said.append(f"otherwise: {rest}" if said else rest)
    return said


def _kernels(expected: model.Entry) -> str:
    since, until = (str(v) if v else "" for v in (expected.since, expected.until))
    versions = f"{since} until {until}" if until else f"{since} on" if since else ""
    parts = [
        " ".join(expected.arch),
        versions.strip(),
        f"on {kinds(expected.memory)}" if expected.memory else "",
        f"{'32-bit' if expected.task == 'compat' else expected.task} task" if expected.task else "",
        expected.config or "",
    ]
    return ", ".join(part for part in parts if part) or "any kernel"


def _expected(expected: model.Entry) -> str:
    if expected.skip is not None:
        said = f"does not apply, {expected.skip}"
    else:
        said = "it holds" if expected.value is None else expected.value
    said += f", known issue {expected.finding}" if expected.finding else ""
    return said + (f" [{expected.why}]" if expected.why else "")


def kernels(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return the architectures and series of kernels that there are verdicts of, in order."""
    found = {(last.arch, last.series) for entry in entries for last in entry.last}
    return sorted(found, key=by_arch_and_series)


def unverified(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return the rows that no case verifies, each with the reason."""
    return [(entry.row.id, no_case(entry)) for entry in entries if not entry.cases]


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
