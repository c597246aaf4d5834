# SPDX-License-Identifier: GPL-2.0-only
"""Folders in TMPDIR that are gone with who made them, however that one ended.

A process that is killed leaves its folder.  Who uses one holds a lock on it (flock(2)), which the
kernel gives back at the end of the process; the next one to make a folder removes those that
nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.cache import host_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "uffd-minor-harness-"
# Between mkdtemp(3) and flock(2) a folder is nobody's.
_YOUNG_SECONDS = 60.0


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new folder, readable by this user alone, that is removed with the block.

    Raises HostError when it cannot be made.
    """
    with host_errors("cannot make a temporary folder; TMPDIR names another place for it"):
        parent = Path(tempfile.gettempdir())
        _sweep_once(parent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A file system without locks is no reason not to run.
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@functools.cache
def _sweep_once(parent: Path) -> None:
    sweep(parent)


def sweep(parent: Path) -> None:
    """Remove this user's folders in ``parent`` whose makers have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            facts = folder.lstat()
            if facts.st_uid != os.geteuid() or time.time() - facts.st_mtime < _YOUNG_SECONDS:
                continue
            # O_NOFOLLOW: /tmp is everybody's.
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)
