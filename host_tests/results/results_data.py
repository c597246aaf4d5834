# SPDX-License-Identifier: GPL-2.0-only
"""Records that the tests of harness.results share."""

from harness.machine.exits import ExitKind
from harness.results.record import CaseRecord, KernelRecord, Run, SplatRecord, VmRecord
from harness.verdicts.verdict import Verdict

KERNEL = KernelRecord(
    origin="debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1",
    release="6.1.0-50-amd64",
    version="6.1.176",
    sha256="ab" * 32,
    config_known=True,
    image="/cache/vmlinuz",
)
VM = VmRecord(
    name="vm0",
    profile="plain",
    command=("qemu-system-x86_64", "-m", "512"),
    qemu_version="7.2.22",
    accelerator="tcg",
    accelerator_why="/dev/kvm is not there",
    boot_stages={"kernel": 2.5, "ssh": 1.0},
    started=0.5,
    ended=60.0,
    end=ExitKind.RESET,
)


def case(number=1, verdict=Verdict.PASS, message="", **more):
    facts = {
        "id": f"guest_tests/test_continue.py::test_{number}",
        "name": f"case_{number}",
        "program": "continue",
        "memory": "shmem",
        "rows": ("C1", "C2"),
        "verdict": verdict,
        "message": message,
        "started": 10.0,
        "duration": 1.25,
        "vm": "vm0",
        "phase": "case",
        "console": (f"[   10.000000] case {number}",),
        "diagnostics": ("memory: shmem",),
        "splats": (),
        "evidence": ("vm0/console.log",),
        "rerun": f"uffd-minor run -k case_{number}",
    }
    return CaseRecord(**(facts | more))


ONE_OF_EACH = (
    case(1),
    case(2, Verdict.FAIL, "expected 1; got 0", splats=(SplatRecord("WARN", "W", ("W", "x")),)),
    case(3, Verdict.ERROR, "the program died of SIGSEGV"),
    case(4, Verdict.MISS, "QEMU died: signal 9"),
    case(5, Verdict.SKIP, "no hugetlb pages"),
)


def run(cases=ONE_OF_EACH, **more):
    facts = {
        "id": "20260702T120000Z-x86_64-6.1.0-50-amd64",
        "started": "2026-07-02T12:00:00Z",
        "command": ("uffd-minor", "run"),
        "arch": "x86_64",
        "kernel": KERNEL,
        "image_sha256": "cd" * 32,
        "finished": "2026-07-02T12:01:30Z",
        "complete": True,
        "harness_version": "v0.1-3-gabcdef0",
        "durations": {"image": 2.0, "boot": 3.5},
        "vms": (VM,),
        "cases": tuple(cases),
    }
    return Run(**(facts | more))
