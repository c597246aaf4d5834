# SPDX-License-Identifier: GPL-2.0-only
"""Run the cells of a matrix one after the other, and keep what each of them came to.

Each is a process of its own, ``python -m harness run``: what goes wrong in one, whatever it
is, does not reach the next.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.matrix import record
from harness.matrix.record import CellRecord, Matrix
from harness.results import store
from harness.results.store import utc_now
from harness.run.child import HARNESS, LIMIT, last_words, run_child, run_folders
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.matrix.cells import Cell

log = logging.getLogger("harness")


@dataclass
class Runner:
    """One matrix in its folder."""

    folder: Path
    matrix: Matrix
    # Of every run: words of its command line after those that name the cell.
    options: tuple[str, ...] = ()
    # Seconds that a cell may take.
    limit: float = LIMIT
    # What is put before ``run``.
    harness: tuple[str, ...] = HARNESS

    def run(self, cells: Sequence[Cell], order: Sequence[Cell]) -> None:
        """Run ``cells``; what is known is written after each of them.

        ``order`` is that of the record, and names all cells of the matrix.  An interrupt
        (KeyboardInterrupt) goes through, when the cell that it met has been kept.
        """
        self._keep(order)
        try:
            for number, cell in enumerate(cells, 1):
                log.info("matrix: %d of %d: %s", number, len(cells), cell)
                try:
                    self._cell(cell)
                finally:
                    self._keep(order)
                log.info("matrix: %s: %s", cell, said(record.known(self.matrix)[_key(cell)]))
        finally:
            self.matrix = replace(self.matrix, finished=utc_now())
            self._keep(order)

    def _keep(self, order: Sequence[Cell]) -> None:
        known = record.known(self.matrix)
        self.matrix = replace(
            self.matrix,
            cells=tuple(known[_key(cell)] for cell in order if _key(cell) in known),
            waiting=tuple(str(cell) for cell in order if _key(cell) not in known),
        )
        record.save(self.matrix, self.folder)

    def _cell(self, cell: Cell) -> None:
        argv = (*self.harness, "run", "--arch", cell.arch, "--kernel", cell.kernel)
        argv += ("--results", str(self.folder), *self.options)
        before, began = set(run_folders(self.folder)), time.monotonic()
        found = CellRecord(
            arch=cell.arch,
            kernel=cell.kernel,
            verdict=Verdict.MISS,
            why="interrupted",
            exit_code=0,
            started=utc_now(),
            wall=0.0,
            log=f"{cell.name}.log",
            command=argv,
        )
        trouble = "it was interrupted"
        try:
            code, late = run_child(argv, self.folder / found.log, self.limit)
            found = replace(found, exit_code=code)
            trouble = last_words(self.folder / found.log)
            if late:
                trouble = f"it took more than {self.limit:.0f} s and was ended; {trouble}"
            found = replace(found, why=trouble)
        finally:
            found = replace(found, wall=round(time.monotonic() - began, 1))
            for folder in sorted(set(run_folders(self.folder)) - before):
                with contextlib.suppress(InputError):
                    run = store.load(self.folder / folder)
                    found = record.learned(found, run, folder, trouble)
            known = {**record.known(self.matrix), _key(cell): found}
            self.matrix = replace(self.matrix, cells=tuple(known.values()))


def said(cell: CellRecord) -> str:
    """Return in a few words what ``cell`` came to."""
    if cell.counts is None:
        return f"{cell.verdict.value}: {cell.why}"
    counts = ", ".join(f"{count} {name}" for name, count in cell.counts.items() if count)
    why = f": {cell.why}" if cell.why else ""
    return f"{cell.verdict.value}{why} ({counts or 'no cases'}, {cell.wall:.0f} s)"


def to_do(cells: Sequence[Cell], matrix: Matrix) -> list[Cell]:
    """Return those of ``cells`` of which nothing is known yet: not run, cut, or a MISS."""
    known = record.known(matrix)
    found = [(cell, known.get(_key(cell))) for cell in cells]
    return [
        cell
        for cell, last in found
        if not last or not last.complete or last.verdict is Verdict.MISS
    ]


def _key(cell: Cell) -> tuple[str, str]:
    return cell.arch, cell.kernel
