# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of a matrix: matrix.json, schema 1, which docs/matrix.md describes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping  # noqa: TC003 (codec resolves the annotations)
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.cache import new_file
from harness.host.codec import from_json, to_json
from harness.results.record import slowness
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.record import Run

MATRIX = "matrix.json"
SCHEMA = 1


@dataclass(frozen=True)
class CellRecord:
    """One kernel on one architecture, and what was learned of it."""

    arch: str
    kernel: str  # as --kernel names it
    verdict: Verdict  # the worst that matters; MISS when nothing was learned
    why: str  # of a MISS of the whole cell, one line; else ""
    exit_code: int  # of its run; minus the signal that ended it
    started: str  # ISO 8601, UTC, seconds
    wall: float  # seconds, everything in it: fetching, building, booting, running
    log: str  # file of what the run printed, beside matrix.json
    command: tuple[str, ...]  # argv of its run
    folder: str = ""  # of its run's results, beside matrix.json; "" when it came to none
    release: str = ""  # as uname -r prints it
    version: str = ""  # upstream, with the patch level when it is known
    origin: str = ""  # the package that it came from
    prepared: float | None = None  # seconds until the first case could run, of wall
    counts: Mapping[str, int] | None = None  # cases by verdict; None without a run
    complete: bool = False  # the run came to its end: every case has its verdict
    slowness: float = 1.0  # factor on its time limits, as measured


@dataclass(frozen=True)
class Matrix:
    """All cells that are known so far, in the order of cells.toml."""

    name: str  # the set
    started: str  # ISO 8601, UTC, seconds
    finished: str | None = None  # the same; None until it ended or was interrupted
    cells: tuple[CellRecord, ...] = ()
    waiting: tuple[str, ...] = ()  # cells that have not been run
    schema: int = SCHEMA


def known(matrix: Matrix) -> dict[tuple[str, str], CellRecord]:
    """Return the cells by architecture and kernel."""
    return {(cell.arch, cell.kernel): cell for cell in matrix.cells}


def learned(cell: CellRecord, run: Run, folder: str, trouble: str) -> CellRecord:
    """Return ``cell`` with what ``run``, in ``folder``, says.

    ``trouble`` is why the run broke off, for when it did.  A run that is not whole, or that
    calls itself bad though its cases do not say so, is a MISS: it must not look green.
    """
    counts = Counter(case.verdict for case in run.cases)
    verdict, why = _judge(counts), ""
    if verdict is not Verdict.FAIL and not run.complete:
        verdict, why = Verdict.MISS, f"the run broke off: {trouble}"
    elif verdict is Verdict.PASS and cell.exit_code:
        verdict, why = Verdict.MISS, f"the run ended with {cell.exit_code}: {trouble}"
    elif verdict is Verdict.MISS and not counts[Verdict.MISS]:
        why = "not one case applied"
    return replace(
        cell,
        verdict=verdict,
        why=why,
        folder=folder,
        release=run.kernel.release,
        version=run.kernel.version,
        origin=run.kernel.origin,
        prepared=run.durations.get("startup"),
        counts={one.value: counts[one] for one in Verdict},
        complete=run.complete,
        slowness=slowness(run),
    )


def _judge(counts: Mapping[Verdict, int]) -> Verdict:
    for verdict in (Verdict.FAIL, Verdict.MISS, Verdict.ERROR, Verdict.PASS):
        if counts[verdict]:
            return verdict
    return Verdict.MISS


def save(matrix: Matrix, folder: Path) -> None:
    """Write ``matrix`` to ``folder``, whole; HostError when that cannot be done."""
    with new_file(folder / MATRIX) as temporary:
        temporary.write_text(json.dumps(to_json(matrix), indent=1) + "\n", encoding="utf-8")
        # mkstemp(3) makes it 0600; others read a CI job's results.
        temporary.chmod(0o644)


def load(folder: Path) -> Matrix:
    """Read the matrix in ``folder``; InputError when there is none or it is not of this schema."""
    path = folder / MATRIX
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise InputError(f"{path}: this harness reads schema {SCHEMA}")
    return from_json(Matrix, value)
