# SPDX-License-Identifier: GPL-2.0-only
"""Results of slow work on files, kept in the cache and used again while the files are the same.

What is read, hashed or parsed at every start (images, programs, modules) changes seldom.  A
file counts as the same when its inode, size, and times of change are: st_ctime_ns is set by
every write and by utimensat(2), so that a file cannot be altered with its old date.  Where
the files are on a network, that is as good as the server's clock.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.host.cache import cache_dir, new_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Stamp = list[int]


@dataclass(frozen=True)
class Work:
    """What slow work came to."""

    # Any JSON value.
    value: Any
    # The files and folders it was made from; those that are not there count too: the value is
    # worked out anew when one appears.
    files: Iterable[Path]
    # Until when it holds, in seconds since 1970; None when only the files decide.
    until: float | None = None


# A file that changed so short a time ago may change again without a new time: file systems
# count in steps of up to 2 s (FAT), mostly of 4 ms.  Git calls such entries racily clean.
_RACY_NS = 2_000_000_000
_PACKAGE = Path(__file__).parent.parent


def stamp(path: Path | str) -> Stamp | None:
    """Return what identifies the contents of ``path`` for now; None when it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 (a hundred of them at each start)
    except OSError:
        return None
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def cached_on_disk(what: str, facts: object, work_out: Callable[[], Work]) -> Any:  # noqa: ANN401
    """Return the value of ``work_out``, from the cache while nothing it depends on changed.

    ``facts`` (a JSON value) are the inputs that are no files.  The value is worked out anew
    when a module of the harness changed, too: its older code may have come to another one.

    Raises what ``work_out`` raises, and HostError when the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps([what, facts]).encode()).hexdigest()
    kept = cache_dir("remembered") / f"{what}-{key[:32]}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # damaged: made anew
        record = json.loads(kept.read_bytes())
        if _holds(record):
            return record["value"]
    began = time.time_ns() - _RACY_NS
    work = work_out()
    stamps = [(str(path), stamp(path)) for path in work.files]
    changed = max([_code()[1], *(max(known[2:]) for _, known in stamps if known)])
    if changed < began:
        record = {"code": _code()[0], "stamps": stamps, "until": work.until, "value": work.value}
        with new_file(kept) as temporary:
            temporary.write_text(json.dumps(record))
    return work.value


def _holds(record: dict[str, Any]) -> bool:
    return (
        record["code"] == _code()[0]
        and (record["until"] is None or time.time() < record["until"])
        and all(stamp(path) == known for path, known in record["stamps"])
    )


@functools.cache
def _code() -> tuple[str, int]:
    """Return what identifies the code of the harness, and when it last changed (ns)."""
    found = sorted(
        (f"{folder}/{name}", stamp(f"{folder}/{name}"))
        for folder, _, names in os.walk(_PACKAGE)
        for name in names
        if name.endswith(".py")
    )
    changed = max(max(known[2:]) for _, known in found if known)
    return hashlib.sha256(json.dumps(found).encode()).hexdigest(), changed
