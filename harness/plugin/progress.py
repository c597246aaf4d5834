# SPDX-License-Identifier: GPL-2.0-only
"""Show what takes long while it does: the "harness" log, on the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class _Lines(logging.Handler):
    """Writes each message as a line of its own, past pytest's capture."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(logging.INFO)
        self._config = config

    def emit(self, record: logging.LogRecord) -> None:
        plugins = self._config.pluginmanager
        capture = plugins.getplugin("capturemanager")
        reporter = plugins.getplugin("terminalreporter")
        text = f"harness: {record.getMessage()}"
        if capture is None:
            sys.stderr.write(text + "\n")
            return
        with capture.global_and_fixture_disabled():
            if reporter is not None:
                # The case's name may stand on the line already, without its verdict.
                reporter.ensure_newline()
                reporter.write_line(text)
                reporter.flush()
            else:
                # An xdist worker has no reporter, but the terminal as its standard error.  That may
                # be gone, or a file on a full disk: no reason for a case to fail.
                with contextlib.suppress(OSError):
                    os.write(2, text.encode(errors="backslashreplace") + b"\n")


def show_progress(config: pytest.Config) -> None:
    """Show the harness's progress on the terminal until ``config`` is done with."""
    log = logging.getLogger("harness")
    handler = _Lines(config)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    def restore() -> None:
        log.removeHandler(handler)
        log.setLevel(before)

    config.add_cleanup(restore)
