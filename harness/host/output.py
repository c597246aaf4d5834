# SPDX-License-Identifier: GPL-2.0-only
"""Standard output and error that never end what writes to them.

A reader may go (``| head``), a log's disk may be full, a descriptor may have been closed by who
started us.  What cannot be written then is lost; a run and its records go on.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# The streams of this module that have lost something, and why, by their descriptor.
_failures: dict[int, OSError] = {}


class _Tolerant(io.FileIO):
    """A descriptor that takes whatever is written to it."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write ``data``, or lose it; return the number of bytes that are dealt with."""
        try:
            while (written := super().write(data)) is None:
                # Somebody has made it non-blocking: a terminal is shared.
                select.select([], [self], [])
        except OSError as error:
            _failures.setdefault(self.fileno(), error)
            return memoryview(data).nbytes
        return written


def never_fail() -> None:
    """Have nothing that is written to standard output or error raise from now on.

    A standard stream that was closed (``>&-``) leads to /dev/null, so that no other file gets
    its number and, with it, what is printed.
    """
    for number in range(3):
        _open_if_closed(number)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = _stream(1, sys.stdout)
    sys.stderr = _stream(2, sys.stderr)


def lost() -> OSError | None:
    """Return why something that was printed is lost; None when nothing is, or nobody reads it."""
    with contextlib.suppress(AttributeError):
        sys.stdout.flush()
    error = _failures.get(1)
    return None if isinstance(error, BrokenPipeError) else error


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
    # As inherited ones are; dup2(2) does it, open(2) in Python does not.
    os.set_inheritable(number, True)


def _stream(number: int, before: object) -> io.TextIOWrapper:
    """Return a stream like ``before``, one of Python's own, that writes to ``number``."""
    if isinstance(before, io.TextIOWrapper):
        if isinstance(getattr(before.buffer, "raw", None), _Tolerant):
            return before
        with contextlib.suppress(OSError, ValueError):
            before.flush()
        encoding = before.encoding
    else:
        encoding = "utf-8"
    raw = _Tolerant(number, "w", closefd=False)
    # Escaped, where the locale has no letter for it: better than lost.
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )
