# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness contract``: what must hold on which kernel, and who has seen it hold."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from harness import architectures
from harness.commands.output import show
from harness.contract import reader
from harness.errors import InputError
from harness.kernels.version import Version
from harness.results import contract_table
from harness.results.store import load
from harness.suite import catalog, programs

if TYPE_CHECKING:
    import argparse

    from harness.contract.model import Contract
    from harness.results.contract_table import Entry


def main(options: argparse.Namespace) -> int:
    """Print the rows that ``options`` name, or write them to a file; return 0.

    Raises InputError for a row, an architecture, a version or a run that is none.
    """
    recipe = architectures.load(options.arch) if options.arch else architectures.for_host()
    version = Version.parse(options.kernel_version) if options.kernel_version else None
    contract = _chosen(reader.load(), options.rows)
    runs = [load(path) for path in options.run]
    # All architectures have the same cases; those of this one can be built anywhere.
    built = catalog.load(programs.build(recipe))
    cases = [case for of_program in built.values() for case in of_program]
    entries = contract_table.entries(contract, cases, runs, arch=options.arch, version=version)
    show(_render(entries, options.format), options.output)
    return 0


def _chosen(contract: Contract, names: list[str]) -> Contract:
    """Return the rows of ``contract`` that ``names`` name or begin; all without names."""
    for name in names:
        if not any(row.startswith(name) for row in contract.rows):
            areas = sorted({row.partition("-")[0] for row in contract.rows})
            raise InputError(f"no row '{name}': expected one such as CON-04, or {', '.join(areas)}")
    chosen = {
        name: row
        for name, row in contract.rows.items()
        if not names or any(name.startswith(wanted) for wanted in names)
    }
    return replace(contract, rows=chosen)


def _render(entries: list[Entry], name: str) -> str:
    match name:
        case "html":
            return contract_table.html(entries)
        case "md":
            return contract_table.as_markdown(entries)
        case "json":
            return contract_table.as_json(entries)
        case _:
            return contract_table.text(entries, shutil.get_terminal_size().columns)
