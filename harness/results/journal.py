# SPDX-License-Identifier: GPL-2.0-only
"""cases.jsonl: what a run comes to, one line for each event, from which all else is made.

    {"run": {...}}                    the first line: a Run without VMs and cases
    {"change": {...}}                 fields of the run that have other values from now on
    {"vm": {...}}                     a VM that is new, or known better: by its name
    {"case": {...}, "place": 17}      a case likewise, by its id; and where it stands among the
                                      cases, null: behind those that have a place

A line is written at once, so that a run that is killed has left all lines but the last one whole.
To read a line twice changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.host.cache import host_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CASES = "cases.jsonl"


class Journal:
    """The file while the run goes on; one process writes it."""

    def __init__(self, path: Path) -> None:
        """Make the file, which must not be there; HostError when it cannot be made."""
        self._path = path
        # Lines that could not be written yet.
        self._waiting: list[bytes] = []
        # Bytes of the lines that were.
        self._size = 0
        with host_errors(f"cannot write {path}"), path.open("xb") as file:
            # Whatever the umask: others read a CI job's results.
            os.fchmod(file.fileno(), 0o644)

    def append(self, event: Mapping[str, object]) -> None:
        """Write ``event``, a JSON value, and before it those that could not be written.

        Raises HostError when that fails: it is kept for the next time.
        """
        # Without ensure_ascii=False no text has a line's end, or a lone surrogate.
        self._waiting.append(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        data = b"".join(self._waiting)
        with host_errors(f"cannot write {self._path}"):
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(handle, rest) :]
            except OSError:
                # A part of a line, on a full disk; the next line must not follow it.
                with contextlib.suppress(OSError):
                    os.ftruncate(handle, self._size)
                raise
            finally:
                os.close(handle)
        self._size += len(data)
        self._waiting.clear()


def replay(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON value of the Run that ``data``, the contents of a cases.jsonl, comes to.

    What follows the last line's end is left out unless it is whole.  ``name`` is for InputError,
    which is raised when something else is no event; that a Run has the right fields is not
    looked at.
    """
    lines = data.split(b"\n")
    if not _is_json(lines[-1]):
        del lines[-1]
    run: dict[str, Any] = {}
    vms: dict[object, dict[str, Any]] = {}
    cases: dict[object, tuple[object, dict[str, Any]]] = {}
    for number, line in enumerate(lines, 1):
        event = _event(line, f"{name}, line {number}")
        if (number == 1) != ("run" in event):
            raise InputError(f"{name}, line {number}: expected the run in line 1, and only there")
        match event:
            case {"run": dict(fields)} | {"change": dict(fields)}:
                run |= fields
            case {"vm": {"name": str(key), "started": int() | float()} as vm}:
                vms[key] = vm
            case {"case": {"id": str(key)} as record, "place": int() | None as place}:
                cases[key] = place, record
            case _:
                raise InputError(f"{name}, line {number}: expected a run, a change, a VM or a case")
    if not run:
        raise InputError(f"{name} is empty: the run was cut before it had begun")
    ordered = sorted(cases.values(), key=lambda pair: (pair[0] is None, pair[0] or 0))
    return run | {
        "vms": sorted(vms.values(), key=lambda vm: vm["started"]),
        "cases": [record for _, record in ordered],
    }


def _event(line: bytes, where: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise InputError(f"{where}: expected an object, found {type(event).__name__}")
    return event


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
