# SPDX-License-Identifier: GPL-2.0-only
"""Runs as the bench finds them."""

from __future__ import annotations

from pathlib import Path

from harness.results.record import CaseRecord, KernelRecord, Run, VmRecord
from harness.selftest.bench.runs import Finished
from harness.verdicts.verdict import Verdict

STAGES = {"restored": 0.1, "renewed": 0.3, "ssh": 0.4, "ready": 0.45}


def case(number, *, started, vm="vm.1", verdict=Verdict.PASS, duration=0.01):
    return CaseRecord(
        id=f"guest_tests/api.c::handshake~{number}", name="handshake", program="api", memory="",
        rows=("API-01",), verdict=verdict, message="", started=started, duration=duration, vm=vm,
        phase="case",
    )  # fmt: skip


def vm(name="vm.1", started=2.0, stages=STAGES):
    return VmRecord(
        name=name, profile="contract", command=("qemu",), qemu_version="7.2", accelerator="tcg",
        accelerator_why="", boot_stages=stages, started=started,
    )  # fmt: skip


def finished(cases, vms=None, *, folder=Path(), durations=None, collected=1.5):
    run = Run(
        id="run", started="2026-11-22T12:00:00Z", command=("run",), arch="x86_64",
        kernel=KernelRecord("debian", "6.1", "6.1", "ab", config_known=True, image="vmlinuz"),
        image_sha256="cd", vms=tuple(vms or [vm()]), cases=tuple(cases),
        durations=durations or {},
    )  # fmt: skip
    return Finished(9.0, 0, run, folder, collected)
