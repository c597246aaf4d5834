# SPDX-License-Identifier: GPL-2.0-only
"""Find the kernel that a user names."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from harness.debian.mirror import RELEASES
from harness.errors import InputError
from harness.kernels import archives
from harness.kernels.debian import find_debian
from harness.kernels.debug import find_debug
from harness.kernels.files import find_in_deb, find_in_image, find_in_tar
from harness.kernels.folders import find_in_folder
from harness.kernels.spec import DEBIAN, DEBUG, EXPECTED, absolute

if TYPE_CHECKING:
    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

_SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


def find(spec: str, recipe: Recipe) -> Kernel:
    """Return the kernel that ``spec`` names, for the machine of ``recipe``.

    ``spec`` is ``debian:SUITE[:FLAVOUR][=VERSION]``, ``debug:NAME[:SUITE][=VERSION]`` (built for
    this), or the path of an image, of a linux-image .deb, of a tar that ``make tar-pkg`` wrote,
    or of a folder: a build tree, a tuxmake artifact directory, an unpacked package.  All paths in
    the result are absolute.
    Raises InputError that says what was found and what was expected, HostError when the mirror
    or the cache fails.
    """
    spec = absolute(spec)
    if spec.startswith(DEBIAN):
        return find_debian(spec, recipe)
    if spec.startswith(DEBUG):
        return find_debug(spec, recipe)
    try:
        kernel = _find_path(Path(spec), recipe)
    except OSError as error:
        message = f"cannot read {error.filename or spec}: {error.strerror}"
        raise InputError(message) from error
    return dataclasses.replace(kernel, spec=spec)


def _find_path(path: Path, recipe: Recipe) -> Kernel:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(_missing(path)) from error
    if stat.S_ISDIR(mode):
        return find_in_folder(path, recipe)
    if not stat.S_ISREG(mode):
        what = _SPECIAL.get(stat.S_IFMT(mode), "something else")
        raise InputError(f"{path} is neither a file nor a folder but {what}: {EXPECTED}")
    with path.open("rb") as file:
        package = file.read(8) == b"!<arch>\n"
    if package:
        return find_in_deb(path, recipe)
    return find_in_tar(path, recipe) if archives.is_tar(path) else find_in_image(path, recipe)


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to '{path.readlink()}', and that is not there"
    hint = f"; did you mean debian:{path.name}?" if path.name.startswith(RELEASES) else ""
    return f"there is no '{path}': {EXPECTED}{hint}"
