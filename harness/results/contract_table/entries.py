# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each row: its cases, where it applies, its last verdicts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import InputError
from harness.kernels.config import UNKNOWN
from harness.kernels.version import Version
from harness.suite.variant import MEMORY_KINDS, PAGE_SIZES, TASKS, variant
from harness.text import clean
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.contract import model
    from harness.contract.model import Contract, Row
    from harness.results.record import CaseRecord, Run
    from harness.suite.catalog import Case

# Of several cases of one row the first of these speaks for it.
_WORST = (Verdict.FAIL, Verdict.ERROR, Verdict.MISS, Verdict.PASS, Verdict.SKIP)


@dataclass(frozen=True)
class Last:
    """The last verdict on a row, for one architecture and one series of kernels."""

    arch: str
    # "6.12"
    series: str
    verdict: Verdict
    # The case that gave it, as "continue.hole_refused[hugetlb-shared]".
    case: str
    # What it said; "" for PASS.
    message: str
    # The kernel's release, the run's name and its time: ISO 8601, UTC.
    release: str
    run: str
    started: str


@dataclass(frozen=True)
class Entry:
    """All that is known of one row."""

    row: Row
    # Names of the cases that verify it, as "continue.hole_refused".
    cases: tuple[str, ...]
    # Kinds of memory that they run on, and those that the row speaks of besides.
    memory: tuple[str, ...]
    lacking: tuple[str, ...]
    # Sizes of huge pages, beside the usual one, that they run on.
    pages: tuple[str, ...]
    # Architectures, and in which versions the row applies there: "5.13 on".
    where: tuple[tuple[tuple[str, ...], str], ...]
    # What is expected, the first that fits first: of the kernels that were asked about.
    expect: tuple[model.Entry, ...]
    # The last of these fits all of those kernels, on any memory and in any task.
    settled: bool
    last: tuple[Last, ...]


def entries(
    contract: Contract,
    cases: Sequence[Case],
    runs: Iterable[Run] = (),
    *,
    arch: str | None = None,
    version: Version | None = None,
) -> list[Entry]:
    """Put together what is known of each row, in the contract's order.

    ``arch`` and ``version`` are the kernels to say the expectations of; None: of any.  Of
    ``runs``, in any order, the newest record of each case on each kind of memory counts, for
    each architecture and series of kernels; records of cases that are no more do not.
    """
    named: dict[str, list[Case]] = {}
    for case in cases:
        for row in case.rows:
            named.setdefault(row, []).append(case)
    newest = _newest(runs)
    return [
        _entry(contract, row, named.get(row.id, []), newest, _Asked(arch, version))
        for row in contract.rows.values()
    ]


_Newest = dict[tuple[str, str, str, str, str], tuple["Run", "CaseRecord"]]


def _newest(runs: Iterable[Run]) -> _Newest:
    """Return the newest record of each (arch, series, program, case, memory)."""
    newest: _Newest = {}
    for run in sorted(runs, key=lambda run: run.started):
        series = _series(run.kernel.version)
        for record in run.cases:
            key = (run.arch, series, record.program, record.name, record.memory)
            newest[key] = (run, record)
    return newest


def _series(version: str) -> str:
    try:
        parsed = Version.parse(version)
    except InputError:
        return _line(version) or "?"
    return f"{parsed.major}.{parsed.minor}"


@dataclass(frozen=True)
class _Asked:
    """The kernels to say the expectations of; None: of any."""

    arch: str | None
    version: Version | None

    def some(self, entry: model.Entry) -> bool:
        """Return True if ``entry`` fits some of these kernels."""
        if self.arch is not None and entry.arch and self.arch not in entry.arch:
            return False
        return self.version is None or (
            (entry.since is None or self.version >= entry.since)
            and (entry.until is None or self.version < entry.until)
        )

    def all(self, entry: model.Entry) -> bool:
        """Return True if ``entry``, which fits some, fits all of these kernels, whatever is run."""
        return (
            (self.arch is not None or not entry.arch)
            and (self.version is not None or not (entry.since or entry.until))
            and not (entry.memory or entry.task or entry.config)
        )


