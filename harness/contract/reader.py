# SPDX-License-Identifier: GPL-2.0-only
"""Read the contract from ``guest_tests/contract/``.

One TOML file for each area, one table for each row.  A row is one statement about userfaultfd:

    statement   what must hold; U is the registered mapping, A the second one of the same file,
                "present" means that A was written, a "hole" that it was not
    source      where the kernel decides it: functions, files, a commit
    memory      the kinds of memory that it speaks of, or what their names begin with: "shmem";
                without, it speaks of none in particular
    pages       the sizes of huge pages that it speaks of, as hugepagesz= spells them; without, all
    compat      true: it is about 32-bit tasks on 64-bit kernels, too
    needs       CONFIG_ symbols without which it cannot be tried
    applies     names of lists in applies.toml; they come before the row's own expectations
    expect      expectations
    unverified  why no case can verify it

A row without expectations holds everywhere.  Otherwise the first expectation that fits is
taken; what it is for:

    arch     names of kernel architectures (a 32-bit task on a 64-bit kernel is the latter)
    task     "compat": such a 32-bit task; "native": any other
    memory   kinds of memory, or what their names begin with; it fits no case without memory
    since    first version it is for
    until    first version it is no longer for
    config   CONFIG_X=y: must be set, to y or m; CONFIG_X=n: must not be

and what it says: ``value``, what the case is told to expect; or ``skip``, why the statement
does not apply; or neither, when the statement just holds.  ``why`` names what made it so, and
``finding`` the write-up in docs/findings.md when what is expected is nothing to be proud of.
Where a row has values and none of its expectations fits, nobody has looked at such a kernel,
and its cases are skipped with those words.

Versions are upstream's; 7.3-rc7 has what 7.3 has, and a distribution's 6.12.107+deb13 is
6.12.107.  A change that was backported to a stable series is one more expectation in front,
``since = "6.12.40"`` with ``until = "6.13"``; one that only a distribution carries cannot be
told from a version, and shows as a failure to be looked at.

Where a kernel's configuration is not known, a guest is asked for what it shows of it: probes.toml.

The file PENDING lists the rows that no case verifies yet, one id a line; it only gets shorter.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from harness import architectures
from harness.architectures import GUEST_TESTS
from harness.contract.model import Contract, Entry, Row
from harness.errors import InputError
from harness.guest import config_probe
from harness.guest.config_probe import Probe
from harness.host.memo import Work, cached_on_disk
from harness.kernels.version import Version
from harness.suite.variant import MEMORY_KINDS, TASKS

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = GUEST_TESTS / "contract"
APPLIES = "applies.toml"
PENDING = "PENDING"
PROBES = "probes.toml"

# Memory that rows speak of and that no case is run on as a parameter: it makes its own.
OTHER_MEMORY = ("file", "secretmem", "sysv", "sysv-hugetlb")

_ROW_KEYS = {
    *("statement", "source", "memory", "pages", "compat", "needs", "applies", "expect"),
    "unverified",
}
_ENTRY_KEYS = {
    *("arch", "task", "memory", "since", "until", "config", "value", "skip", "why", "finding"),
}
_PROBE_KEYS = {"file", "has", "symbols", "feature", "absent"}
_ID = re.compile(r"[A-Z0-9]+-\d\d")
_PAGES = re.compile(r"\d+[KMG]")


def load(folder: Path = FOLDER) -> Contract:
    """Read the contract; InputError when it is malformed."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InputError(f"no contract: no .toml file in {folder}")
    # To read TOML takes 50 ms, which every start would wait for.
    parsed: dict[str, dict[str, Any]] = cached_on_disk(
        "contract",
        str(folder.absolute()),
        lambda: Work({path.name: _tables(path) for path in files}, [folder, *files]),
    )
    shared = {
        name: _entries(entries, f"{APPLIES} [{name}]")
        for name, entries in parsed.pop(APPLIES, {}).items()
    }
    probes = {name: _probe(name, table) for name, table in parsed.pop(PROBES, {}).items()}
    rows: dict[str, Row] = {}
    for path in files:
        for name, table in parsed.get(path.name, {}).items():
            if name in rows:
                raise InputError(f"{path.name} [{name}]: {rows[name].area}.toml has it, too")
            rows[name] = _row(name, table, shared, path)
    return Contract(rows, probes)


def compat_rows(folder: Path = FOLDER) -> frozenset[str]:
    """Return the rows that hold for 32-bit tasks, too; InputError as load() raises it.

    Every start needs these to know its cases, and only a run the rest: 10 ms less.
    """
    files = [folder, *sorted(folder.glob("*.toml"))]
    found: list[str] = cached_on_disk(
        "compat-rows",
        str(folder.absolute()),
        lambda: Work([row.id for row in load(folder).rows.values() if row.compat], files),
    )
    return frozenset(found)


