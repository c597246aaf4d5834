# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that are booted without their own unpacker, and those that need it. Real VMs."""

from __future__ import annotations

import logging
import struct
from dataclasses import replace

import pytest

from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.kernels import direct
from harness.machine.boot import wait_stage
from harness.machine.vm import VM
from harness.run.plan import prepare
from harness.run.settings import Settings


@pytest.mark.parametrize("arch", ["x86_64", "i386", "armhf"])
def test_the_kernel_proper_boots(arch, evidence):
    plan = prepare(Settings(arch, accelerator="tcg"))
    boot = plan.boot("contract", Keys())
    assert boot.kernel == plan.unpacked != plan.kernel.image == boot.packed
    with VM(boot, evidence) as vm:
        wait_stage(vm, "sshd", 120 * plan.scale)


def test_the_image_is_booted_when_asked_for(evidence):
    plan = prepare(Settings("x86_64", accelerator="tcg", boot="image"))
    boot = plan.boot("contract", Keys())
    assert (boot.kernel, boot.packed) == (plan.kernel.image, None)
    with VM(boot, evidence) as vm:
        wait_stage(vm, "init", 120 * plan.scale)


def test_what_does_not_come_up_is_booted_from_its_image(
    plan, keys, evidence, tmp_path, monkeypatch, caplog
):
    """An ELF file whose code halts at once stands for a kernel that its PVH entry does not boot."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    dead = tmp_path / "dead"
    dead.write_bytes(halting(plan.unpacked.read_bytes()))
    assert direct.has_pvh_entry(dead.read_bytes())
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, ())
    factory = GuestFactory(contents, keys, plan.scale)
    boot = replace(plan.boot("contract", keys), kernel=dead)
    with caplog.at_level(logging.WARNING, "harness"), factory.ready(boot, evidence) as guest:
        assert guest.agent.run(["/bin/busybox", "true"], timeout=30).exit_status == 0
    assert "booting the image as it is, not its kernel alone" in caplog.text


def halting(kernel: bytes) -> bytes:
    """``kernel`` with CLI; HLT; JMP at the address that its PVH note gives."""
    import io  # noqa: PLC0415

    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    elf = ELFFile(io.BytesIO(kernel))
    notes = [n for s in elf.iter_segments("PT_NOTE") for n in s.iter_notes()]
    raw = next(n["n_descdata"] for n in notes if (n["n_name"], n["n_type"]) == ("Xen", 18))
    (entry,) = struct.unpack_from("<I", raw)
    segment = next(
        s
        for s in elf.iter_segments("PT_LOAD")
        if s["p_paddr"] <= entry < s["p_paddr"] + s["p_filesz"]
    )
    at = segment["p_offset"] + entry - segment["p_paddr"]
    code = b"\xfa\xf4\xeb\xfd"
    return kernel[:at] + code + kernel[at + len(code) :]
