# SPDX-License-Identifier: GPL-2.0-only
"""What every part of the bench works with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.suite import catalog

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.plan import Plan
    from harness.suite.catalog import Case

log = logging.getLogger("harness.selftest.bench")

# A case with next to nothing to do, on any kernel: one UFFDIO_API.
_PROGRAM, _CASE = "api", "handshake"


@dataclass(frozen=True)
class Bench:
    """One run of the bench."""

    plan: Plan
    # Of everything that is measured in rounds; a part says what it makes of it.
    rounds: int
    # Of this run alone, on the cache's disk, and gone after it.
    folder: Path

    def say(self, text: str, *args: object) -> None:
        """Show progress."""
        log.info("bench: " + text, *args)  # noqa: G003 (every line begins so)

    def trivial_case(self) -> Case:
        """Return the case that takes the least time; HostError when there is none."""
        for program in self.plan.programs:
            if program.name == _PROGRAM:
                for case in catalog.cases(program):
                    if case.name == _CASE:
                        return case
        raise HostError(f"guest_tests/{_PROGRAM}.c has no case {_CASE}: name another in {__file__}")

    @property
    def trivial_id(self) -> str:
        """Its id on the command line."""
        return f"guest_tests/{_PROGRAM}.c::{_CASE}"
