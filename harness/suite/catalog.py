# SPDX-License-Identifier: GPL-2.0-only
"""The list of cases: read from a guest program's ELF file, of any architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.memo import Work, cached_on_disk
from harness.suite.variant import MEMORY_KINDS, PAGE_SIZES, variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECTION = "uffd_cases"

PROFILES = ("contract", "race", "numa")

# Seconds; guest_tests/lib/runner.c has the same.
_DEFAULT_TIMEOUT = 10.0

_KEYS = {"case", "at", "desc", "rows", "memory", "needs", "profile", "timeout", "dirty"}


@dataclass(frozen=True)
class Case:
    """One case, as it is declared in C (``CASE`` in guest_tests/lib/uffd_test.h)."""

    # The binary that has it.
    program: Path
    name: str
    # One line: what must hold.
    desc: str
    # Rows of guest_tests/contract/ that it verifies.
    rows: tuple[str, ...]
    # Kinds of memory, as harness.suite.variant spells them; it is run once on each, or just once
    # when there are none.
    memory: tuple[str, ...]
    # CONFIG_ symbols that must be set, beyond those its memory implies.
    needs: tuple[str, ...]
    # Machine it runs on: "contract" (one CPU), "race" (two), or "numa" (two nodes).
    profile: str
    # Seconds, on real hardware.
    timeout: float
    # Does it leave the guest unfit for other cases?
    dirty: bool
    # Its declaration: name below guest_tests/, and line.
    file: str
    line: int


def cases(program: Path) -> list[Case]:
    """Return the cases of the ELF file ``program``, in the order of their declarations.

    One file can be several programs, each called like its source (harness.suite.programs).
    They are in the section ``uffd_cases``, as ``key=value`` strings that each end in NUL, as
    in ``.modinfo``; a key ``case`` begins the next one.  Nothing is executed.

    Raises InputError when ``program`` is no ELF file, has no such section, or a declaration
    is malformed.
    """
    return load([program])[program]


def load(programs: Sequence[Path]) -> dict[Path, list[Case]]:
    """Return the cases of each of ``programs``, as ``cases`` does, from one file of the cache."""
    facts = [str(program.absolute()) for program in programs]
    records: list[list[dict[str, str]]] = cached_on_disk(
        "catalog", facts, lambda: Work(_all_records(programs), programs)
    )
    return {
        program: _cases(program, found) for program, found in zip(programs, records, strict=True)
    }


def _cases(program: Path, records: list[dict[str, str]]) -> list[Case]:
    found = [_case(program, record) for record in records]
    twice = {case.name for case in found if sum(other.name == case.name for other in found) > 1}
    if twice:
        raise InputError(f"{program}: case declared twice: {', '.join(sorted(twice))}")
    return sorted(found, key=lambda case: (case.file, case.line))


def name_of(case: Case, memory: str) -> str:
    """Return what ``case`` is called when it runs on ``memory``, which may be "" (any)."""
    return f"{case.name}[{memory}]" if memory else case.name


def _section(program: Path) -> bytes:
    # Here, because only a program that is new is read: this import takes 40 ms.
    from elftools.common.exceptions import ELFError  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    try:
        with program.open("rb") as file:
            section = ELFFile(file).get_section_by_name(SECTION)
            data = section.data() if section else None
    except OSError as error:
        raise InputError(f"cannot read {program}: {error}") from error
    except ELFError as error:
        raise InputError(f"{program} is not an ELF file: {error}") from error
    if data is None:
        message = f"{program} has no section {SECTION}: it is not a program of guest_tests/"
        raise InputError(message)
    return bytes(data)


def _all_records(programs: Sequence[Path]) -> list[list[dict[str, str]]]:
    files = {path: _records(path) for path in dict.fromkeys(p.resolve() for p in programs)}
    return [
        [record for record in files[program.resolve()] if _is_of(program, record)]
        for program in programs
    ]


def _is_of(program: Path, record: dict[str, str]) -> bool:
    """Return True if the case is in the source that a link is named after; a file has its own."""
    if not program.is_symlink():
        return True
    return record.get("at", "").partition(".")[0] == program.name.partition(".")[0]


def _records(program: Path) -> list[dict[str, str]]:
    records: list[dict[str, str]] = []
    for raw in _section(program).split(b"\0"):
        if not raw:  # the end of a declaration, or padding
            continue
        try:
            key, equals, value = raw.decode().partition("=")
        except UnicodeDecodeError as error:
            raise InputError(f"{program}: {SECTION} is not text: {raw!r}") from error
        if key == "case" and equals:
            records.append({})
        if not equals or key not in _KEYS or not records or key in records[-1]:
            message = (
                f"{program}: {SECTION} is malformed at {raw.decode()!r}: expected case=, then "
                f"each of {', '.join(sorted(_KEYS - {'case'}))} at most once"
            )
            raise InputError(message)
        records[-1][key] = value
    return records


def _case(program: Path, record: dict[str, str]) -> Case:
    where = f"{program}: case '{record['case']}'"
    if lacking := {"at", "desc", "rows"} - set(record):
        raise InputError(f"{where} does not say {', '.join(sorted(lacking))}")
    file, _, line = record["at"].rpartition(":")
    profile = record.get("profile", "contract")
    memory = tuple(record.get("memory", "").split())
    try:
        timeout = float(record.get("timeout", _DEFAULT_TIMEOUT))
        number = int(line)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if timeout <= 0:
        raise InputError(f"{where}: timeout {timeout:g}: expected seconds, more than 0")
    if profile not in PROFILES:
        message = f"{where}: unknown profile '{profile}': expected one of {', '.join(PROFILES)}"
        raise InputError(message)
    if unknown := [word for word in memory if not variant(word).known]:
        kinds, sizes = ", ".join(MEMORY_KINDS), ", ".join(PAGE_SIZES)
        message = f"{where}: unknown memory '{unknown[0]}': expected {kinds}"
        raise InputError(f"{message}, those of hugetlb also with {sizes} behind a hyphen")
    if len(set(memory)) < len(memory):
        raise InputError(f"{where}: memory '{' '.join(memory)}': one of it is there twice")
    return Case(
        program=program,
        name=record["case"],
        desc=record["desc"],
        rows=tuple(record["rows"].split()),
        memory=memory,
        needs=tuple(record.get("needs", "").split()),
        profile=profile,
        timeout=timeout,
        dirty=record.get("dirty") == "1",
        file=file,
        line=number,
    )