def pending(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the rows that no case verifies yet, as PENDING lists them; InputError without."""
    path = folder / PENDING
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return tuple(line for line in map(str.strip, lines) if line and not line.startswith("#"))


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _row(name: str, table: object, shared: dict[str, tuple[Entry, ...]], path: Path) -> Row:
    where = f"{path.name} [{name}]"
    if not isinstance(table, dict) or not _ID.fullmatch(name):
        raise InputError(f"{where}: expected a table, with a name such as REG-01")
    _check_keys(table, _ROW_KEYS, where)
    statement, source, unverified = (
        _text(table, key, where) for key in ("statement", "source", "unverified")
    )
    if not statement:
        raise InputError(f"{where}: no statement")
    memory, pages = _memory(table, where), _list(table, "pages", where)
    if wrong := [size for size in pages if not _PAGES.fullmatch(size)]:
        raise InputError(f"{where}: pages '{wrong[0]}': expected for example 2M")
    if not isinstance(compat := table.get("compat", False), bool):
        raise InputError(f"{where}: compat is {compat!r}: expected true or false")
    needs = _list(table, "needs", where)
    if wrong := [symbol for symbol in needs if not symbol.startswith("CONFIG_")]:
        raise InputError(f"{where}: needs '{wrong[0]}': expected CONFIG_X")
    applies = _list(table, "applies", where)
    if missing := [list_ for list_ in applies if list_ not in shared]:
        message = f"{where}: no [[{missing[0]}]] in {APPLIES}: it has {', '.join(sorted(shared))}"
        raise InputError(message)
    in_front = tuple(entry for list_ in applies for entry in shared[list_])
    own = _entries(table.get("expect", []), where)
    return Row(
        id=name,
        area=path.stem,
        statement=statement,
        source=source or "",
        memory=memory,
        pages=pages,
        compat=compat,
        needs=needs,
        expect=in_front + own,
        unverified=unverified,
    )


def _probe(name: str, table: object) -> Probe:
    where = f"{PROBES} [{name}]"
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table")
    _check_keys(table, _PROBE_KEYS, where)
    if not isinstance(feature := table.get("feature"), int | None):
        raise InputError(f"{where}: feature is {feature!r}: expected a number")
    if not isinstance(has := table.get("has"), str | None):
        raise InputError(f"{where}: has is {has!r}: expected text")
    probe = Probe(
        file=_text(table, "file", where),
        has=has,
        symbols=_list(table, "symbols", where),
        feature=feature,
        absent=_text(table, "absent", where) or "n",
    )
    if wrong := config_probe.check(name, probe):
        raise InputError(f"{where}: {wrong}")
    return probe


def _entries(tables: object, where: str) -> tuple[Entry, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{where}: expected a list of tables")
    return tuple(_entry(table, where) for table in tables)


def _entry(table: dict[str, Any], where: str) -> Entry:
    _check_keys(table, _ENTRY_KEYS, where)
    if "value" in table and "skip" in table:
        raise InputError(f"{where}: an expectation has a value or a reason to skip, not both")
    arch = _list(table, "arch", where)
    if unknown := [name for name in arch if name not in architectures.names()]:
        expected = ", ".join(architectures.names())
        raise InputError(f"{where}: arch '{unknown[0]}': expected {expected}")
    texts = {key: _text(table, key, where) for key in _ENTRY_KEYS - {"arch", "memory"}}
    since, until = (_version(texts.pop(key), where) for key in ("since", "until"))
    config = texts["config"]
    if config is not None and not (config.startswith("CONFIG_") and config[-2:] in {"=y", "=n"}):
        raise InputError(f"{where}: config '{config}': expected CONFIG_X=y or CONFIG_X=n")
    if texts["task"] not in {*TASKS, None}:
        raise InputError(f"{where}: task '{texts['task']}': expected {' or '.join(TASKS)}")
    return Entry(
        arch=arch,
        memory=_memory(table, where),
        since=since,
        until=until,
        **texts,
    )


def _check_keys(table: dict[str, Any], known: set[str], where: str) -> None:
    if wrong := set(table) - known:
        message = f"{where}: unknown keys: {', '.join(sorted(wrong))}"
        raise InputError(f"{message}: expected {', '.join(sorted(known))}")


def _version(text: str | None, where: str) -> Version | None:
    try:
        return Version.parse(text) if text is not None else None
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _text(table: dict[str, Any], key: str, where: str) -> str | None:
    """Return the text at ``key`` in one line; None when there is none."""
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key} is {value!r}: expected text")
    return " ".join(value.split())


def _memory(table: dict[str, Any], where: str) -> tuple[str, ...]:
    """Return the kinds of memory at ``memory``, each in full."""
    kinds = [*MEMORY_KINDS, *OTHER_MEMORY]
    found: list[str] = []
    for name in _list(table, "memory", where):
        meant = [kind for kind in kinds if kind == name or kind.startswith(f"{name}-")]
        if not meant:
            raise InputError(f"{where}: memory '{name}': expected {', '.join(kinds)}")
        # "sysv" is a kind of its own, as well as what another one's name begins with.
        found += [name] if name in meant else meant
    return tuple(found)


def _list(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(f"{where}: {key} is {value!r}: expected a list of text")
    return tuple(value)
