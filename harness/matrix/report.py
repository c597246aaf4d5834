# SPDX-License-Identifier: GPL-2.0-only
"""A matrix as a table for people: a line for each cell, then what was wrong, skipped, known."""

from __future__ import annotations

import logging
import textwrap
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.results import store
from harness.text import clean
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.matrix.record import CellRecord, Matrix
    from harness.results.record import Run

log = logging.getLogger("harness")

WIDTH = 96  # characters
# Of one cell: a kernel that does nothing right would fill the screen.
MAX_PROBLEMS = 10
_FINE = (Verdict.PASS, Verdict.SKIP)


@dataclass
class _Told:
    """What the cells' cases say together."""

    problems: list[str] = field(default_factory=list)
    # Reason -> cells; and how many cases.
    skips: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    skipped: Counter[str] = field(default_factory=Counter)
    # Finding -> cells whose cases found the kernel to be as it says.
    findings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def table(matrix: Matrix, folder: Path) -> str:
    """Return ``matrix``, whose runs are in ``folder``, as plain text."""
    told = _Told()
    for cell in matrix.cells:
        if cell.folder:
            try:
                _read(cell, store.load(folder / cell.folder), folder, told)
            except HarnessError as error:
                log.warning("%s", clean(str(error)))
    sections = [
        _cells(matrix),
        told.problems,
        _grouped("skipped, cases:", told.skips, told.skipped),
        _grouped("known issues, as docs/findings.md has them:", told.findings),
        _facts(matrix, folder),
    ]
    return "\n\n".join(text for text in map("\n".join, sections) if text) + "\n"


def _cells(matrix: Matrix) -> Iterator[str]:
    """Yield a line for each cell, those of an architecture together."""
    cells = sorted(matrix.cells, key=lambda cell: [c.arch for c in matrix.cells].index(cell.arch))
    arch = max([len(cell.arch) for cell in cells], default=0) + 1
    first = arch + max([len(cell.kernel) for cell in cells], default=0) + 1
    second = max([len(_version(cell)) for cell in cells], default=0) + 1
    heads = " ".join(f"{verdict.value:>5}" for verdict in Verdict)
    slow = any(cell.slowness > 1 for cell in cells)
    yield f"{'':{first}}{'version':{second}}{heads}  min:s{' limits' if slow else ''}"
    before = None
    for cell in cells:
        name = f"{cell.arch if cell.arch != before else '':{arch}}{cell.kernel}"
        before = cell.arch
        counts = cell.counts or {}
        numbers = " ".join(f"{counts.get(verdict.value) or '.':>5}" for verdict in Verdict)
        factor = f" x{cell.slowness:.1f}".rjust(7) if slow and cell.counts else ""
        yield f"{name:{first}}{_version(cell):{second}}{numbers} {_time(cell.wall):>6}{factor}"
        if cell.why:
            yield from _wrapped(f"{cell.verdict.value}: {cell.why}", " " * 8)
    for cell_name in matrix.waiting:
        yield f"{cell_name:{first}}not run"


def _version(cell: CellRecord) -> str:
    """Return the version of its package, which tells 7.3-rc7 from 7.3, else upstream's."""
    packaged = cell.kernel.startswith(("debian:", "debug:")) and cell.origin.rpartition(" ")[2]
    return clean(packaged or cell.version) or "-"


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _read(cell: CellRecord, run: Run, folder: Path, told: _Told) -> None:
    name = f"{cell.arch} {cell.kernel}"
    bad = [case for case in run.cases if case.verdict not in _FINE]
    for case in bad[:MAX_PROBLEMS]:
        memory = f"[{case.memory}]" if case.memory else ""
        told.problems.append(f"{case.verdict.value:5} {name}: {case.program}.{case.name}{memory}")
        told.problems += _wrapped(case.message or "(no message)", "      ")
        if case.rerun:
            told.problems.append(clean(f"      run again: {case.rerun}"))
    if len(bad) > MAX_PROBLEMS:
        told.problems.append(f"      and {len(bad) - MAX_PROBLEMS} more: {folder / cell.folder}")
    for case in run.cases:
        if case.verdict is Verdict.SKIP:
            _add(told.skips[case.message], name)
            told.skipped[case.message] += 1
        elif case.verdict is Verdict.PASS:
            for finding in case.findings:
                _add(told.findings[finding], name)


def _add(cells: list[str], name: str) -> None:
    """Add the cell that is being read, once."""
    if name not in cells[-1:]:
        cells.append(name)


def _grouped(
    title: str, cells: dict[str, list[str]], counts: Counter[str] | None = None
) -> Iterator[str]:
    """Return for each text in which cells it was said, the most frequent first."""
    if cells:
        yield title
    order = sorted(cells, key=lambda text: (-counts[text] if counts else 0, text))
    for text in order:
        number = f"{counts[text]:5}  " if counts else "  "
        said = f"{number}{text} [{_places(cells[text])}]"
        yield from textwrap.wrap(
            clean(said), WIDTH, subsequent_indent=" " * len(number), break_on_hyphens=False
        )


def _places(cells: list[str]) -> str:
    """Name cells, those of an architecture together: "arm64 bookworm, sid; i386 bookworm"."""
    kernels: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        arch, _, kernel = cell.partition(" ")
        kernels[arch].append(kernel.removeprefix("debian:"))
    return "; ".join(f"{arch} {', '.join(each)}" for arch, each in kernels.items())


def _facts(matrix: Matrix, folder: Path) -> Iterator[str]:
    good = sum(cell.verdict is Verdict.PASS for cell in matrix.cells)
    total = len(matrix.cells) + len(matrix.waiting)
    yield (
        f"{good} of {total} cells green, {_time(sum(c.wall for c in matrix.cells))} min:s "
        f"together; {matrix.name}, begun {matrix.started}"
    )
    yield f"results: {folder}"


def _wrapped(text: str, indent: str) -> Sequence[str]:
    return textwrap.wrap(
        clean(text.replace("\n", " ")),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
