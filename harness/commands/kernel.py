# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness kernel``: what is known of a kernel, and whether a run would take it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from harness import architectures
from harness.contract.requirements import missing, requirements
from harness.errors import UntestableError
from harness.image import preflight
from harness.kernels.facts import facts
from harness.kernels.find import find
from harness.suite import programs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from harness.architectures import Recipe
    from harness.image.preflight import Preflight
    from harness.kernels.kernel import Kernel


def main(options: argparse.Namespace) -> int:
    """Print what is known of the kernel that ``options`` name.

    Returns 0, or 125 when a run would refuse it.
    """
    recipe = architectures.load(options.arch)
    kernel = preflight.informed(recipe, find(options.kernel, recipe))
    found = preflight.examine(recipe, kernel)
    for name, value in (*_facts(recipe, kernel, found), *_lacks(recipe, kernel, found)):
        # A path is not broken: it is there to be copied.
        lines = textwrap.wrap(value, 90, break_long_words=False, break_on_hyphens=False)
        print(f"{name + ':':10}" + f"\n{' ' * 10}".join(lines))
    return UntestableError.exit_code if found.problems else 0


def _facts(recipe: Recipe, kernel: Kernel, found: Preflight) -> Iterator[tuple[str, str]]:
    yield "release", kernel.release
    yield "version", str(kernel.version)
    yield "origin", kernel.origin
    image = facts(kernel.image, str(kernel.image), kernel.sha256)
    yield "image", str(kernel.image)
    yield "format", image.format
    yield "sha256", kernel.sha256
    config = kernel.config
    source = f"{config.source}, {len(config)} options"
    yield "config", source if config.whole else "not known: a guest will be asked"
    yield "modules", _modules(kernel, found)
    card = recipe.card(config)
    yield "network", f"{card.device.partition(',')[0]}, which needs {', '.join(card.modules)}"
    yield "symbols", f"{kernel.system_map or 'no System.map'}, {kernel.vmlinux or 'no vmlinux'}"
    for note in kernel.notes:
        yield "note", note


def _modules(kernel: Kernel, found: Preflight) -> str:
    if kernel.modules is None:
        return "none were found"
    refused = sum(why is not None for why in found.modules.values())
    loaded = f"{len(found.modules)} of them are loaded in a run"
    fit = f"{refused} of these do not fit" if refused else "these fit the image"
    demanded = f" ('{kernel.vermagic.strip()}')" if kernel.vermagic else ""
    return f"{len(kernel.modules.names())}; {loaded}, {fit}{demanded}"


def _lacks(recipe: Recipe, kernel: Kernel, found: Preflight) -> Iterator[tuple[str, str]]:
    built = programs.build(recipe)
    wanted = requirements(recipe, built, kernel.version, kernel.config)
    cases = {each.symbol: each.cases for each in wanted}
    for each in missing(wanted, kernel.config):
        if each.why is None:
            plural = "" if each.cases == 1 else "s"
            yield "lacks", f"{each.symbol}: {each.cases} case{plural} will be skipped"
    for symbol, why in found.lost.items():
        yield "lacks", f"{why}: {cases.get(symbol, 0)} cases cannot be tested (MISS)"
    for problem in found.problems:
        yield "problem", problem
    if found.problems:
        yield "verdict", "cannot be tested"
    else:
        yield "verdict", "can be tested, as far as is known without booting it"
