# SPDX-License-Identifier: GPL-2.0-only
"""Which kernels the matrix runs on which architectures: ``cells.toml``, read and chosen from."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import architectures
from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

CELLS = Path(__file__).with_name("cells.toml")
# The name of all cells together, where a set is named.
ALL = "all"
_KEYS = {"spec", "arches", "sets", "why"}


@dataclass(frozen=True)
class Cell:
    """One kernel on one architecture."""

    # As ``--arch`` and ``--kernel`` of a run take them.
    arch: str
    kernel: str
    # What it is there for.
    why: str = ""
    # Names of the smaller matrices that it belongs to.
    sets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return its name, fit for a file: "arm64-debian_sid_arm64-16k"."""
        return re.sub(r"[^A-Za-z0-9.+-]", "_", f"{self.arch}-{self.kernel}")

    def __str__(self) -> str:
        return f"{self.arch} {self.kernel}"


def load(path: Path = CELLS) -> list[Cell]:
    """Read the cells in their order; InputError when the file is malformed."""
    try:
        kernels = tomllib.loads(path.read_text("utf-8")).get("kernel", [])
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not isinstance(kernels, list) or not kernels:
        raise InputError(f"{path}: no [[kernel]] in it")
    cells = [cell for n, table in enumerate(kernels) for cell in _cells(table, f"{path} [{n}]")]
    if double := [cell for n, cell in enumerate(cells) if _key(cell) in map(_key, cells[:n])]:
        raise InputError(f"{path}: {double[0]} is in it twice")
    return cells


def choose(
    cells: Sequence[Cell], name: str = ALL, arches: Sequence[str] = (), kernels: Sequence[str] = ()
) -> list[Cell]:
    """Return those of the set ``name`` that are of ``arches`` and ``kernels``; empty is any.

    Raises InputError when a name fits no cell, or all together fit none.
    """
    for what, wanted, known in (
        ("set", [name], {ALL, *(each for cell in cells for each in cell.sets)}),
        ("architecture", arches, {cell.arch for cell in cells}),
        ("kernel", kernels, {cell.kernel for cell in cells}),
    ):
        if unknown := [one for one in wanted if one not in known]:
            expected = ", ".join(sorted(known))
            raise InputError(f"the matrix has no {what} '{unknown[0]}': expected {expected}")
    chosen = [
        cell
        for cell in cells
        if (name == ALL or name in cell.sets)
        and (not arches or cell.arch in arches)
        and (not kernels or cell.kernel in kernels)
    ]
    if not chosen:
        raise InputError("the matrix has no cell of that set, architecture and kernel at once")
    return chosen


def _key(cell: Cell) -> tuple[str, str]:
    return cell.arch, cell.kernel


def _cells(table: Any, where: str) -> list[Cell]:  # noqa: ANN401
    if not isinstance(table, dict) or set(table) - _KEYS or not {"spec", "arches"} <= set(table):
        raise InputError(f"{where}: expected spec, arches, and perhaps sets and why")
    spec, why = table["spec"], table.get("why", "")
    arches, sets = table["arches"], table.get("sets", [])
    if not (isinstance(spec, str) and isinstance(why, str) and spec):
        raise InputError(f"{where}: spec and why are text")
    if not (_is_list(arches) and _is_list(sets) and arches):
        raise InputError(f"{where}: arches and sets are lists of text")
    if unknown := [arch for arch in arches if arch not in architectures.names()]:
        expected = ", ".join(architectures.names())
        raise InputError(f"{where}: arch '{unknown[0]}': expected {expected}")
    return [Cell(arch, spec, why, tuple(sets)) for arch in arches]


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
