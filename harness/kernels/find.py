# SPDX-License-Identifier: GPL-2.0-only
"""Find the kernel that a user names."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from harness.debian.mirror import RELEASES
from harness.errors import InputError
from harness.kernels.debian import find_debian
from harness.kernels.debug import PREFIX, find_debug
from harness.kernels.files import find_in_deb, find_in_image
from harness.kernels.folders import find_in_folder

if TYPE_CHECKING:
    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

_EXPECTED = (
    "expected debian:SUITE[:FLAVOUR][=VERSION], debug:NAME[:SUITE][=VERSION], a kernel image, "
    "a linux-image .deb, a kernel's build tree, or a tuxmake artifact directory"
)


def find(spec: str, recipe: Recipe) -> Kernel:
    """Return the kernel that ``spec`` names, for the machine of ``recipe``.

    ``spec`` is ``debian:SUITE[:FLAVOUR][=VERSION]``, ``debug:NAME[:SUITE][=VERSION]`` (built
    for this), or the path of an image, of a linux-image .deb, of a build tree or of a tuxmake
    artifact directory.  Raises InputError that says what was found and what was expected,
    HostError when the mirror, the cache or the build fails.
    """
    if spec.startswith("debian:"):
        return find_debian(spec, recipe)
    if spec.startswith(PREFIX):
        return find_debug(spec, recipe)
    path = Path(spec).expanduser()
    return dataclasses.replace(_find_path(path, spec, recipe), spec=str(path.absolute()))


def _find_path(path: Path, spec: str, recipe: Recipe) -> Kernel:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return find_in_folder(path, recipe)
        if not stat.S_ISREG(mode):
            message = f"{spec} is neither a file nor a folder: {_EXPECTED}"
            raise InputError(message)
        with path.open("rb") as file:
            package = file.read(8) == b"!<arch>\n"
    except FileNotFoundError as error:
        hint = f"; did you mean debian:{spec}?" if spec.startswith(RELEASES) else ""
        message = f"there is no '{spec}': {_EXPECTED}{hint}"
        raise InputError(message) from error
    except OSError as error:
        message = f"cannot read {error.filename or spec}: {error.strerror}"
        raise InputError(message) from error
    return find_in_deb(path, recipe) if package else find_in_image(path, recipe)
