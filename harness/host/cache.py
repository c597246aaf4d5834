# SPDX-License-Identifier: GPL-2.0-only
"""The cache on disk: where it is, and how to write to it without ever leaving half a file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.host.environment import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("harness")


def cache_dir(*parts: str) -> Path:
    """Return the folder ``parts`` below the cache, made if it is not there.

    The cache is ``$HARNESS_CACHE``, else ``$XDG_CACHE_HOME/uffd-minor-harness``, else
    ``~/.cache/uffd-minor-harness`` (XDG Base Directory Specification, by which a relative
    XDG_CACHE_HOME is ignored).  Everything in it can be deleted at any time: it is made again.

    Raises HostError when the folder cannot be made, or nothing says where it is to be.
    """
    if named := os.environ.get("HARNESS_CACHE"):
        base = absolute(named)
    else:
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = (xdg if xdg.is_absolute() else _home() / ".cache") / "uffd-minor-harness"
    folder = base.joinpath(*parts)
    with host_errors(f"cannot use the cache {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        # A container's user that is in no passwd(5).
        message = "no place for the cache: HOME is not set, and this user has no home directory"
        raise HostError(f"{message}; set HOME or HARNESS_CACHE") from error


@contextlib.contextmanager
def host_errors(doing: str) -> Iterator[None]:
    """Turn an OSError (full disk, no permission) into a HostError that says what was tried."""
    try:
        yield
    except OSError as error:
        advice = "; free some space, or set HARNESS_CACHE to another disk"
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise HostError(f"{doing}: {error}{advice if full else ''}") from error


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, waiting: str = "") -> Iterator[None]:
    """Hold the lock ``path``.lock, waiting for any other process that has it.

    Any number of processes can hold it ``shared``, or else one alone.  ``waiting`` is logged
    when there is a wait.  The lock is flock(2): it goes with the process that held it,
    however that ended.
    """
    with host_errors(f"cannot lock {path}"):
        lock = path.with_name(path.name + ".lock").open("w")
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                log.info("%s", waiting)
            fcntl.flock(lock, kind)
        yield


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock ``path``.lock alone if nobody has it; the value says whether it is held."""
    with host_errors(f"cannot lock {path}"):
        lock = path.with_name(path.name + ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it becomes ``path`` when the block ends well.

    Readers see the old file or the whole new one, never a part (rename(2)).
    """
    with host_errors(f"cannot write {path}"):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; it becomes ``path`` when the block ends well.

    ``path`` must not exist yet; hold ``locked(path)`` around the test and this call.
    """
    with host_errors(f"cannot write {path}"):
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
