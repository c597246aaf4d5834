# SPDX-License-Identifier: GPL-2.0-only
"""Build the guest's own programs, each from one file of ``images/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import compiler
from harness.cache import cache_dir, locked, new_file
from harness.recipes import IMAGES

if TYPE_CHECKING:
    from harness.recipes import Recipe

# Their names, and where they are in the guest.
PATHS = {"init": "init", "agent": "sbin/agent"}

_FLAGS = (*compiler.COMPILE, "-Os", *compiler.LINK)


def build(recipe: Recipe, name: str) -> bytes:
    """Return the program ``name`` for ``recipe``, from the cache when nothing changed.

    Raises HostError when there is no compiler, BuildError when it does not compile.
    """
    cc = compiler.find(recipe)
    source = f"{name}.c"
    path = cache_dir("native") / f"{recipe.arch}-{name}-{cc.made_from(IMAGES, _FLAGS, [source])}"
    with locked(path):
        if not path.exists():
            with new_file(path) as temporary:
                cc.compile(IMAGES, source, [*_FLAGS, "-o", str(temporary), source])
    return path.read_bytes()
