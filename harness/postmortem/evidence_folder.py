# SPDX-License-Identifier: GPL-2.0-only
"""Where the evidence of one case is put: a folder of its own in the run's folder."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from harness.text import clean

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("harness")

FOLDER = "evidence"
_LONGEST_NAME = 150  # characters; file systems take 255 bytes


class EvidenceFolder:
    """Evidence of one case; its folder is made when there is something to put in it.

    A disk that is full costs evidence and a warning, never the verdict.
    """

    def __init__(self, run: Path, name: str) -> None:
        """Use ``evidence/NAME`` below the run's folder ``run``, NAME being a part of ``name``."""
        plain = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:_LONGEST_NAME]
        self._run = run
        self._folder = run / FOLDER / plain
        # Paths below the run's folder, in the order they were put there.
        self.files: list[str] = []

    def place(self, name: str) -> Path | None:
        """Return the path for a file of that name; None when there can be none."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("%s cannot be made: %s", self._folder, error.strerror)
            return None
        return self._folder / name

    def keep(self, path: Path) -> None:
        """Count the file ``path``, which is in its place, as evidence."""
        self.files.append(str(path.relative_to(self._run)))

    def write(self, name: str, text: str) -> None:
        """Put ``text`` there, cleaned: parts of it come from a guest."""
        if (path := self.place(name)) is None:
            return
        try:
            path.write_text("".join(f"{clean(line)}\n" for line in text.splitlines()))
        except OSError as error:
            log.warning("%s could not be written: %s", path, error.strerror)
            return
        self.keep(path)
