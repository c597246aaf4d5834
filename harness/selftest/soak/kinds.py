# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of trouble that a campaign makes, and what each must come to (docs/verdicts.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.run.runner import Patience
from harness.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from harness.results.record import CaseRecord
    from harness.run.plan import Plan
    from harness.suite.catalog import Case

# Seconds, times the user's factor: a hang is called one sooner than usual.
LIMIT, GRACE, ANSWER = 15.0, 15.0, 8.0
# The one that needs a small disk for the run's results (harness.selftest.soak.child).
FULL_DISK = "disk-full"
# What a verdict may be instead when the host did not let QEMU run (harness.verdicts.judge).
_BUSY = "the host is too busy: "


@dataclass(frozen=True)
class Kind:
    """One kind of trouble."""

    # harness.selftest.soak.provoke's name of it.
    name: str
    verdict: Verdict
    # Matches the beginning of the record's message.
    words: str
    # How often it is drawn, compared with others: those that take a minute are rare.
    weight: int = 4
    # Architectures whose kernels have it; empty: all.
    arches: frozenset[str] = frozenset()
    # It shows by a time-out.
    hangs: bool = False


_PANIC = r"panic: sysrq triggered crash|.*Kernel panic - not syncing: sysrq triggered crash"
_OOPS = r"(BUG: kernel NULL pointer dereference|.*[Uu]nable to handle kernel NULL pointer)"

KINDS = {
    kind.name: kind
    for kind in (
        Kind("nothing", Verdict.PASS, r"$", 5),
        # The cases go on, and what could not be written is, when there is room again.
        Kind(FULL_DISK, Verdict.PASS, r"$", 2),
        Kind("panic", Verdict.FAIL, _PANIC),
        Kind("oops", Verdict.FAIL, _OOPS),
        Kind("reset", Verdict.FAIL, r"the guest reset without a word"),
        Kind("triple-fault", Verdict.FAIL, r"the guest reset without a word",
             arches=frozenset({"x86_64"})),
        Kind("power-off", Verdict.FAIL, r"the guest shut down in the middle of the case"),
        Kind("taint", Verdict.FAIL, r"after the case: the kernel is tainted anew", 2),
        Kind("leak", Verdict.FAIL, r"after the case: hugepages-2048kB\.free is ", 2),
        Kind("qemu-killed", Verdict.MISS, r"QEMU died: QEMU was killed by SIGKILL"),
        Kind("monitor-gone", Verdict.MISS, r"the VM was lost: .*the connection to it is broken"),
        Kind("oom", Verdict.ERROR, r"the guest ran out of memory: Out of memory: Killed ", 3),
        Kind("soft-lockup", Verdict.FAIL, r".*soft lockup - CPU#\d stuck", 1, hangs=True),
        Kind("hard-lockup", Verdict.FAIL, r"the guest hangs: ", 1, hangs=True),
        Kind("stuck", Verdict.FAIL, r"TIMEOUT after |the program .* it is stuck in the kernel",
             1, hangs=True),
        Kind("stopped", Verdict.ERROR, r"the program was stopped", 1, hangs=True),
        Kind("ssh-stalls", Verdict.MISS, r"the guest's SSH does not answer, but its console does",
             1, hangs=True),
        Kind("qemu-stopped", Verdict.MISS, r"the VM was lost: .*T \(stopped\)", 1, hangs=True),
        Kind("paused", Verdict.MISS, r"the VM was lost: .*it is paused", 1, hangs=True),
    )
}  # fmt: skip


def wrong(kind: Kind, record: CaseRecord) -> str:
    """Return what is wrong with the verdict on a case that met ``kind``; "" when nothing is."""
    if record.verdict is kind.verdict and re.match(kind.words, record.message):
        return ""
    if busy(kind, record):
        return ""
    return f"{kind.name}: {record.verdict} {record.message!r}, expected {kind.verdict}"


def busy(kind: Kind, record: CaseRecord) -> bool:
    """Return True if the verdict is that nothing was learned: the host did not let QEMU run."""
    late = kind.verdict in {Verdict.FAIL, Verdict.ERROR} or kind.hangs
    return late and record.verdict is Verdict.MISS and record.message.startswith(_BUSY)


def pace(plan: Plan) -> Patience:
    """Return the patience with which a hang is called one sooner than usual."""
    factor = plan.choice.accelerator.timeout_scale
    return Patience(GRACE / factor, ANSWER / factor)


def limit(case: Case, plan: Plan) -> float:
    """Return a time limit for ``case``, as Case.timeout has it, that goes with ``pace``.

    A case that takes some seconds does not pass its own by it.
    """
    return min(case.timeout, LIMIT / plan.choice.accelerator.timeout_scale)
