# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line, made from a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Accelerator, Network, Profile, Recipe


@dataclass(frozen=True)
class Ram:
    """Files that a VM's memory is in, one for each NUMA node."""

    files: tuple[Path, ...]
    # True: what the guest writes goes into the files.  False: it stays with this VM alone,
    # and clones share what none of them has written (docs/system/vm-templating.rst).
    shared: bool


@dataclass(frozen=True)
class Boot:
    """What a VM is started with."""

    recipe: Recipe
    profile: Profile
    # "kvm" or "tcg", and what the recipe says of it.
    accelerator_name: str
    accelerator: Accelerator
    # How its network card is attached.
    card: Network
    kernel: Path
    # The image, and an archive that is put behind it (the run's keys).
    initrd: Path
    overlay: bytes = b""
    # Words added to the kernel's command line.
    append: str = ""
    # The image that ``kernel`` was unpacked from (harness.kernels.direct), to be booted instead
    # should that not come up; None where ``kernel`` is the image.
    packed: Path | None = None
    # Where its memory is; None: anonymous memory.
    ram: Ram | None = None
    # The rest of a saved VM (VM.save) that it goes on from instead of booting; needs its ram.
    state: Path | None = None


_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def kernel_command_line(boot: Boot) -> str:
    """Return the kernel's command line (Documentation/admin-guide/kernel-parameters.rst)."""
    return " ".join(
        word
        for word in (
            # The last console= is /dev/console; earlycon speaks until it is there, so that a
            # kernel that dies early does not die silently.
            f"console={boot.recipe.console}",
            boot.recipe.earlycon,
            # A panic resets at once; QEMU's -action says what becomes of that.
            "panic=-1",
            # Whatever a distribution allows: sysrq over the console is how a guest that hangs
            # is asked what it does (harness/postmortem/hang.py).
            "sysrq_always_enabled",
            # Markers written to /dev/kmsg must not be dropped: the default is ten in 5 s.
            "printk.devkmsg=on",
            # Stamps tell the kernel's lines from anything else (harness/verdicts/splats.py).
            "printk.time=1",
            # Its one network is of IPv4: without IPv6's own search for an address an emulated
            # guest is there 10 ms sooner.
            "ipv6.disable_ipv6=1",
            # Debian's kernels clear all that they allocate (INIT_ON_ALLOC_DEFAULT_ON, 6471384af2a6
            # in 5.3).  While booting that is the pools of huge pages, 0.4 s of an arm64 guest
            # whose host has no huge pages for it; later it hides a kernel that forgot to clear.
            "init_on_alloc=0",
            # Every message to the console: it is the evidence.
            "ignore_loglevel",
            boot.recipe.cmdline,
            *(f"hugepagesz={size} hugepages={n}" for size, n in boot.profile.hugepages.items()),
            boot.append,
        )
        if word
    )


def _backend(node: int, size: int, ram: Ram | None) -> str:
    """Return the -object that is the memory of ``node``, ``size`` MiB of it."""
    if ram is None:
        return f"memory-backend-ram,id=node{node},size={size}M"
    # In QEMU's option lists a comma is doubled (qemu-options, "-drive").
    path = str(ram.files[node]).replace(",", ",,")
    share = "on" if ram.shared else "off"
    return f"memory-backend-file,id=node{node},size={size}M,mem-path={path},share={share}"


def _memory(boot: Boot) -> list[str]:
    profile = boot.profile
    argv = ["-m", f"{profile.memory_mib}M", "-smp", str(profile.cpus)]
    # QEMU wants the exact sum: the first node takes what does not split evenly.
    each, rest = divmod(profile.memory_mib, profile.nodes)
    for node in range(profile.nodes):
        argv += ["-object", _backend(node, each + (rest if node == 0 else 0), boot.ram)]
        if profile.nodes > 1:
            # All CPUs on node 0: the cases are about memory.
            cpus = f",cpus=0-{profile.cpus - 1}" if node == 0 else ""
            argv += ["-numa", f"node,nodeid={node},memdev=node{node}{cpus}"]
    return argv


def qemu_argv(boot: Boot, *, qmp_fd: int, serial_fd: int, initrd_fd: int) -> list[str]:
    """Return QEMU's argument list.

    ``qmp_fd`` and ``serial_fd`` are connected stream sockets that QEMU inherits, and
    ``initrd_fd`` is an open file: nothing in the file system to clash over or to clean up,
    and no moment at which nobody listens.
    """
    recipe = boot.recipe
    memory = ",memory-backend=node0" if boot.profile.nodes == 1 else ""
    return [
        recipe.qemu,
        # Nothing that this list does not name: no default devices, no user configuration.
        *("-nodefaults", "-no-user-config", "-display", "none"),
        # The guest's kernel may be hostile: a QEMU that it took over starts no program and gains
        # no rights (seccomp(2); docs/system/security.rst).
        *("-sandbox", _SANDBOX),
        *("-name", f"uffd-{recipe.arch}"),
        *("-machine", recipe.machine + memory, "-accel", boot.accelerator_name),
        *("-cpu", boot.accelerator.cpu),
        *_memory(boot),
        # A reset is an end: a kernel that resets in mid-test has crashed.  And at any end the
        # guest is kept as it was, to be examined.  On a panic that pvpanic reports, too, the
        # kernel is let go on until it resets: it prints its last lines after it has told.
        *("-action", "reboot=shutdown,shutdown=pause,panic=none"),
        # Stopped until QMP is connected, so that no event is missed.
        "-S",
        *("-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", f"socket,id=serial,fd={serial_fd}", "-serial", "chardev:serial"),
        # restrict=on: the guest reaches nothing.  Port 0: QEMU binds a free port itself, and
        # "info usernet" tells which, so two runs cannot race for one.
        *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22"),
        *("-device", f"{boot.card.device},netdev=net"),
        # Where the guest has their drivers: a panic that its console does not tell, and where
        # in a dump of its memory the kernel is (docs/specs/pvpanic.rst, vmcoreinfo.rst).
        *("-device", "pvpanic-pci", "-device", "vmcoreinfo"),
        *("-kernel", str(boot.kernel), "-initrd", f"/dev/fd/{initrd_fd}"),
        *("-append", kernel_command_line(boot)),
        # Deferred: QMP says first what the state does not contain (VM's _go_on).
        *(("-incoming", "defer") if boot.state else ()),
    ]
