# SPDX-License-Identifier: GPL-2.0-only
"""Guest programs and their cases as pytest collectors and items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError
from harness.host.codec import to_json
from harness.plugin.session import STATE, GuestSession
from harness.suite.catalog import name_of
from harness.suite.variant import variant
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from harness.results.record import CaseRecord
    from harness.suite.catalog import Case

_CONSOLE_LINES = 20


class CaseError(Exception):
    """A case that did not pass; its record says why."""

    def __init__(self, record: CaseRecord) -> None:
        self.record = record
        super().__init__(f"{record.verdict}: {record.message}")


class GuestProgram(pytest.File):
    """One guest_tests/*.c."""

    def collect(self) -> Iterator[GuestCase]:
        """Yield a case for each kind of memory it runs on, as the program's ELF file says."""
        try:
            state = self.config.stash[STATE]
            for case in state.cases(state.program(self.path.stem)):
                for memory in state.variants(case):
                    name = name_of(case, memory)
                    # pytest 9.2 tells parameters from names in ids that it reads, not in those
                    # that it makes: without an id to read, --lf finds no case with memory.
                    item: GuestCase = GuestCase.from_parent(
                        self,
                        name=name,
                        nodeid=f"{self.nodeid}::{name}",
                        case=case,
                        memory=memory,
                        profile=state.recipe.profile_with(case.profile, variant(memory).pages),
                    )
                    yield item
        except HarnessError as error:
            raise self.CollectError(str(error)) from error


class GuestCase(pytest.Item):
    """One case on one kind of memory."""

    def __init__(
        self,
        *,
        case: Case,
        memory: str,
        profile: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.memory = memory
        self.profile = profile
        self.add_marker(profile)
        if case.dirty:
            self.add_marker("dirty")
        # -k CON-04 selects the cases of that row.
        self.extra_keyword_matches.update(case.rows)
        self._record: CaseRecord | None = None

    def runtest(self) -> None:
        """Run the case in a guest; anything but PASS is raised."""
        # Here, as in GuestSession.runner().
        from harness.run.runner import Job  # noqa: PLC0415

        runner = self.config.stash[STATE].runner()
        record = runner.run(Job(self.nodeid, self.case, self.memory))
        self._record = record
        if record.verdict is Verdict.SKIP:
            pytest.skip(record.message)
        if record.verdict is not Verdict.PASS:
            raise CaseError(record)

    def take_record(self) -> dict[str, Any] | None:
        """Return what the controller keeps of the case, as JSON values; None without one."""
        if self._record is None:
            return None
        state: GuestSession = self.config.stash[STATE]
        return {"case": to_json(self._record), **state.take_vms()}

    def repr_failure(
        self,
        excinfo: ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ANN401
    ) -> str | TerminalRepr:
        """Show the verdict with its evidence instead of a traceback."""
        if not isinstance(excinfo.value, CaseError):
            return super().repr_failure(excinfo, style)
        record = excinfo.value.record
        lines = [f"{record.verdict}: {record.message}", f"  {self.case.desc}"]
        lines += [f"  rows: {' '.join(record.rows)}"]
        lines += [f"  # {line}" for line in record.diagnostics]
        if record.console:
            lines.append(f"  console ({len(record.console)} lines, the last ones):")
            lines += [f"  | {line}" for line in record.console[-_CONSOLE_LINES:]]
        lines.append(f"  again: {record.rerun}")
        return "\n".join(lines)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Return where the case is declared."""
        return self.path, self.case.line - 1, self.name
