# SPDX-License-Identifier: GPL-2.0-only
"""Where a run's files go: a new folder each, and a link to the latest."""

from __future__ import annotations

import itertools
import logging
import os
import re
from datetime import UTC
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.cache import host_errors

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

log = logging.getLogger("harness")

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9.+_-]")


def make_folder(results: Path, arch: str, release: str, now: datetime) -> Path:
    """Make and return ``results``/<UTC time>-<arch>-<release>; ``now`` has a time zone.

    A second run in the same second gets "-2" and so on.  Raises InputError where ``results`` can
    be no folder, HostError when one cannot be made.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{_safe(arch)}-{_safe(release)}"
    check(results)
    with host_errors(f"cannot make a folder for the results in {results}"):
        results.mkdir(parents=True, exist_ok=True)
        return _make_unique(results, name)


def check(results: Path) -> None:
    """Raise InputError where ``results``, or what is to hold it, is there and no folder."""
    for path in (results, *results.parents):
        if path.is_symlink() and not path.exists():
            message = f"{path} leads to {path.readlink()}, which is not there"
            raise InputError(f"no results can be kept in {results}: {message}")
        if path.exists():
            if not path.is_dir():
                raise InputError(f"no results can be kept in {results}: {path} is no folder")
            return


def link_latest(folder: Path, arch: str) -> None:
    """Have latest-<arch>, beside ``folder``, lead to it; a log line where it cannot.

    It is a convenience: what is in its place may be a folder (stores of artifacts make one of a
    link), or the file system may have no links.
    """
    link = folder.with_name(f"latest-{_safe(arch)}")
    try:
        _link(link, folder.name)
    except OSError as error:
        log.warning("%s does not lead to the new results: %s", link, error.strerror)


def latest(results: Path, arch: str) -> Path | None:
    """Return the folder of the newest run for ``arch`` in ``results``; None without one."""
    folder = (results / f"latest-{_safe(arch)}").resolve()
    return folder if folder.is_dir() else None


def _make_unique(results: Path, name: str) -> Path:
    for count in itertools.count(1):
        folder = results / (name if count == 1 else f"{name}-{count}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError  # count() does not end


def _link(link: Path, target: str) -> None:
    """Point ``link`` at ``target``, in one step: symlink(2) beside it, then rename(2)."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target)
        temporary.replace(link)
    finally:
        temporary.unlink(missing_ok=True)


def _safe(text: str) -> str:
    """Return ``text`` fit for a part of a file name: a kernel may call itself anything."""
    return _NOT_A_NAME.sub("_", text)[:100] or "unknown"
