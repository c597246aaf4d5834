# SPDX-License-Identifier: GPL-2.0-only
"""What workers hand over is recorded: VMs, and what was seen as they ended."""

from __future__ import annotations

from dataclasses import replace

from harness.host.codec import to_json
from harness.plugin.records import Records
from harness.results.record import CaseRecord, KernelRecord, Run, VmRecord
from harness.results.store import RunStore
from harness.verdicts.verdict import Verdict, exit_code

KERNEL = KernelRecord(
    "debug:kmemleak linux-source-6.12 6.12.1-1", "6.12.1", "6.12.1", "ab", True, "i"
)
RUN = Run("id", "2026-07-02T12:00:00Z", ("run",), "x86_64", KERNEL, "cd")
VM = VmRecord("gw0.1", "contract", ("qemu",), "7.2", "tcg", "asked for", {}, 0.0)
LEAK = CaseRecord(
    id="guest_tests/end-of-vm::kmemleak[0123456789ab]",
    name="kmemleak",
    program="end-of-vm",
    memory="0123456789ab",
    rows=(),
    verdict=Verdict.FAIL,
    message="memory leak: 192 bytes",
    started=1.0,
    duration=2.0,
    vm="gw0.1",
    phase="end",
)


def test_what_was_seen_at_the_end_of_a_vm_is_a_record(tmp_path):
    records = Records(RunStore(tmp_path, RUN))
    records.add_vms({"vms": [to_json(VM)], "ends": []})
    ended = replace(VM, ended=9.0, slowness=2.5, watchers={"kmemleak": LEAK.message})
    records.add_vms({"vms": [to_json(ended)], "ends": [to_json(LEAK)]})
    # The same bug in another VM.
    records.add_vms({"vms": [], "ends": [to_json(replace(LEAK, vm="gw0.2"))]})
    records.add_vms({})
    assert records.run.vms == (ended,)
    assert [case.vm for case in records.run.cases] == ["gw0.2"]
    assert exit_code(case.verdict for case in records.run.cases) == 1
