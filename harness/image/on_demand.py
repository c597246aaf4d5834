# SPDX-License-Identifier: GPL-2.0-only
"""Modules that only some cases ask for: pushed with the programs, and loaded by such a case.

Not in the image: the kernel would unpack them at each boot, 2.5 MB of ext4 among them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from harness.host.cache import cache_dir, locked, new_folder
from harness.image import modules

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel


def build(recipe: Recipe, kernel: Kernel) -> list[Path]:
    """Return the files to push, in order of their names: modules, and NAME.order for each list.

    A list names the files that ``modules_on_demand`` has under NAME and all they need, in the
    order they are loaded (guest_tests/lib/modules.c); it is empty when the kernel has them
    built in.  Raises InputError and HostError as the kernel's modules do.
    """
    found: dict[str, bytes] = {}
    for name, wanted in recipe.modules_on_demand.items():
        needed = {f"{module}.ko": data for module, data in modules.closure(wanted, kernel.modules)}
        found[f"{name}.order"] = "".join(f"{file}\n" for file in needed).encode()
        found |= needed
    if not found:
        return []
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}
    digest = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    folder = cache_dir("images") / f"{recipe.arch}-modules-{digest[:32]}"
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as building:
                for name, data in found.items():
                    (building / name).write_bytes(data)
    return [folder / name for name in sorted(found)]