def _entry(
    contract: Contract, row: Row, cases: list[Case], newest: _Newest, asked: _Asked
) -> Entry:
    where = _where(contract, row)
    expect = _reachable(row.expect, asked)
    variants = [variant(word) for case in cases for word in case.memory]
    ran, sizes = ({runs.kind for runs in variants}, {runs.pages for runs in variants})
    return Entry(
        row=row,
        cases=tuple(f"{case.program.name}.{case.name}" for case in cases),
        memory=tuple(kind for kind in MEMORY_KINDS if kind in ran),
        lacking=tuple(
            kind for kind in row.memory if ran and kind not in ran and kind in MEMORY_KINDS
        ),
        pages=tuple(size for size in PAGE_SIZES if size in sizes),
        where=where,
        expect=expect,
        settled=bool(expect) and asked.all(expect[-1]),
        last=_last(row, cases, newest, {arch for arches, _ in where for arch in arches}),
    )


def _reachable(expect: Iterable[model.Entry], asked: _Asked) -> tuple[model.Entry, ...]:
    """Return those of ``expect`` that can be the first to fit a kernel that is asked about."""
    found: list[model.Entry] = []
    for entry in filter(asked.some, expect):
        found.append(entry)
        if asked.all(entry):
            break
    return tuple(found)


def _last(row: Row, cases: list[Case], newest: _Newest, about: set[str]) -> tuple[Last, ...]:
    """Return the worst of the newest verdicts on ``row`` for each architecture and series.

    A SKIP on an architecture that the row is not ``about`` says nothing.
    """
    known = {(case.program.name, case.name) for case in cases}
    last: dict[tuple[str, str], Last] = {}
    for (arch, series, program, name, memory), (run, record) in newest.items():
        if (program, name) not in known or row.id not in record.rows:
            continue
        if record.verdict is Verdict.SKIP and arch not in about:
            continue
        other = last.get((arch, series))
        if other and _WORST.index(other.verdict) <= _WORST.index(record.verdict):
            continue
        last[arch, series] = Last(
            arch=_line(arch),
            series=series,
            verdict=record.verdict,
            case=_line(f"{program}.{name}" + (f"[{memory}]" if memory else "")),
            message=_line(record.message),
            release=_line(run.kernel.release),
            run=_line(run.id),
            started=_line(run.started),
        )
    return tuple(last[key] for key in sorted(last, key=by_arch_and_series))


def by_arch_and_series(key: tuple[str, str]) -> tuple[str, Version, str]:
    """Return what to sort architectures and series by: 6.12 comes after 6.6."""
    try:
        return key[0], Version.parse(key[1]), key[1]
    except InputError:
        return key[0], Version(0, 0), key[1]


def _where(contract: Contract, row: Row) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Return where ``row`` applies, on any memory, in any task, with some configuration."""
    edges = {version for entry in row.expect for version in (entry.since, entry.until) if version}
    versions = [Version(0, 0), *sorted(edges)]
    found: dict[str, list[str]] = {}
    for arch in architectures.names():
        applies = [_applies(contract, row, arch, version) for version in versions]
        found.setdefault(_ranges(versions, applies), []).append(arch)
    return tuple((tuple(arches), text) for text, arches in found.items() if text)


def _applies(contract: Contract, row: Row, arch: str, version: Version) -> bool:
    asked = itertools.product((*row.memory, None), TASKS)
    return any(
        contract.expectation(row.id, arch, version, UNKNOWN, memory, task).skip is None
        for memory, task in asked
    )


def _ranges(versions: list[Version], applies: list[bool]) -> str:
    """Return in which versions something applies, given from which on it does and does not.

    "5.13 until 6.2, 6.12 on": the version after "until" is the first in which it does not.
    """
    if all(applies):
        return "all versions"
    parts: list[str] = []
    changes = zip(versions, applies, [None, *applies], strict=False)
    for version, now, before in changes:
        if now and not before:
            parts.append(f"{version} on" if version > Version(0, 0) else "")
        elif before and not now:
            parts[-1] = f"{parts[-1].removesuffix(' on')} until {version}".strip()
    return ", ".join(parts)


def _line(text: str) -> str:
    return clean(" ".join(text.split())).strip()
