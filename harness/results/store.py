# SPDX-License-Identifier: GPL-2.0-only
"""Keep a run on disk as it goes, so that one cut at any moment keeps what it had."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.host.cache import new_file
from harness.host.codec import from_json, to_json
from harness.results.formats.junit import junit
from harness.results.formats.ktap import ktap_report
from harness.results.record import SCHEMA, CaseRecord, Run, VmRecord, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESULTS = "results.json"
JUNIT = "junit.xml"
KTAP = "results.ktap"
MAX_FILE = 256 << 20  # bytes of a results.json that load() reads


def utc_now() -> str:
    """Return the time as the records have it: ISO 8601, UTC, seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RunStore:
    """One run's records, written to ``folder`` after every change.

    results.json, junit.xml and results.ktap are written whole beside the old ones and then
    take their places; when one cannot be written, all old ones stay.

    Every method that changes the run raises HostError when the files cannot be written.  The
    change is kept in memory then, and the next write that succeeds has it.
    """

    def __init__(self, folder: Path, run: Run, order: Sequence[str] = ()) -> None:
        """Make the files of ``run``, which has no cases yet.

        ``order`` has the last parts of the cases' ids (``continue.c::hole[anon]``) in the order
        that the records keep, whatever order they come in; others follow as they come.
        """
        self.folder = folder
        self.run = run
        self._places = {name: place for place, name in enumerate(order)}
        # What was written of each record that has not changed since, by its id or name: only
        # what is new costs time after each case.
        self._json: dict[str, tuple[CaseRecord | VmRecord, str]] = {}
        self._xml: dict[str, tuple[CaseRecord, str]] = {}
        self._write()

    def add_case(self, case: CaseRecord) -> None:
        """Record ``case``; it replaces the one with the same id, in its place."""
        cases = {known.id: known for known in self.run.cases}
        cases[case.id] = tidy(case)
        self.update(cases=tuple(sorted(cases.values(), key=self._place)))

    def _place(self, case: CaseRecord) -> int:
        # sorted() is stable: those that are not known stay as they came.
        return self._places.get(case.id.rpartition("/")[2], len(self._places))

    def add_vm(self, vm: VmRecord) -> None:
        """Record ``vm``; it replaces the one with the same name (when it has ended)."""
        vms = {known.name: known for known in self.run.vms}
        vms[vm.name] = vm
        self.update(vms=tuple(sorted(vms.values(), key=lambda known: known.started)))

    def update(self, **changes: Any) -> None:  # noqa: ANN401
        """Change fields of the run; raises TypeError when Run has no such field."""
        self.run = replace(self.run, **changes)
        self._write()

    def finish(self, *, complete: bool = True) -> None:
        """Record that the run has ended now; ``complete`` is False when it was interrupted."""
        self.update(finished=utc_now(), complete=complete)

    def _write(self) -> None:
        """Write all files to temporary ones, then rename them; raises HostError."""
        texts = {
            KTAP: ktap_report(self.run),
            JUNIT: junit(self.run, str(self.folder), self._xml),
            RESULTS: self._text(),
        }
        with contextlib.ExitStack() as stack:
            for name, text in texts.items():
                temporary = stack.enter_context(new_file(self.folder / name))
                temporary.write_text(text, encoding="utf-8")
                # mkstemp(3) makes it 0600; others read a CI job's results.
                temporary.chmod(0o644)

    def _text(self) -> str:
        """Return the run as ``json.dumps(..., indent=1)`` writes it."""
        head = to_json(replace(self.run, cases=(), vms=()))
        assert isinstance(head, dict)
        texts = {name: _indented(value) for name, value in head.items()}
        cases = [self._kept(f"case {case.id}", case) for case in self.run.cases]
        vms = [self._kept(f"vm {vm.name}", vm) for vm in self.run.vms]
        for name, items in (("cases", cases), ("vms", vms)):
            if items:
                texts[name] = "[\n  " + ",\n  ".join(items) + "\n ]"
        pairs = (f"{json.dumps(name)}: {text}" for name, text in texts.items())
        return "{\n " + ",\n ".join(pairs) + "\n}\n"

    def _kept(self, name: str, record: CaseRecord | VmRecord) -> str:
        known = self._json.get(name)
        if known is None or known[0] is not record:
            known = self._json[name] = (record, _indented(to_json(record), "\n  "))
        return known[1]


def _indented(value: object, line: str = "\n ") -> str:
    # A line's end in a string is written as \n: each of those here begins a line of JSON.
    return json.dumps(value, indent=1).replace("\n", line)


def load(path: Path) -> Run:
    """Return the run that ``path`` (a results.json, or the folder of one) holds.

    Raises InputError when it cannot be read, is not JSON, is of another schema version, or
    does not follow the schema.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_FILE:
            raise InputError(f"{file} is larger than {MAX_FILE} bytes")
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {file}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA or isinstance(schema, bool):  # True == 1
        raise InputError(
            f"{file} has the schema {str(schema)[:20]!r}: this harness reads schema {SCHEMA}"
        )
    try:
        return from_json(Run, value)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
