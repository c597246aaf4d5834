# SPDX-License-Identifier: GPL-2.0-only
"""Cold: how long a guest takes to boot to its first command, against a bare boot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.bench import runs
from harness.bench.figures import figure, ratio
from harness.clock import Clock
from harness.guest.ssh import Ssh
from harness.image import cpio, userland
from harness.image.keys import Keys
from harness.machine.boot import wait_ready, wait_stage
from harness.machine.evidence import EvidenceLog
from harness.machine.vm import VM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.bench import Bench
    from harness.bench.figures import Figure
    from harness.machine.command import Boot
    from harness.plan import Plan

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
    bare = replace(ready, initrd=image, overlay=b"")
    log = EvidenceLog(bench.folder, Clock(), "bench")
    bares, readies = [], []
    for number in range(bench.rounds):
        # Each is first in every other round: what went before leaves the host warm, or busy.
        if number % 2 == 0:
            bares.append(_boot_bare(bare, log, plan.scale))
        readies.append(_boot_ready(ready, keys, log, plan.scale))
        if number % 2 == 1:
            bares.append(_boot_bare(bare, log, plan.scale))
        counts = (number + 1, bench.rounds, bares[-1], readies[-1])
        bench.say("cold %d/%d: bare %.2f s, first command %.2f s", *counts)
    log.close()
    under = figure("cold.bare", "bare boot to init", "s", bares)
    over = figure("cold.ready", "boot to the end of the first SSH command", "s", readies)
    yield from (under, over, ratio("cold.ratio", "the second over the first", over, under))
    yield from _first_runs(bench)


def _boot_bare(boot: Boot, log: EvidenceLog, scale: float) -> float:
    with VM(boot, log) as vm:
        wait_stage(vm, "init", _SECONDS * scale)
        return log.clock.now() - vm.started


def _boot_ready(boot: Boot, keys: Keys, log: EvidenceLog, scale: float) -> float:
    with VM(boot, log) as vm:
        wait_ready(vm, scale)
        with Ssh(vm.ssh_port, keys, log, timeout=_SECONDS) as ssh:
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
