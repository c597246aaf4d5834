# SPDX-License-Identifier: GPL-2.0-only
"""Keep a run on disk as it goes, so that one killed at any moment keeps what it had."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.host.cache import new_file
from harness.host.codec import from_json, to_json
from harness.results.formats.junit import junit
from harness.results.formats.ktap import ktap_report
from harness.results.journal import CASES, Journal, replay
from harness.results.record import READABLE, SCHEMA, CaseRecord, Run, VmRecord, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESULTS = "results.json"
JUNIT = "junit.xml"
KTAP = "results.ktap"
MAX_FILE = 256 << 20  # bytes of a record that load() reads

# Seconds between two renderings on the way; more when they take long, so that they are a
# hundredth of a run at most.
_PERIOD = 1.0
_SHARE = 100


def utc_now() -> str:
    """Return the time as the records have it: ISO 8601, UTC, seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def results_json(run: Run) -> str:
    """Return ``run`` as results.json has it."""
    return json.dumps(to_json(run), indent=1) + "\n"


class RunStore:
    """One run's records in ``folder``.

    Every change is appended to cases.jsonl.  results.json, junit.xml and results.ktap are
    rendered from the whole: at the start, at most once a second on the way, and at the end.
    They are written beside the old ones and then take their places; when one cannot be
    written, all old ones stay.

    Every method that changes the run raises HostError when a file cannot be written.  The
    change is kept in memory then, and the next write that succeeds has it.
    """

    def __init__(self, folder: Path, run: Run, order: Sequence[str] = ()) -> None:
        """Make the files of ``run`` in ``folder``, which has none of them yet.

        ``order`` has the last parts of the cases' ids (``continue.c::hole[anon]``) in the order
        that the records keep, whatever order they come in; others follow as they come.
        """
        self.folder = folder
        self._head = run
        self._vms: dict[str, VmRecord] = {}
        self._cases: dict[str, CaseRecord] = {}
        self._places = {name: place for place, name in enumerate(order)}
        # The whole, until something changes.
        self._run: Run | None = None
        # When to render again, on time.monotonic()'s clock.
        self._due = 0.0
        self._journal = Journal(folder / CASES)
        self._changed({"run": _fields(run)})
        for vm in run.vms:
            self.add_vm(vm)
        for case in run.cases:
            self.add_case(case)

    @property
    def run(self) -> Run:
        """The run as it is known now."""
        if self._run is None:
            cases = sorted(self._cases.values(), key=self._order)
            vms = sorted(self._vms.values(), key=lambda vm: vm.started)
            self._run = replace(self._head, vms=tuple(vms), cases=tuple(cases))
        return self._run

    def add_case(self, case: CaseRecord) -> None:
        """Record ``case``; it replaces the one with the same id, in its place."""
        kept = self._cases[case.id] = tidy(case)
        self._changed({"case": to_json(kept), "place": self._place(kept)})

    def _place(self, case: CaseRecord) -> int | None:
        return self._places.get(case.id.rpartition("/")[2])

    def _order(self, case: CaseRecord) -> int:
        # sorted() is stable: those that have no place stay as they came.
        place = self._place(case)
        return len(self._places) if place is None else place

    def add_vm(self, vm: VmRecord) -> None:
        """Record ``vm``; it replaces the one with the same name (when it has ended)."""
        self._vms[vm.name] = vm
        self._changed({"vm": to_json(vm)})

    def update(self, **changes: Any) -> None:  # noqa: ANN401
        """Change fields of the run; raises TypeError when Run has no such field."""
        self._head = replace(self._head, **changes)
        self._changed({"change": {name: to_json(value) for name, value in changes.items()}})

    def finish(self, *, complete: bool = True) -> None:
        """Record that the run has ended now; ``complete`` is False when it was interrupted."""
        self.update(finished=utc_now(), complete=complete)

    def _changed(self, event: dict[str, object]) -> None:
        self._run = None
        self._journal.append(event)
        self._render_if_due()

    def _render_if_due(self) -> None:
        began = time.monotonic()
        if began < self._due and self._head.finished is None:
            return
        try:
            self._render()
        finally:
            ended = time.monotonic()
            self._due = ended + max(_PERIOD, _SHARE * (ended - began))

    def _render(self) -> None:
        """Write the files for others to temporary ones, then rename them; raises HostError."""
        texts = {
            KTAP: ktap_report(self.run),
            JUNIT: junit(self.run, str(self.folder)),
            RESULTS: results_json(self.run),
        }
        with contextlib.ExitStack() as stack:
            for name, text in texts.items():
                temporary = stack.enter_context(new_file(self.folder / name))
                temporary.write_text(text, encoding="utf-8")
                # mkstemp(3) makes it 0600; others read a CI job's results.
                temporary.chmod(0o644)


def _fields(run: Run) -> dict[str, object]:
    """Return the fields of ``run`` as JSON values, without VMs and cases."""
    value = to_json(replace(run, vms=(), cases=()))
    assert isinstance(value, dict)
    del value["vms"], value["cases"]
    return value


def load(path: Path) -> Run:
    """Return the run that ``path`` holds: a results.json, a cases.jsonl, or the folder of both.

    In a folder it is results.json that counts, unless the run was killed: then cases.jsonl has
    more.  A record of an older schema is returned as this one's.

    Raises InputError when it cannot be read, is not JSON, is of another schema version, or
    does not follow the schema.
    """
    file = path
    if path.is_dir():
        file = path / RESULTS
        if _is_newer(path / CASES, file):
            file = path / CASES
    run = _load(file)
    if path.is_dir() and run.finished is None and (path / CASES).is_file():
        # Times of files do not survive every copy.
        return _load(path / CASES)
    return run


def _is_newer(path: Path, other: Path) -> bool:
    """Return True if there is ``path``, and no ``other`` that is as new."""
    try:
        there = path.stat().st_mtime_ns
        return not other.is_file() or other.stat().st_mtime_ns < there
    except OSError:
        return False


def _load(file: Path) -> Run:
    try:
        if file.stat().st_size > MAX_FILE:
            raise InputError(f"{file} is larger than {MAX_FILE} bytes")
        data = file.read_bytes()
        value = replay(data, str(file)) if file.suffix == ".jsonl" else json.loads(data)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema not in READABLE or isinstance(schema, bool):  # True == 1
        raise InputError(
            f"{file} has the schema {str(schema)[:20]!r}: this harness reads schema "
            + " and ".join(map(str, READABLE))
        )
    try:
        return replace(from_json(Run, value), schema=SCHEMA)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
