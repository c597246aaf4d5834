# SPDX-License-Identifier: GPL-2.0-only
"""The schema of results.json, version 2; docs/results.md describes every field.

Version 1 had fewer fields, all of which are still the same: what is new has a default.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (codec resolves the annotations)
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from harness.host.machine import Host  # noqa: TC001 (codec resolves the annotations)
from harness.kernels.provenance import Build, Source  # noqa: TC001
from harness.machine.exits import ExitKind  # noqa: TC001
from harness.text import clean
from harness.verdicts.verdict import Verdict  # noqa: TC001

SCHEMA = 2
READABLE = (1, 2)
MAX_CONSOLE = 64 << 10  # bytes of a case's console
MAX_LINE = 2000  # characters of a line of it
MAX_MESSAGE = 2000  # characters


@dataclass(frozen=True)
class KernelRecord:
    """The kernel under test."""

    origin: str  # for people: the package, or the path it came from
    release: str  # as uname -r prints it
    version: str  # upstream, with the patch level when it is known: "6.1.176"
    sha256: str  # of the image file, in hex
    config_known: bool
    image: str  # path of the file given to QEMU
    spec: str = ""  # what --kernel finds this very kernel by
    source: Source | None = None  # the commit it was built from
    build: Build | None = None


@dataclass(frozen=True)
class SettingsRecord:
    """How the run was asked for, beside its kernel."""

    accelerator: str  # "auto", "kvm", "tcg"
    timeout_scale: float
    isolation: str  # "vm", "case"
    retries: int
    boot: str = "image"  # where QEMU enters the kernel: "direct", "image"
    append: str = ""  # words added to the kernel's command line


@dataclass(frozen=True)
class VmRecord:
    """One QEMU process."""

    name: str  # unique in the run
    profile: str  # the recipe's name for its shape
    command: tuple[str, ...]  # QEMU's argv
    qemu_version: str
    accelerator: str  # "kvm", "tcg"
    accelerator_why: str  # why this one
    boot_stages: Mapping[str, float]  # seconds from its start to each stage of being ready
    started: float  # seconds since the run began
    ended: float | None = None  # the same; None while it runs
    end: ExitKind | None = None  # how it ended; None while it runs or when it was shut down
    template: str = ""  # key of the saved VM it is a clone of; "" when it was booted
    qemu: str = ""  # path of the program
    boot_method: str = "image"  # what QEMU was given: "image", "direct" (unpacked)
    kernel_command_line: str = ""
    slowness: float = 1.0  # factor on time limits: how slow its kernel was measured to be
    watchers: Mapping[str, str] = field(default_factory=dict)  # what kmemleak, lockdep saw in it


@dataclass(frozen=True)
class SplatRecord:
    """One complaint of the kernel, found on the console."""

    kind: str  # harness.verdicts.splats.Kind
    title: str
    lines: tuple[str, ...]
    bug: str = ""  # "oops in mfill_atomic": the same for the same bug in any run
    fingerprint: str = ""  # 12 hex digits of that and the first frames of the trace


@dataclass(frozen=True)
class Retry:
    """One more try of a case that failed, in a fresh VM."""

    verdict: Verdict
    message: str  # why, as the case's
    vm: str  # name of its VM
    duration: float  # seconds
    started: float | None = None  # as a case's; None: an older harness's


@dataclass(frozen=True)
class CaseRecord:
    """One case and its verdict."""

    id: str  # pytest's node id, unique in the run
    name: str  # what the case checks
    program: str  # the test program that ran it
    memory: str  # what it ran on, see harness.suite.variant: "hugetlb-shared-64K"; may be ""
    rows: tuple[str, ...]  # the rows of the contract that it covers
    verdict: Verdict
    message: str  # why, one line; "" for PASS
    started: float  # seconds since the run began
    duration: float  # seconds
    vm: str  # name of its VM; "" when it had none
    phase: str  # "boot", "case", or "end" of a VM: when the verdict was made
    console: tuple[str, ...] = ()  # at most MAX_CONSOLE bytes
    diagnostics: tuple[str, ...] = ()  # what the program said
    splats: tuple[SplatRecord, ...] = ()
    evidence: tuple[str, ...] = ()  # files, relative to the run's folder
    rerun: str = ""  # a command line that runs this case alone
    findings: tuple[str, ...] = ()  # headings in docs/findings.md: known issues it expects
    retries: tuple[Retry, ...] = ()  # how a FAIL fared when it was run again


@dataclass(frozen=True)
class Run:
    """One run: one kernel, some VMs, and cases."""

    id: str  # the name of its folder
    started: str  # ISO 8601, UTC, seconds: 2026-07-02T12:00:00Z
    command: tuple[str, ...]  # the harness's argv
    arch: str
    kernel: KernelRecord
    image_sha256: str  # of the initramfs, in hex
    finished: str | None = None  # as started; None until it is
    complete: bool = False  # every case that was to run has its verdict
    settings: SettingsRecord | None = None  # None: an older harness's
    harness_version: str | None = None  # git describe; None when not known
    durations: Mapping[str, float] = field(default_factory=dict)  # seconds, by stage
    # What all "seconds since the run began" are counted from: as started, with milliseconds.
    clock_zero: str | None = None
    host: Host | None = None  # that it ran on
    vms: tuple[VmRecord, ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    schema: int = SCHEMA


def wall_time(run: Run, seconds: float) -> str | None:
    """Return the time that was ``seconds`` after ``run`` began, as ``run.clock_zero`` is written.

    None when the run does not say when it began, or says it in another way.
    """
    try:
        zero = datetime.fromisoformat(run.clock_zero or "")
        return iso(zero + timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return None


def iso(time: datetime) -> str:
    """Return ``time``, in UTC, in ISO 8601 with milliseconds: 2026-07-02T12:00:00.000Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def slowness(run: Run) -> float:
    """Return the factor on time limits that the slowest of the run's kernels was given."""
    return max([vm.slowness for vm in run.vms], default=1.0)


