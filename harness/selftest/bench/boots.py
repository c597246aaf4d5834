# SPDX-License-Identifier: GPL-2.0-only
"""Cold: how long a guest takes to boot to SSH and to its first command, against bare boots.

Bare is the same kernel and machine with busybox alone: on the harness's CPU, to see what the
guest's own way to SSH costs, and on the one that QEMU's users take who have not looked further,
to see what choosing it gains.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.guest.keys import Keys
from harness.guest.ssh import Ssh
from harness.host.clock import Clock
from harness.image import cpio, userland
from harness.machine.boot import wait_ready, wait_stage
from harness.machine.evidence import EvidenceLog
from harness.machine.vm import VM
from harness.selftest.bench import runs
from harness.selftest.bench.figures import figure, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.machine.command import Boot
    from harness.run.plan import Plan
    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure

_BARE_INIT = b"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
echo "harness: stage init" >/dev/kmsg
/bin/busybox sleep 1000000
"""
_SECONDS = 120.0
# Of the first runs: each boots, saves and starts VMs, 20 s and more.
_MOST_FIRST_RUNS = 3


def bare_image(plan: Plan) -> bytes:
    """Return an initramfs of busybox and an init that says it is there."""
    busybox = next(e for e in userland.entries(plan.recipe) if e.name == userland.BUSYBOX)
    init = cpio.file("init", _BARE_INIT, 0o755)
    return cpio.archive([init, busybox, cpio.folder("dev"), cpio.device("dev/console", 5, 1)])


def cold(bench: Bench) -> Iterator[Figure]:
    """Boot both ways in turn; then run as the very first time, with no saved VM."""
    plan = bench.plan
    keys = Keys()
    ready = plan.boot("contract", keys)
    image = bench.folder / "bare.cpio"
    image.write_bytes(bare_image(plan))
    # As a boot loader would: the kernel unpacks itself.
    kernel = plan.kernel.image
    same = replace(ready, kernel=kernel, packed=None, initrd=image, overlay=b"")
    cpu = same.accelerator.plain or same.accelerator.cpu
    plain = replace(same, accelerator=replace(same.accelerator, cpu=cpu))
    log = EvidenceLog(bench.folder, Clock(), "bench")
    boots: dict[str, Callable[[], float]] = {
        "bare": lambda: _boot_bare(same, log, plan.scale),
        "plain CPU": lambda: _boot_bare(plain, log, plan.scale),
        "first command": lambda: _boot_ready(ready, keys, log, plan.scale, logged_in),
    }
    seconds: dict[str, list[float]] = {name: [] for name in boots}
    logged_in: list[float] = []
    for number in range(bench.rounds):
        # The other way round in every other round: what went before leaves the host warm, or busy.
        for name in list(boots)[:: -1 if number % 2 else 1]:
            seconds[name].append(boots[name]())
        told = ", ".join(f"{name} {seconds[name][-1]:.2f} s" for name in boots)
        bench.say("cold %d/%d: %s", number + 1, bench.rounds, told)
    log.close()
    bare = figure("cold.bare", "bare boot to init", "s", seconds["bare"])
    usual = figure("cold.plain", f"the same, -cpu {cpu}", "s", seconds["plain CPU"])
    ssh = figure("cold.ssh", "boot to SSH: connected and logged in", "s", logged_in)
    name = "boot to the end of the first SSH command"
    over = figure("cold.ready", name, "s", seconds["first command"])
    yield from (bare, usual, ssh, over)
    yield ratio("cold.ratio_ssh", "to SSH over the bare boot", ssh, bare)
    yield ratio("cold.ratio", "to the first command over the bare boot", over, bare)
    yield ratio("cold.ratio_plain", f"the same over the bare boot, -cpu {cpu}", over, usual)
    yield from _first_runs(bench)


def _boot_bare(boot: Boot, log: EvidenceLog, scale: float) -> float:
    with VM(boot, log) as vm:
        wait_stage(vm, "init", _SECONDS * scale)
        return log.clock.now() - vm.started


def _boot_ready(
    boot: Boot, keys: Keys, log: EvidenceLog, scale: float, logged_in: list[float]
) -> float:
    with VM(boot, log) as vm:
        wait_ready(vm, scale)
        with Ssh(vm.ssh_port, keys, log, timeout=_SECONDS) as ssh:
            logged_in.append(log.clock.now() - vm.started)
            ssh.run(["true"], timeout=_SECONDS)
            return log.clock.now() - vm.started


def _first_runs(bench: Bench) -> Iterator[Figure]:
    seconds = []
    count = min(bench.rounds, _MOST_FIRST_RUNS)
    for number in range(count):
        with runs.no_templates(bench) as cache:
            seconds.append(runs.run(bench, bench.trivial_id, cache=cache).first_case)
        bench.say("cold %d/%d: first run %.2f s to its first case", number + 1, count, seconds[-1])
    name = "first run: collected to first case"
    note = "boots, saves that VM, pushes the programs, saves again, starts a clone"
    yield figure("cold.first_run", name, "s", seconds, note)
