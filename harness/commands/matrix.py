# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness matrix``: the suite on many kernels and architectures."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import Exit, HarnessError, InputError
from harness.host.cache import host_errors, locked
from harness.kernels.debug import find_debug
from harness.kernels.spec import DEBUG
from harness.matrix import cells, record, report
from harness.matrix.run import Runner, to_do
from harness.results.folder import latest, link_latest, make_folder
from harness.results.store import utc_now
from harness.run.child import LIMIT
from harness.run.settings import from_options
from harness.verdicts.verdict import Verdict, exit_code

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

# Its link is latest-matrix, beside latest-x86_64 and the others.
_FOLDER = "matrix"
TABLE = "matrix.txt"


def main(options: argparse.Namespace) -> int:
    """Run the cells that ``options`` select and print the table; return the worst exit code."""
    every = cells.load(options.cells or cells.CELLS)
    arches, kernels = _words(options.arch), _words(options.kernel)
    chosen = cells.choose(every, options.set, arches, kernels)
    if options.resume:
        folder, matrix = _last(options)
        known = {*(f"{cell.arch} {cell.kernel}" for cell in matrix.cells), *matrix.waiting}
        if not (arches or kernels):
            chosen = to_do([cell for cell in every if str(cell) in known], matrix)
        order = [cell for cell in every if str(cell) in known or cell in chosen]
    else:
        folder = make_folder(options.results, _FOLDER, options.set, datetime.now(UTC))
        link_latest(folder, _FOLDER)
        matrix, order = record.Matrix(options.set, utc_now()), chosen
    _build(chosen)
    runner = Runner(folder, matrix, _options(options), LIMIT * max(1.0, options.timeout_scale))
    interrupted = False
    with locked(folder / record.MATRIX, waiting=f"{folder} is being worked on"):
        try:
            runner.run(chosen, order)
        except KeyboardInterrupt:
            interrupted = True
    text = report.table(runner.matrix, folder)
    with host_errors(f"cannot write {folder / TABLE}"):
        (folder / TABLE).write_text(text, encoding="utf-8")
    print(f"\n{text}", end="")
    if interrupted:
        print("interrupted; --resume goes on with it")
        return Exit.INTERRUPTED
    waiting = [Verdict.MISS for _ in runner.matrix.waiting]
    return exit_code([*(cell.verdict for cell in runner.matrix.cells), *waiting])


def _build(chosen: Sequence[cells.Cell]) -> None:
    """Build the debug kernels among ``chosen``: a build is no part of a cell's time limit.

    One that cannot be built is left to its cell, which says why.
    """
    for cell in chosen:
        if cell.kernel.startswith(DEBUG):
            with contextlib.suppress(HarnessError):
                find_debug(cell.kernel, architectures.load(cell.arch))


def _last(options: argparse.Namespace) -> tuple[Path, record.Matrix]:
    """Return the folder of the last matrix, and what is known of it."""
    folder = latest(options.results, _FOLDER)
    if folder is None:
        raise InputError(f"there is no matrix in {options.results} to resume")
    matrix = record.load(folder)
    if options.set not in {matrix.name, cells.ALL}:
        raise InputError(f"the matrix in {folder} is '{matrix.name}', not '{options.set}'")
    return folder, matrix


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _options(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the words that every run is given besides its cell."""
    words = ["-n", options.n, *from_options(options).to_argv(without=("arch", "kernel"))]
    return (*words, "-k", options.k) if options.k else tuple(words)
