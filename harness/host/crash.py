# SPDX-License-Identifier: GPL-2.0-only
"""An exception that nobody foresaw: one line for the user, the traceback in a file."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import traceback
from datetime import UTC, datetime

from harness.errors import Exit, HarnessError
from harness.host.cache import cache_dir

# Newest tracebacks that are kept.
_KEPT = 20


def report(error: BaseException) -> Exit:
    """Say on standard error that ``error`` is the harness's own, and return the exit code.

    Its traceback goes into a file in the cache's ``errors``, below the line where that cannot
    be written.  Nothing was learned about the kernel: 125.
    """
    text = "".join(traceback.format_exception(error))
    first = next(iter(str(error).splitlines()), "")
    what = f"harness: an error of its own: {type(error).__name__}: {first}".rstrip(": ")
    now = datetime.now(UTC)
    facts = f"{now:%Y-%m-%dT%H:%M:%SZ}  Python {platform.python_version()}\n"
    facts += f"{shlex.join(sys.argv)}\n\n"
    try:
        folder = cache_dir("errors")
        path = folder / f"{now:%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
        path.write_text(facts + text, encoding="utf-8", errors="backslashreplace")
    except (HarnessError, OSError):
        print(f"{what}; its traceback:\n{text}", end="", file=sys.stderr)
        return Exit.UNTESTED
    print(f"{what}; traceback in {path}", file=sys.stderr)
    for old in sorted(folder.glob("*.txt"))[:-_KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    return Exit.UNTESTED
