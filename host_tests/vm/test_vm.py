# SPDX-License-Identifier: GPL-2.0-only
"""The virtual machine: how it boots, how it fails to, how it ends. All VMs are real."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from harness.architectures import ROOT
from harness.errors import HostError, InputError
from harness.guest.guest import booted
from harness.guest.ssh import SshError
from harness.image import initramfs
from harness.machine import accel
from harness.machine.boot import BootError, BootTrouble, wait_ready, wait_stage
from harness.machine.exits import ExitKind
from harness.machine.vm import VM
from harness.run.plan import prepare
from harness.run.settings import Settings


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end_by(plan, nursery, evidence, script):
    """Run ``script`` in a VM of its own, and return how it ended."""
    with nursery.ready(plan.boot("contract", nursery.keys), evidence) as guest:
        with contextlib.suppress(SshError):
            guest.ssh.run(["sh", "-c", script], timeout=20)
        end = guest.vm.end(wait=30)
        kept = guest.vm.qmp.execute("query-status")
        assert kept == {"status": "shutdown", "running": False, "singlestep": False}
        assert guest.vm.console.closed
    assert not alive(guest.vm.pid)
    assert guest.vm.end() == end
    return end


def test_a_panic(plan, nursery, evidence):
    end = end_by(plan, nursery, evidence, "echo c > /proc/sysrq-trigger")
    assert end.kind is ExitKind.PANIC
    assert "sysrq triggered crash" in end.detail


def test_a_reset_without_a_word(plan, nursery, evidence):
    end = end_by(plan, nursery, evidence, "dmesg -n 1; echo b > /proc/sysrq-trigger")
    assert end.kind is ExitKind.RESET


def test_a_power_off(plan, nursery, evidence):
    assert end_by(plan, nursery, evidence, "poweroff -f").kind is ExitKind.POWEROFF


def test_qemu_is_killed(plan, nursery, evidence):
    with nursery.ready(plan.boot("contract", nursery.keys), evidence) as guest:
        assert guest.vm.end() is None
        os.kill(guest.vm.pid, signal.SIGKILL)
        end = guest.vm.end(wait=10)
    assert end.kind is ExitKind.QEMU_DIED
    assert "SIGKILL" in end.detail


def test_qemu_is_told_to_end_by_somebody_else(plan, nursery, evidence):
    with nursery.ready(plan.boot("contract", nursery.keys), evidence) as guest:
        os.kill(guest.vm.pid, signal.SIGTERM)
        end = guest.vm.end(wait=10)
    assert end.kind is ExitKind.QEMU_DIED
    assert "host-signal" in end.detail


def test_the_block_ends_the_vm(plan, keys, evidence):
    with VM(plan.boot("contract", keys), evidence) as vm:
        wait_stage(vm, "init", 60 * plan.scale)
        pid = vm.pid
        assert alive(pid)
        assert os.getpgid(pid) == pid, "QEMU has a process group of its own"
    assert not alive(pid)
    assert vm.end().kind is ExitKind.KILLED_BY_HOST


def test_two_vms_do_not_clash(plan, keys, evidence):
    boot = plan.boot("contract", keys)
    with VM(boot, evidence) as one, VM(boot, evidence) as two:
        assert one.ssh_port != two.ssh_port
        assert {one.ssh_port, two.ssh_port}.isdisjoint({0, 22})


def test_qemu_dies_with_a_killed_harness(tmp_path):
    """SIGKILL gives the harness no chance to clean up: the kernel does it."""
    script = tmp_path / "start.py"
    script.write_text(f"""
import sys, time
from pathlib import Path
from harness.host.clock import Clock
from harness.guest.keys import Keys
from harness.machine.evidence import EvidenceLog
from harness.machine.vm import VM
from harness.run.plan import prepare
from harness.run.settings import Settings
plan = prepare(Settings("x86_64", accelerator="tcg"))
with VM(plan.boot("contract", Keys()), EvidenceLog(Path({str(tmp_path)!r}), Clock(), "vm")) as vm:
    print(vm.pid, flush=True)
    time.sleep(600)
