# SPDX-License-Identifier: GPL-2.0-only
"""Build the guest's own program, ``images/init/``: its init, and the agent that runs commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.architectures import IMAGES
from harness.host import compiler
from harness.host.cache import cache_dir, locked, new_file

if TYPE_CHECKING:
    from harness.architectures import Recipe

# Where it is in the guest, and its other name.
INIT = "init"
AGENT = "sbin/agent"

_FLAGS = (*compiler.COMPILE, "-Os", *compiler.LINK)


def build(recipe: Recipe) -> bytes:
    """Return the program for ``recipe``, from the cache when nothing changed.

    Raises HostError when there is no compiler, BuildError when it does not compile.
    """
    cc = compiler.find(recipe)
    folder = IMAGES / "init"
    sources = sorted(path.name for path in folder.glob("*.c"))
    headers = sorted(path.name for path in folder.glob("*.h"))
    name = f"{recipe.arch}-init-{cc.made_from(folder, _FLAGS, [*sources, *headers])}"
    path = cache_dir("native") / name
    with locked(path):
        if not path.exists():
            with new_file(path) as temporary:
                files = [f"{folder.name}/{source}" for source in sources]
                cc.compile(IMAGES, folder.name, [*_FLAGS, "-o", str(temporary), *files])
    return path.read_bytes()
