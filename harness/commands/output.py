# SPDX-License-Identifier: GPL-2.0-only
"""Where the text goes that a command is asked for."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from harness.host.cache import host_errors

if TYPE_CHECKING:
    from pathlib import Path


def show(text: str, path: Path | None) -> None:
    """Print ``text``, or write it to ``path`` as UTF-8; HostError when that fails."""
    if path is not None:
        with host_errors(f"cannot write {path}"):
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    # The reader of a pipe may have enough: "| head" is no error.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # A kernel may call itself what the terminal's encoding cannot say.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout.write(text)
    sys.stdout.flush()