""")
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as harness:
        pid = int(harness.stdout.readline())
        assert alive(pid)
        harness.kill()
        harness.wait()
        deadline = time.monotonic() + 5
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not alive(pid)


def test_an_early_panic_is_reported_at_once(plan, keys, evidence):
    boot = replace(plan.boot("contract", keys), append="rdinit=/nonexistent")
    with VM(boot, evidence) as vm, pytest.raises(BootError) as caught:
        wait_ready(vm, plan.scale)
    reported = evidence.clock.now()
    assert caught.value.trouble is BootTrouble.CRASH
    assert "VFS: Unable to mount root fs" in caught.value.what
    assert "  | " in str(caught.value), "the last lines of the console are part of the report"
    panic = next(
        line
        for line in (evidence.folder / "serial.log").read_text().splitlines()
        if "Kernel panic" in line
    )
    assert reported - float(panic[1:].split("]")[0]) < 1.0


def test_a_kernel_that_prints_nothing(plan, keys, evidence):
    mute = replace(plan.recipe, console="ttyS3", earlycon="")
    boot = replace(plan.boot("contract", keys), recipe=mute)
    with VM(boot, evidence) as vm, pytest.raises(BootError) as caught:
        wait_stage(vm, "sshd", 60, first_word_seconds=8)
    assert caught.value.trouble is BootTrouble.SILENT
    assert "printed nothing in 8 s; tried console=ttyS3" in caught.value.what


def test_a_kernel_that_falls_silent(plan, keys, evidence):
    # A shell as init: it waits for input, for ever.
    boot = replace(plan.boot("contract", keys), append="rdinit=/bin/sh")
    with VM(boot, evidence) as vm, pytest.raises(BootError) as caught:
        wait_stage(vm, "sshd", 12 * plan.scale)
    assert caught.value.trouble is BootTrouble.HANG


def test_a_machine_that_is_too_slow(plan, keys, evidence):
    with VM(plan.boot("contract", keys), evidence) as vm, pytest.raises(BootError) as caught:
        wait_stage(vm, "sshd", 1.0)
    assert caught.value.trouble in {BootTrouble.SLOW, BootTrouble.SILENT, BootTrouble.HANG}
    assert vm.console.since(), "the limit was hit while the console spoke"


def test_a_kernel_without_the_guests_devices(plan, keys, evidence, tmp_path):
    """An image without modules: virtio_net is neither built in nor there."""
    data = initramfs.assemble(plan.recipe, replace(plan.kernel, modules=None))
    image = tmp_path / "bare.cpio"
    image.write_bytes(data)
    boot = replace(plan.boot("contract", keys), initrd=image)
    with VM(boot, evidence) as vm, pytest.raises(BootError) as caught:
        wait_ready(vm, plan.scale)
    assert caught.value.trouble is BootTrouble.GUEST
    assert "no network device" in caught.value.what


def test_a_command_line_qemu_refuses(plan, keys, evidence):
    odd = replace(plan.recipe, machine="no-such-board")
    with pytest.raises(HostError) as caught:
        VM(replace(plan.boot("contract", keys), recipe=odd), evidence).__enter__()
    said = str(caught.value)
    assert "unsupported machine type" in said.splitlines()[0], "QEMU's own words come first"
    assert "exit status: 1" in said
    assert "-machine no-such-board" in said


def test_no_qemu(plan, keys, evidence):
    gone = replace(plan.recipe, qemu="qemu-system-gone")
    with pytest.raises(InputError, match="qemu-system-gone is not installed"):
        VM(replace(plan.boot("contract", keys), recipe=gone), evidence).__enter__()


def test_numa_nodes_and_cpus_are_as_the_profile_says(plan, keys, evidence):
    two = replace(plan.recipe.profiles["race"], nodes=2)
    boot = replace(plan.boot("race", keys), profile=two)
    with booted(boot, keys, (), evidence, plan.scale) as guest:
        seen = guest.ssh.run(
            ["sh", "-c", "nproc; ls -d /sys/devices/system/node/node*"], timeout=30
        ).stdout.decode()
    assert seen.split() == ["2", *(f"/sys/devices/system/node/node{n}" for n in range(2))]


def test_arm64_boots(keys, evidence):
    plan = prepare(Settings("arm64"))
    assert plan.choice.name == "tcg" or os.uname().machine == "aarch64"
    with booted(plan.boot("contract", keys), keys, (), evidence, plan.scale) as guest:
        assert guest.ssh.run(["uname", "-m"], timeout=30).stdout == b"aarch64\n"


def test_the_accelerator_that_is_chosen_boots(plan, keys, evidence, monkeypatch, tmp_path):
    """A /dev/kvm that opens but runs no kernel must not be taken, nor hang the run."""
    # A cache of its own for the verdict alone, so that the probe is really made.
    real = accel.cache_dir
    monkeypatch.setattr(
        accel, "cache_dir", lambda *parts: tmp_path if parts == ("accelerator",) else real(*parts)
    )
    began = time.monotonic()
    choice = accel.choose(plan.recipe, "auto")
    assert time.monotonic() - began < 60
    assert choice.why
    boot = replace(
        plan.boot("contract", keys),
        accelerator_name=choice.name,
        accelerator=choice.accelerator,
    )
    with VM(boot, evidence) as vm:
        wait_stage(vm, "init", 60 * choice.accelerator.timeout_scale)
    began = time.monotonic()
    assert accel.choose(plan.recipe, "auto") == choice
    assert time.monotonic() - began < 1, "the verdict is kept"