def tidy(case: CaseRecord) -> CaseRecord:
    """Return ``case`` with what came from the guest cleaned and bounded."""
    splats = tuple(
        replace(
            splat,
            title=_short(splat.title, MAX_LINE),
            bug=_short(splat.bug, MAX_LINE),
            lines=bounded(splat.lines),
        )
        for splat in case.splats
    )
    retries = tuple(replace(r, message=_short(r.message, MAX_MESSAGE)) for r in case.retries)
    return replace(
        case,
        message=_short(case.message, MAX_MESSAGE),
        retries=retries,
        console=bounded(case.console),
        diagnostics=bounded(case.diagnostics),
        splats=splats,
    )


def bounded(lines: tuple[str, ...], limit: int = MAX_CONSOLE) -> tuple[str, ...]:
    """Return ``lines`` cleaned; over ``limit`` bytes of UTF-8, the first and the last of them.

    The first half says what went wrong first, the last what it ended with; a line between
    them says how many were cut.
    """
    cleaned = [_short(line, MAX_LINE) for line in lines]
    if sum(map(_size, cleaned)) <= limit:
        return tuple(cleaned)
    note_size = 80
    head = _fitting(cleaned, (limit - note_size) // 2)
    rest = cleaned[len(head) :]
    tail = _fitting(rest[::-1], (limit - note_size) // 2)[::-1]
    cut = len(rest) - len(tail)
    return (*head, f"[{cut} lines cut here: over {limit} bytes]", *tail)


def _fitting(lines: list[str], limit: int) -> list[str]:
    """Return the first ``lines`` that take at most ``limit`` bytes."""
    used = 0
    for count, line in enumerate(lines):
        used += _size(line)
        if used > limit:
            return lines[:count]
    return lines


def _size(line: str) -> int:
    return len(line.encode()) + 1  # its newline


def _short(text: str, limit: int) -> str:
    """Return ``text`` as one clean line of at most ``limit`` characters, "..." if it was cut."""
    # Escape sequences take room and then go; a line of nothing else is not worth reading on.
    read = text[: 4 * limit]
    flat = clean(read.replace("\n", " "))
    if len(flat) <= limit and read == text:
        return flat
    return flat[: limit - 3] + "..."
