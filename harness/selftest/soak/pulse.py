# SPDX-License-Identifier: GPL-2.0-only
"""Notice that a campaign itself stood still: stopped by somebody, or without a CPU.

Its runs stood still as well then while the clock went on, and came to verdicts that say nothing
of the harness: a guest that was stopped does not answer in time.
"""

from __future__ import annotations

import threading
import time
from typing import Self

_BEAT_SECONDS = 0.5


class Pulse:
    """Beats while its block runs; ``longest`` is the time between two beats, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._over.wait(_BEAT_SECONDS):
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now
        self.longest = max(self.longest, time.monotonic() - last)
