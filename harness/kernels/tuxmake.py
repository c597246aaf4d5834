# SPDX-License-Identifier: GPL-2.0-only
"""What tuxmake leaves in a folder: a kernel, its modules in a tar, and a list of both."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("harness")

# modules.tar.xz is tuxmake's; others append the release to the name, and choose the method.
_MODULES = re.compile(
    r"modules(?:-[^/]+)?\.(?:tar(?:\.(?!sig$|asc$|sha\d+$|md5$|part$)\w+)?|tgz|tbz2?|txz|tzst)"
)


def artifacts(folder: Path, target: str) -> list[Path]:
    """Return the files in ``folder`` that tuxmake's metadata.json names for ``target``.

    Its ``results.artifacts`` has for each target ("kernel", "modules") a list of names.  Empty
    when there is no such file, or when it is another program's.
    """
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        metadata = json.loads((folder / "metadata.json").read_bytes())
        names = metadata["results"]["artifacts"][target]
        files = [folder / name for name in names if "/" not in name]
        return [file for file in files if file.is_file()]
    return []


def modules_tar(folder: Path) -> Path | None:
    """Return the tar with modules in ``folder``: that of metadata.json, else the newest."""
    found = artifacts(folder, "modules")
    if not found and folder.is_dir():
        named = [path for path in folder.iterdir() if _MODULES.fullmatch(path.name)]
        found = [path for path in named if path.is_file()]
        found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    if len(found) > 1:
        others = ", ".join(path.name for path in found[1:])
        log.info("modules: taking %s, not the older %s beside it", found[0], others)
    return found[0] if found else None
