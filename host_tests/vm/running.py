# SPDX-License-Identifier: GPL-2.0-only
"""A run of the harness as a child process, and everything that came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from harness.architectures import ROOT
from harness.results.store import load


def _heed_sigint():
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Running:
    """A run of the harness as a child, and all processes that came of it."""

    def __init__(self, *argv, results, **environment):
        self.results = results
        self.token = f"UFFD_TEST_RUN={uuid.uuid4()}"
        name, _, value = self.token.partition("=")
        self.output = results.parent / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *argv],
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                cwd=ROOT, env={**os.environ, **environment, name: value},
                # A test runner in the background may have it ignored, and children inherit that.
                preexec_fn=_heed_sigint,  # noqa: PLW1509 (signal(2) alone)
            )  # fmt: skip

    def family(self, name=""):
        """Return the ids of live processes that inherited this run's token."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                mine = self.token.encode() in (folder / "environ").read_bytes()
                command = (folder / "comm").read_text()
            except OSError:
                continue
            if mine and name in command:
                found.append(int(folder.name))
        return found

    def wait_until(self, condition, seconds=180):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def said(self):
        return self.output.read_text(errors="replace")

    def latest(self):
        return load(self.results / "latest-x86_64")

    def cases(self):
        try:
            return self.latest().cases
        except Exception:  # noqa: BLE001 (nothing there yet)
            return ()


def harness(*argv, results, **environment):
    common = ["--arch", "x86_64", "--accel", "tcg", "--results", str(results)]
    return Running("harness", "run", *common, *argv, results=results, **environment)
