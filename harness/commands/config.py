# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness config``: what the suite asks of a kernel's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.contract.requirements import NEWEST, Requirement, fragment, missing, requirements
from harness.errors import Exit, InputError
from harness.kernels import config
from harness.kernels.find import find
from harness.kernels.version import Version
from harness.suite import programs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from harness.architectures import Recipe
    from harness.kernels.config import Config

# A .config has 300 KB.
_LARGEST = 4 << 20


def main(options: argparse.Namespace) -> int:
    """Print what is asked for; return Exit.UNTESTED if --check found an option missing, else 0."""
    recipe = architectures.load(options.arch)
    built = programs.build(recipe)
    if options.check is None:
        wanted = requirements(recipe, built, NEWEST)
        if options.fragment:
            print(f"# What uffd-minor-harness needs of a kernel for {recipe.arch}.")
            print(fragment(recipe, wanted), end="")
        else:
            print("\n".join(report(wanted)))
        return 0
    known, version = _configuration(options.check, recipe)
    wanted = requirements(recipe, built, version, known)
    lacking = missing(wanted, known)
    if not lacking:
        print(f"{options.check} has all of the {len(wanted)} options that the suite asks for")
        return 0
    if options.fragment:
        print(fragment(recipe, lacking), end="")
    else:
        print("\n".join([f"{options.check} lacks:", *report(lacking)]))
        print(f"\n'python -m harness config {recipe.arch} --fragment' prints lines that set them")
    return Exit.UNTESTED


def _configuration(spec: str, recipe: Recipe) -> tuple[Config, Version]:
    """Return the configuration that ``spec`` names, a .config or a kernel, and its version."""
    path = Path(spec).expanduser()
    if path.is_file() and path.stat().st_size <= _LARGEST:
        text = path.read_text(errors="replace")
        if found := config.parse(text, spec):
            version = config.version_of(text)
            return found, NEWEST if version is None else Version.parse(version)
    kernel = find(spec, recipe)
    if not kernel.config.whole:
        raise InputError(
            f"the configuration of {kernel.origin} is not known: it has none inside "
            "(CONFIG_IKCONFIG) and none beside it; name a .config"
        )
    return kernel.config, kernel.version


def report(wanted: Sequence[Requirement]) -> list[str]:
    """Return lines that say what ``wanted`` are for and what it costs to lack them."""
    lines = []
    width = max(len(each.symbol) for each in wanted)
    if vital := [each for each in wanted if each.why is not None]:
        lines.append("without it no case can be run:")
        for each in vital:
            module = ", or as a module" if each.module else ""
            lines.append(f"  {each.symbol:{width}}  {each.why}{module}")
    if others := [each for each in wanted if each.why is None]:
        lines.append("without it cases are skipped:")
        for each in others:
            rows = ", ".join(each.rows[:4]) + (", ..." if each.rows[4:] else "")
            number = f"{each.cases:4} case{'' if each.cases == 1 else 's'}"
            lines.append(f"  {each.symbol:{width}}  {number:10}  {rows}")
    return lines
