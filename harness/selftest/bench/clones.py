# SPDX-License-Identifier: GPL-2.0-only
"""Memory: what clones of one saved VM take, of the host's RAM and of its disk."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.guest.keys import Keys
from harness.guest.ready import GuestContents
from harness.host.clock import Clock
from harness.machine.templates import disk_bytes, load
from harness.run.runner import Job, Runner
from harness.selftest.bench.figures import BenchError, figure
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.guest.guest import Guest
    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure

_COUNTS = (1, 2, 8)
# A guest is idle some time after its last case.
_SETTLE_SECONDS = 2.0
_KIB = 1 << 10
_MIB = 1 << 20


@dataclass(frozen=True)
class Usage:
    """A process's part of the RAM, shared pages divided by those who share them (in MiB)."""

    total: float
    # Its own: what the guest has written, and QEMU's heap with its translated code.
    anonymous: float
    # Mapped files: what of the template is not written to, and QEMU's program.
    file: float


def usage(smaps_rollup: str) -> Usage:
    """Read /proc/PID/smaps_rollup (Documentation/filesystems/proc.rst)."""
    lines = [line.split() for line in smaps_rollup.splitlines()[1:]]
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    return Usage(kib["Pss"] / _KIB, kib["Pss_Anon"] / _KIB, kib["Pss_File"] / _KIB)


def memory(bench: Bench) -> Iterator[Figure]:
    """Start up to eight clones, have each run one case, and look at what they take."""
    with contextlib.ExitStack() as stack:
        guests: list[Guest] = []
        for count in _COUNTS:
            while len(guests) < count:
                guests.append(_clone(bench, len(guests) + 1, stack))
            time.sleep(_SETTLE_SECONDS)
            yield from _figures(bench, guests)


def _clone(bench: Bench, number: int, stack: contextlib.ExitStack) -> Guest:
    runner = stack.enter_context(Runner(bench.plan, bench.folder, Clock(), f"clone{number}"))
    case = bench.trivial_case()
    record = runner.run(Job(bench.trivial_id, case, ""))
    if record.verdict is not Verdict.PASS:
        raise BenchError(f"{bench.trivial_id} did not pass: {record.verdict} {record.message}")
    guest = runner.fleet.running[case.profile]
    if guest.vm.boot.state is None:
        raise BenchError("the guest was booted: there is no saved VM that it is a clone of")
    return guest


def _figures(bench: Bench, guests: list[Guest]) -> Iterator[Figure]:
    used = [usage(Path(f"/proc/{each.vm.pid}/smaps_rollup").read_text()) for each in guests]
    count = len(guests)
    total, anonymous, file = (
        sum(getattr(each, field) for each in used) for field in ("total", "anonymous", "file")
    )
    bench.say("memory: %d clones take %.0f MiB", count, total)
    who = "1 clone" if count == 1 else f"{count} clones"
    yield figure(f"memory.ram_{count}", f"RAM of {who}", "MiB", [total])
    yield figure(f"memory.own_{count}", "  of it their own", "MiB", [anonymous])
    yield figure(f"memory.shared_{count}", "  of it files, shared by them all", "MiB", [file])
    disk, note = _disk(bench, guests[0])
    yield figure(f"memory.disk_{count}", f"disk of {who}", "MiB", [disk], note)


def _disk(bench: Bench, guest: Guest) -> tuple[float, str]:
    """Return the MiB that the templates of ``guest`` take, and which they are."""
    plan = bench.plan
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
    names = contents.names(plan.boot(bench.trivial_case().profile, Keys()))
    kept = [template for name in dict.fromkeys(names) if (template := load(name))]
    sizes = [disk_bytes(template.folder) / _MIB for template in kept]
    if guest.vm.boot.state is None or guest.vm.boot.state.parent not in [t.folder for t in kept]:
        raise BenchError("the guest is a clone of another saved VM than this plan's")
    return sum(sizes), " + ".join(f"{size:.0f}" for size in sizes) + " MiB: booted, with programs"
