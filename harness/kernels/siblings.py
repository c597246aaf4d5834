# SPDX-License-Identifier: GPL-2.0-only
"""The .debs that a kernel is split over: those that belong to one, from the same folder."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from harness.debian.deb import field
from harness.errors import InputError

# What else is in a package of the same release: the kernel and its configuration (Debian since
# 6.19), its modules (Debian, Ubuntu), more of them (Ubuntu).
_PARTS = ("binary", "modules", "base", "modules-extra", "image-extra")


def release_of(package: str) -> str:
    """Return the release that the name of a linux-image package ends with.

    Ubuntu's kernels before signing, its mainline builds among them, are called
    linux-image-unsigned-REL; Debian's linux-image-REL-unsigned.
    """
    return package.removeprefix("linux-image-").removeprefix("unsigned-").removesuffix("-unsigned")


def siblings(path: Path, package: str, version: str) -> list[Path]:
    """Return the .debs beside ``path``, or what it resolves to, with other parts of its kernel.

    ``package`` and ``version`` are what ``path`` says it is.  Of a part that is there in several
    versions it is the one of the same version.  Raises InputError when none of them is.
    """
    release = release_of(package)
    found = []
    real = Path(os.path.realpath(path))
    folders = dict.fromkeys([path.parent, real.parent])
    for part in _PARTS:
        name = f"linux-{part}-{release}"
        # That the name begins so is not enough: REL may be the start of another release.
        pattern = f"{glob.escape(name)}_*.deb"
        there = next((sorted(f.glob(pattern)) for f in folders if any(f.glob(pattern))), [])
        same = [file for file in there if len(there) == 1 or field(file, "Version") == version]
        if there and not same:
            names = ", ".join(file.name for file in there)
            message = (
                f"{path} has version {version}: which of {names} belongs to it? Move the others"
            )
            raise InputError(message)
        found += same[:1]
    return [file for file in found if file not in {path, real}]
