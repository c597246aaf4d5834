# SPDX-License-Identifier: GPL-2.0-only
"""A small kernel, built from the fragments in ``guest_tests/mutants/kernel/``.

The fragments stand over allnoconfig: ``config`` for all architectures, ``config-ARCH`` for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels.build import Build
from harness.selftest.mutation.mutants import MUTANTS

if TYPE_CHECKING:
    from harness.architectures import Recipe
    from harness.kernels.source import Source


def build_of(tree: Source, recipe: Recipe) -> Build:
    """Return the build of ``tree`` for one architecture, in a folder beside it.

    Raises InputError when no mutant of that architecture can be built.
    """
    kernel = MUTANTS / "kernel"
    own = kernel / f"config-{recipe.arch}"
    if not own.is_file():
        raise InputError(f"no mutant of {recipe.arch} can be built: there is no {own}")
    fragment = (kernel / "config").read_text() + own.read_text()
    return Build(tree.source, tree.folder / recipe.arch, recipe, fragment)
