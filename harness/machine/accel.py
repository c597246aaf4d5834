# SPDX-License-Identifier: GPL-2.0-only
"""Choose an accelerator: KVM only where a kernel has really booted under it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import HarnessError, HostError, InputError
from harness.host.cache import cache_dir, locked, new_file
from harness.host.memo import Work, cached_on_disk
from harness.machine import qemu

if TYPE_CHECKING:
    from harness.architectures import Accelerator, Recipe

log = logging.getLogger("harness")

WANTED = ("auto", "kvm", "tcg")
_KVM = Path("/dev/kvm")
# A stock kernel reaches init in 1 to 2 s under a KVM that works.
_PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Choice:
    """The accelerator a run uses."""

    # QEMU's name: "kvm" or "tcg".
    name: str
    accelerator: Accelerator
    # Why this one; in every record.
    why: str


def choose(recipe: Recipe, wanted: str = "auto") -> Choice:
    """Choose how to run guests of ``recipe``: ``wanted`` is one of WANTED.

    "auto" takes KVM when a 64-bit Debian kernel boots under it on this machine (that verdict
    is kept until the machine reboots or QEMU changes), else TCG.  Raises InputError for an
    unknown word and HostError when KVM was asked for and does not work.
    """
    if wanted not in WANTED:
        raise InputError(f"unknown accelerator '{wanted}': expected one of {', '.join(WANTED)}")
    if wanted == "tcg":
        return Choice("tcg", recipe.accelerators["tcg"], "ACCEL=tcg was asked for")
    against = _against_kvm(recipe)
    if against is None:
        return Choice("kvm", recipe.accelerators["kvm"], "a kernel booted under KVM here")
    if wanted == "kvm":
        raise HostError(f"ACCEL=kvm was asked for, but {against}; ACCEL=tcg works everywhere")
    return Choice("tcg", recipe.accelerators["tcg"], against)


def _against_kvm(recipe: Recipe) -> str | None:
    """Return why KVM cannot be used for ``recipe``; None when it can."""
    host = platform.machine()
    if host not in recipe.kvm_hosts:
        return f"KVM of a {host} host does not run {recipe.arch} guests"
    if not _KVM.exists():
        return f"there is no {_KVM}"
    try:
        os.close(os.open(_KVM, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{_KVM} does not open: {error.strerror}"
    prober = recipe if recipe.cross.startswith(host) else _probe_recipe(host)
    path = cache_dir("accelerator") / f"{_machine_key(prober)}.json"
    with locked(path):
        if path.exists():
            verdict = json.loads(path.read_text())["against"]
        else:
            try:
                verdict = _probe(prober)
            except HarnessError as error:
                # Nothing was learned: try again next time.
                return f"KVM could not be probed: {str(error).splitlines()[0]}"
            with new_file(path) as temporary:
                temporary.write_text(json.dumps({"against": verdict}))
    return None if verdict is None else str(verdict)


def _probe_recipe(host: str) -> Recipe:
    """Return the recipe of the host's own, 64-bit, architecture."""
    for arch in architectures.names():
        recipe = architectures.load(arch)
        if recipe.cross.startswith(host):
            return recipe
    raise InputError(f"no recipe in images/ is for {host} hosts")


def _machine_key(recipe: Recipe) -> str:
    """Name this machine as it is booted now, with this QEMU."""
    program = shutil.which(recipe.qemu) or recipe.qemu

    def ask() -> Work:
        try:
            said = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"{recipe.qemu} does not run ({error}): run 'make deps'") from error
        return Work(said.decode(errors="replace"), [Path(program)])

    version: str = cached_on_disk("qemu", program, ask)
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text()
    text = version + boot_id + recipe.accelerators["kvm"].cpu
    return hashlib.sha256(text.encode()).hexdigest()


def _probe(recipe: Recipe) -> str | None:
    """Boot Debian's kernel under KVM as far as init; say what went wrong, if anything.

    Not the kernel under test: when that one does not boot, KVM is not to blame.
    """
    # Here, because the verdict is mostly known: these imports take 0.1 s.
    from harness.host.clock import Clock  # noqa: PLC0415
    from harness.host.scratch import scratch_folder  # noqa: PLC0415
    from harness.image import initramfs  # noqa: PLC0415
    from harness.kernels.find import find  # noqa: PLC0415
    from harness.machine.boot import BootError, wait_stage  # noqa: PLC0415
    from harness.machine.command import Boot  # noqa: PLC0415
    from harness.machine.evidence import EvidenceLog  # noqa: PLC0415
    from harness.machine.vm import VM  # noqa: PLC0415

    log.info("probing KVM: booting Debian's kernel under it, at most %.0f s", _PROBE_SECONDS)
    kernel = find("debian:bookworm", recipe)
    image = initramfs.build(recipe, kernel)
    boot = Boot(
        recipe=recipe,
        profile=recipe.profiles["contract"],
        accelerator_name="kvm",
        accelerator=recipe.accelerators["kvm"],
        card=recipe.card(kernel.config),
        kernel=kernel.image,
        initrd=image.path,
        sandbox=qemu.check(recipe).sandbox,
    )
    with scratch_folder() as folder:
        try:
            with VM(boot, EvidenceLog(folder, Clock(), "kvm-probe")) as vm:
                wait_stage(vm, "init", _PROBE_SECONDS)
        except BootError as error:
            return f"a stock kernel does not boot under KVM here: {error.what}"
        except HostError as error:
            return f"QEMU does not start with KVM here: {str(error).splitlines()[0]}"
    return None
