# SPDX-License-Identifier: GPL-2.0-only
"""What each kind of trouble must come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak_data import OFF, replace

from harness.selftest.soak.kinds import KINDS, busy, wrong
from harness.selftest.soak.provoke import troubles
from harness.verdicts.verdict import Verdict

MESSAGES = {
    "disk-full": "",
    "nothing": "",
    "panic": "Kernel panic - not syncing: sysrq triggered crash",
    "oops": "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "reset": "the guest reset without a word (a triple fault?): x",
    "triple-fault": "the guest reset without a word (a triple fault?): x",
    "power-off": "the guest shut down in the middle of the case: x",
    "taint": "after the case: the kernel is tainted anew: OE (0 before, 12288 now)",
    "leak": "after the case: hugepages-2048kB.free is 63, and was 64 before",
    "qemu-killed": "QEMU died: QEMU was killed by SIGKILL; it said: (nothing)",
    "monitor-gone": "the VM was lost: QEMU is there, but the connection to it is broken",
    "oom": "the guest ran out of memory: Out of memory: Killed process 57 (dropbear)",
    "soft-lockup": "watchdog: BUG: soft lockup - CPU#0 stuck for 3s! [insmod:77]",
    "hard-lockup": "the guest hangs: the program did not report a result, no new command runs",
    "stuck": "TIMEOUT after 20 s: it did not finish; pid 90 survives SIGKILL, state D",
    "stopped": "the program was stopped by a signal: it is in state T",
    "ssh-stalls": "the guest's SSH does not answer, but its console does: the program did not",
    "qemu-stopped": "the VM was lost: QEMU's monitor does not answer; the process is T (stopped)",
    "paused": "the VM was lost: QEMU does not run the guest: it is paused",
}


def test_every_kind_has_its_trouble():
    assert set(KINDS) == set(MESSAGES) == set(troubles(Path("trouble.ko")))


@pytest.mark.parametrize("name", KINDS)
def test_what_it_must_come_to(name):
    kind = KINDS[name]
    record = replace(OFF, verdict=kind.verdict, message=MESSAGES[name])
    assert wrong(kind, record) == ""
    for verdict in set(Verdict) - {kind.verdict}:
        assert f"expected {kind.verdict}" in wrong(kind, replace(record, verdict=verdict))
    assert wrong(kind, replace(record, message="something else"))


def test_a_busy_host_excuses_what_needs_its_cpu():
    record = replace(OFF, verdict=Verdict.MISS, message="the host is too busy: QEMU waited for a")
    assert [name for name, kind in KINDS.items() if not wrong(kind, record)] == [
        name
        for name in KINDS
        if name not in {"nothing", "disk-full", "qemu-killed", "monitor-gone"}
    ]
    assert busy(KINDS["stuck"], record)
    assert not busy(KINDS["stuck"], OFF)
