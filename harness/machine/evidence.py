# SPDX-License-Identifier: GPL-2.0-only
"""The logs every VM of a run writes to: ``serial.log``, ``qmp.jsonl``, ``ssh.jsonl``."""

from __future__ import annotations

import errno
import json
import logging
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from harness.host.clock import Clock


log = logging.getLogger("harness")


class EvidenceLog:
    """Appends to the run's logs, each line with the run's clock and the VM's name.

    Several processes append to the same files: each write(2), of one line or more, is with
    O_APPEND, which keeps lines whole.  A disk that is full costs lines and a warning; were it an
    error where lines are read, it would look like a guest that fell silent.
    """

    def __init__(self, folder: Path, clock: Clock, vm: str) -> None:
        self.clock = clock
        self.vm = vm
        self.folder = folder
        self._files: dict[str, int] = {}
        # Names of the files that could not be written.
        self._failed: set[str] = set()

    def _append(self, name: str, line: str) -> int:
        data = line.encode("utf-8", "replace") + b"\n"
        try:
            if name not in self._files:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._files[name] = os.open(self.folder / name, flags, 0o644)
            _write_whole(self._files[name], data)
        except OSError as error:
            if name not in self._failed:
                self._failed.add(name)
                path = self.folder / name
                log.warning("%s lacks lines of %s: %s", path, self.vm, error.strerror)
        return len(data)

    def serial(self, text: str, when: float) -> int:
        """Log console lines received ``when`` seconds into the run; return their length."""
        prefix = f"[{when:12.6f}] {self.vm}: "
        return self._append("serial.log", prefix + text.replace("\n", f"\n{prefix}"))

    def qmp(self, kind: str, message: Any) -> None:  # noqa: ANN401
        """Log a QMP ``command``, ``reply``, ``error`` or ``event``."""
        self._json("qmp.jsonl", {kind: message})

    def ssh(self, **what: object) -> None:
        """Log what was done over SSH."""
        self._json("ssh.jsonl", what)

    def _json(self, name: str, fields: dict[str, Any]) -> None:
        entry = {"t": round(self.clock.now(), 6), "vm": self.vm, **fields}
        self._append(name, json.dumps(entry, default=str))

    def close(self) -> None:
        """Close the files; a later line opens them again."""
        for number in self._files.values():
            os.close(number)
        self._files.clear()


def _write_whole(number: int, line: bytes) -> None:
    """Append ``line`` to a file, or nothing; raises OSError.

    On a disk that is full write(2) may write a part of it, behind which the next line would
    stand, another VM's.
    """
    written = os.write(number, line)
    if written == len(line):
        return
    end = os.lseek(number, 0, os.SEEK_CUR)
    if os.fstat(number).st_size == end:
        os.ftruncate(number, end - written)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
