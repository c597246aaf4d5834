# SPDX-License-Identifier: GPL-2.0-only
"""The contract: what must hold on which kernel, and what that makes of a case.

What its rows are made of is said in harness/contract/reader.py, which reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.suite.variant import variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.guest.config_probe import Probe
    from harness.kernels.config import Config
    from harness.kernels.version import Version
    from harness.suite.catalog import Case

# What each kind of memory needs of a kernel, by the first word of its name.
_MEMORY_NEEDS = {"hugetlb": "CONFIG_HUGETLBFS", "shmem": "CONFIG_SHMEM"}


@dataclass(frozen=True)
class Expected:
    """What a row says of one kernel: it holds, it does not apply, or that is not known."""

    # For the case's --expect; None when the statement just holds.
    value: str | None = None
    # Why the row does not apply; None when it does.
    skip: str | None = None
    # CONFIG_ symbol that it depends on, when the kernel's configuration is not known.
    undecided: str | None = None
    # Heading in docs/findings.md, when this kernel is known to be wrong here.
    finding: str | None = None

    @property
    def applies(self) -> bool:
        """Return True if the case must find the statement to hold."""
        return self.skip is None and self.undecided is None


@dataclass(frozen=True)
class CaseExpectation:
    """What to do with one case on one kernel."""

    # Row -> what the contract says of it there.
    rows: Mapping[str, Expected]
    # Why the case does not apply; None when it does, or when that is not known.
    skip: str | None
    # CONFIG_ symbols without which its rows cannot be decided; empty when it can be run.
    undecided: tuple[str, ...] = ()
    # Why what it needs cannot be had although the kernel was configured with it: a module that
    # is not there.
    lost: tuple[str, ...] = ()

    @property
    def miss(self) -> str | None:
        """Why nothing can be learned from the case; None when it can be run."""
        if self.undecided:
            symbols = ", ".join(self.undecided)
            return f"the kernel's configuration is not known, and this case depends on {symbols}"
        return "; ".join(self.lost) or None

    @property
    def findings(self) -> tuple[str, ...]:
        """Headings in docs/findings.md of what this kernel is expected to get wrong."""
        return _unique(e.finding for e in self.rows.values() if e.applies)

    def arguments(self) -> list[str]:
        """Return the ``--expect ROW=VALUE`` words of the program's command line."""
        words = []
        for row, expected in self.rows.items():
            if expected.applies and expected.value is not None:
                words += ["--expect", f"{row}={expected.value}"]
        return words


@dataclass(frozen=True)
class Entry:
    """One expectation: the kernels it is for, and what holds there."""

    # Kernel architectures; empty for all.
    arch: tuple[str, ...] = ()
    # One of TASKS; None for both.
    task: str | None = None
    # Kinds of memory; empty for all of them, and for a case that has none.
    memory: tuple[str, ...] = ()
    # Versions: from the first on, up to but not including the second.
    since: Version | None = None
    until: Version | None = None
    # CONFIG_X=y or CONFIG_X=n.
    config: str | None = None
    value: str | None = None
    skip: str | None = None
    why: str | None = None
    finding: str | None = None

    def fits(self, arch: str, version: Version, memory: str | None, task: str) -> bool:
        """Return True if it is for this kernel, its configuration aside, on this memory."""
        return (
            (not self.arch or arch in self.arch)
            and (self.task is None or task == self.task)
            and (not self.memory or memory in self.memory)
            and (self.since is None or version >= self.since)
            and (self.until is None or version < self.until)
        )


@dataclass(frozen=True)
class Row:
    """One statement of the contract; the module says what its keys mean."""

    id: str
    # Name of its file, without the suffix.
    area: str
    statement: str
    source: str = ""
    memory: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    compat: bool = False
    needs: tuple[str, ...] = ()
    expect: tuple[Entry, ...] = ()
    unverified: str | None = None


@dataclass(frozen=True)
class Contract:
    """All rows, by their id."""

    rows: Mapping[str, Row]
    # CONFIG_ symbol -> how a guest shows whether it is set.
    probes: Mapping[str, Probe] = field(default_factory=dict)

    def expectation(
        self,
        row: str,
        arch: str,
        version: Version,
        config: Config,
        memory: str | None = None,
        task: str = "native",
    ) -> Expected:
        """Return what ``row`` says of a kernel; InputError when there is no such row.

        A row that depends on a symbol of which ``config`` does not know whether it is set is
        ``undecided``.  ``memory`` is what the case runs on, if it matters, and ``task`` one of
        TASKS.
        """
        if row not in self.rows:
            raise InputError(f"no row '{row}' in the contract: its rows are in contract/*.toml")
        entries = self.rows[row].expect
        for entry in entries:
            if not entry.fits(arch, version, memory, task):
                continue
            fits = config.fits(entry.config)
            if fits is None:
                return Expected(undecided=str(entry.config).partition("=")[0])
            if not fits:
                continue
            return Expected(value=entry.value, skip=entry.skip, finding=entry.finding)
        if any(entry.value is not None for entry in entries):
            # The statement is about a value, and nobody has said which one this kernel has.
            return Expected(skip=f"the contract does not say what {arch} {version} does ({row})")
        return Expected()

    def for_case(
        self,
        case: Case,
        arch: str,
        version: Version,
        config: Config,
        memory: str | None = None,
    ) -> CaseExpectation:
        """Return what to do with ``case`` on a kernel, on ``memory`` (harness.suite.variant).

        It is run where all of its rows apply, and skipped when the kernel is known to lack
        what they need.  That this is not known is no reason to skip: the case finds out.

        Raises InputError when the case names a row that is not in the contract.
        """
        runs_on = variant(memory or "")
        kind = runs_on.kind or None
        rows = {
            row: self.expectation(row, arch, version, config, kind, runs_on.task)
            for row in case.rows
        }
        needs = self.needs(case, kind)
        for symbol in needs:
            if config.has(symbol) is False:
                return CaseExpectation(rows, f"the kernel has no {symbol}")
        if reasons := _unique(expected.skip for expected in rows.values()):
            return CaseExpectation(rows, "; ".join(reasons))
        lost = _unique(config.lost.get(symbol) for symbol in needs)
        return CaseExpectation(rows, None, _unique(e.undecided for e in rows.values()), lost)

    def as_compat(self, case: Case) -> bool:
        """Return True if ``case`` is run as a 32-bit task on 64-bit kernels, too."""
        return all(row in self.rows and self.rows[row].compat for row in case.rows)

    def needs(self, case: Case, kind: str | None) -> tuple[str, ...]:
        """Return the CONFIG_ symbols without which ``case`` cannot run on the memory ``kind``."""
        implied = _MEMORY_NEEDS.get((kind or "").partition("-")[0])
        rows = (symbol for row in case.rows for symbol in self.rows[row].needs)
        return _unique(["CONFIG_USERFAULTFD", implied, *case.needs, *rows])


def _unique(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
