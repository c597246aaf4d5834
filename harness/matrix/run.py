# SPDX-License-Identifier: GPL-2.0-only
"""Run the cells of a matrix one after the other, and keep what each of them came to.

Each is a process of its own, ``python -m harness run``: what goes wrong in one, whatever it
is, does not reach the next.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.architectures import ROOT
from harness.errors import InputError
from harness.host.cache import host_errors
from harness.host.process import end, spawn
from harness.matrix import record
from harness.matrix.record import CellRecord, Matrix
from harness.results import store
from harness.results.store import utc_now
from harness.text import clean
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.matrix.cells import Cell

log = logging.getLogger("harness")

# Seconds after which a cell is ended, times the user's factor: it takes minutes.  A run has
# limits of its own for all that it waits for; this one is for what nobody thought of.
LIMIT = 3600.0
_LAST_OF_LOG = 16 << 10  # bytes


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
    harness: tuple[str, ...] = (sys.executable, "-m", "harness")

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
        before, began = set(self._folders()), time.monotonic()
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
            code, late = self._process(argv, self.folder / found.log)
            found = replace(found, exit_code=code)
            trouble = self._last_words(found.log)
            if late:
                trouble = f"it took more than {self.limit:.0f} s and was ended; {trouble}"
            found = replace(found, why=trouble)
        finally:
            found = replace(found, wall=round(time.monotonic() - began, 1))
            for folder in sorted(set(self._folders()) - before):
                with contextlib.suppress(InputError):
                    run = store.load(self.folder / folder)
                    found = record.learned(found, run, folder, trouble)
            known = {**record.known(self.matrix), _key(cell): found}
            self.matrix = replace(self.matrix, cells=tuple(known.values()))

    def _process(self, argv: Sequence[str], output: Path) -> tuple[int, bool]:
        """Run ``argv``; return its exit code, and whether it had to be ended for its time."""
        with host_errors(f"cannot write {output}"), output.open("wb") as file:
            # Where this command was called from, a kernel's relative path still means the same;
            # "python -m harness" is found from anywhere, as it is installed.
            child = spawn(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
            try:
                return child.wait(self.limit), False
            except subprocess.TimeoutExpired:
                return end(child), True
            except BaseException:
                end(child)
                raise

    def _folders(self) -> list[str]:
        """Return the names of the runs' folders."""
        paths = self.folder.iterdir()
        return [path.name for path in paths if path.is_dir() and not path.is_symlink()]

    def _last_words(self, name: str) -> str:
        """Return what a run's log says last that the harness itself said."""
        with (self.folder / name).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LAST_OF_LOG))
            lines = file.read().decode(errors="replace").splitlines()
        own = [line for line in lines if line.startswith("harness: ")]
        last = (own or [line for line in lines if line.strip()] or ["it said nothing"])[-1]
        return clean(last.removeprefix("harness: ").replace(str(ROOT), ".")).strip()


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
