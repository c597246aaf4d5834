# SPDX-License-Identifier: GPL-2.0-only
"""The bench's result: a table for people, JSON for the next comparison."""

from __future__ import annotations

import json
import textwrap
import tomllib
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.cache import host_errors, new_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.host.machine import Host
    from harness.selftest.bench.figures import Figure

SCHEMA = 1
_TARGETS = Path(__file__).with_name("targets.toml")
_NAME_WIDTH = 48
_WIDTH = 96
_COLUMNS = f"{'median':>11}{'least':>9}{'most':>9}{'n':>4}   at most"


@dataclass
class Report:
    """One run of the bench; figures are added as they come."""

    # ISO 8601, UTC, seconds.
    date: str
    host: Host
    # As git describes it; "" when not known.
    harness: str
    arch: str
    # Release and origin of the kernel under test.
    kernel: str
    qemu: str
    # Name and reason.
    accelerator: str
    # Of the parts whose rounds are not fixed.
    rounds: int
    figures: list[Figure] = field(default_factory=list)


def targets(arch: str) -> dict[str, float]:
    """Return the most each figure's median may be, by the figure's key."""
    tables = tomllib.loads(_TARGETS.read_text("utf-8"))
    return {**tables["all"], **tables.get(arch, {})}


def to_json(report: Report) -> str:
    """Return the report as JSON: its fields, and of each figure the median and the target too."""
    most = targets(report.arch)
    figures = [
        {**asdict(each), "median": each.median, "at_most": most.get(each.key)}
        for each in report.figures
    ]
    return json.dumps({"schema": SCHEMA, **asdict(report), "figures": figures}, indent=1) + "\n"


def write_json(report: Report, path: Path) -> None:
    """Write the report to ``path``; HostError when that cannot be done."""
    with host_errors(f"cannot write {path}"), new_file(path) as temporary:
        temporary.write_text(to_json(report))
        temporary.chmod(0o644)


def table(report: Report) -> str:
    """Return the report as plain text."""
    host = report.host
    lines = [
        f"{report.arch}: {report.kernel}",
        f"qemu {report.qemu}, {report.accelerator}",
        f"harness {report.harness or 'of unknown version'}, {report.date}, {report.rounds} rounds",
        f"{host.cpu}, {host.cores} cores, {host.memory_mib} MiB, load {host.load:.1f} at the start",
    ]
    most = targets(report.arch)
    for part, figures in groupby(report.figures, key=lambda each: each.part):
        lines += ["", f"{part:{_NAME_WIDTH}}{_COLUMNS}"]
        for each in figures:
            lines += _row(each, most)
    return "\n".join(lines) + "\n"


def _row(each: Figure, most: Mapping[str, float]) -> Iterator[str]:
    name = f"  {each.name:{_NAME_WIDTH - 2}}"
    if each.median is None:
        yield f"{name}{'-':>11}"
    else:
        target = most.get(each.key)
        verdict = ""
        if target is not None:
            verdict = f"   {_number(target)} {'ok' if each.median <= target else 'MISSED'}"
        spread = f"{_number(min(each.values)):>9}{_number(max(each.values)):>9}"
        if len(each.values) == 1:
            spread = f"{'':18}"
        unit = f"{_number(each.median)} {each.unit:3}"
        yield f"{name}{unit:>11}{spread}{len(each.values):>4}{verdict}".rstrip()
    if each.note:
        yield from textwrap.wrap(
            f"({each.note})", _WIDTH, initial_indent="    ", subsequent_indent="     "
        )


def _number(value: float) -> str:
    """Return three digits or so: more is noise."""
    return (
        f"{value:.0f}"
        if abs(value) >= 100
        else f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
    )
