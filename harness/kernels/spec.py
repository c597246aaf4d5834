# SPDX-License-Identifier: GPL-2.0-only
"""The words that name a kernel: a path among them is made absolute before anything else sees it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import InputError

EXPECTED = (
    "expected debian:SUITE[:FLAVOUR][=VERSION], debug:NAME[:SUITE][=VERSION], a kernel image, a "
    "linux-image .deb, a tar of make tar-pkg, a kernel's build tree, a tuxmake artifact directory, "
    "or a folder with a boot/"
)


# What begins the words that are no path: Debian's kernels, and those that are built of its source.
DEBIAN = "debian:"
DEBUG = "debug:"


def absolute(spec: str) -> str:
    """Return ``spec`` with its path, if it is one, absolute: the same from any folder.

    ``~`` and ``~user`` stand for home folders.  Links are kept, but for those that a ``..``
    comes after, so that the name's own folder is known.  Raises InputError when the path is
    empty, is not UTF-8 (results are), or starts with a user that does not exist.
    """
    if spec.startswith((DEBIAN, DEBUG)):
        return spec
    if not spec.strip() or "\0" in spec:
        raise InputError(f"no kernel is named by {spec!r}: {EXPECTED}")
    if "://" in spec:
        raise InputError(f"'{spec}' is an address: download the file, and name that")
    try:
        path = Path(spec).expanduser()
    except RuntimeError:
        user = spec.partition("/")[0]
        message = f"'{spec}': there is no user '{user[1:]}'; write ./{spec} for a file of that name"
        raise InputError(message) from None
    try:
        path = _without_dots(path.absolute())
    except OSError as error:  # of getcwd(2), where the folder was removed
        message = f"'{spec}' cannot be found: the current folder cannot be told: {error.strerror}"
        raise InputError(message) from error
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        message = f"the path {os.fsencode(path)!r} is not UTF-8: rename it, or name a link to it"
        raise InputError(message) from error
    return str(path)


def _without_dots(path: Path) -> Path:
    """Resolve what comes before the last ``..`` of ``path``; keep the rest."""
    parts = path.parts
    if ".." not in parts:
        return path
    rest = parts[::-1].index("..")
    return Path(os.path.realpath(Path(*parts[: len(parts) - rest])), *parts[len(parts) - rest :])
