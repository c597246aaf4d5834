# SPDX-License-Identifier: GPL-2.0-only
"""The mutants: ``guest_tests/mutants/*.toml``, one kernel bug in each.

breaks = "CONTINUE wakes although DONTWAKE was asked for"
rows = ["CON-14"]                 # of the contract: what the kernel does not keep then
arch = "x86_64"                   # whose kernel is built, whose suite must notice
equivalent = "..."                # only where no case can notice: why
[[edit]]                          # in the kernel's source, in this order
file = "fs/userfaultfd.c"
find = '''...'''                  # must be there exactly once
replace = '''...'''
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.architectures import GUEST_TESTS
from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MUTANTS = GUEST_TESTS / "mutants"
_KEYS: dict[str, type] = {"breaks": str, "rows": list, "arch": str, "edit": list}


@dataclass(frozen=True)
class Edit:
    """One replacement in one file of the kernel's source."""

    file: str  # below the top of the source
    find: str  # there exactly once
    replace: str


@dataclass(frozen=True)
class Mutant:
    """A kernel bug."""

    name: str  # of its file
    breaks: str  # one line, for people
    rows: tuple[str, ...]  # the contract's rows that it breaks, the plainest first
    arch: str
    edits: tuple[Edit, ...]
    equivalent: str  # why no case can notice it; "" when one must

    @property
    def area(self) -> str:
        """The area of the contract that it is in: "CON"."""
        return self.rows[0].partition("-")[0]

    @property
    def digest(self) -> str:
        """A hash of what is built: equal for mutants that make the same kernel."""
        edits = [asdict(edit) for edit in self.edits]
        return hashlib.sha256(json.dumps([self.arch, edits]).encode()).hexdigest()[:16]


def load(folder: Path = MUTANTS) -> list[Mutant]:
    """Return all mutants, by name; InputError that names the file of what is wrong."""
    return [_read(path) for path in sorted(folder.glob("*.toml"))]


def choose(mutants: Sequence[Mutant], patterns: Sequence[str]) -> list[Mutant]:
    """Return the mutants whose name matches one of the shell ``patterns``; all for none.

    Raises InputError for a pattern that matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatch.fnmatch(mutant.name, pattern) for mutant in mutants):
            raise InputError(f"no mutant is called '{pattern}': see {MUTANTS}")
    return [
        mutant
        for mutant in mutants
        if not patterns or any(fnmatch.fnmatch(mutant.name, pattern) for pattern in patterns)
    ]


def _read(path: Path) -> Mutant:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name}: not TOML: {error}") from error
    equivalent = table.pop("equivalent", "")
    _check(path.name, table, _KEYS)
    if not table["rows"] or not table["edit"]:
        raise InputError(f"{path.name}: it must name a row and an edit")
    for edit in table["edit"]:
        _check(f"{path.name} [[edit]]", edit, {"file": str, "find": str, "replace": str})
        if not edit["find"] or edit["find"] == edit["replace"]:
            raise InputError(f"{path.name}: the edit of {edit['file']} changes nothing")
    return Mutant(
        name=path.stem,
        breaks=table["breaks"],
        rows=tuple(table["rows"]),
        arch=table["arch"],
        edits=tuple(Edit(**edit) for edit in table["edit"]),
        equivalent=equivalent,
    )


def _check(where: str, table: dict[str, Any], keys: dict[str, type]) -> None:
    if wrong := set(table) ^ set(keys):
        raise InputError(f"{where}: keys missing or unknown: {', '.join(sorted(wrong))}")
    for key, kind in keys.items():
        if not isinstance(table[key], kind):
            raise InputError(f"{where}: {key} must be a {kind.__name__}")
