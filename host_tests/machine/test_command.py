# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's arguments for every recipe, profile and accelerator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness import architectures
from harness.kernels.config import Config
from harness.machine.command import Boot, Ram, kernel_command_line, qemu_argv

FDS = {"qmp_fd": 11, "serial_fd": 12, "initrd_fd": 13}
EVERY = [
    (arch, profile, accelerator)
    for arch in architectures.names()
    for profile in architectures.load(arch).profiles
    for accelerator in architectures.load(arch).accelerators
]


def make(arch="x86_64", profile="contract", accelerator="tcg", config=None, **more) -> Boot:
    recipe = architectures.load(arch)
    return Boot(
        recipe=recipe,
        profile=recipe.profiles[profile],
        accelerator_name=accelerator,
        accelerator=recipe.accelerators[accelerator],
        card=recipe.card(Config(config or {}, whole=config is not None)),
        kernel=Path("/kernel/vmlinuz"),
        initrd=Path("/cache/image.cpio"),
        **more,
    )


def values(argv: list[str], option: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


@pytest.fixture(params=EVERY, ids="-".join)
def boot(request) -> Boot:
    return make(*request.param)


@pytest.fixture
def argv(boot) -> list[str]:
    return qemu_argv(boot, **FDS)


def test_the_machine_is_the_recipes(boot, argv):
    recipe = boot.recipe
    assert argv[0] == recipe.qemu
    one = boot.profile.nodes == 1
    assert values(argv, "-machine") == [recipe.machine + (",memory-backend=node0" if one else "")]
    # Exactly one: with two QEMU would fall back from one to the other.
    assert values(argv, "-accel") == [boot.accelerator_name]
    assert values(argv, "-cpu") == [boot.accelerator.cpu]
    assert values(argv, "-smp") == [str(boot.profile.cpus)]
    assert values(argv, "-m") == [f"{boot.profile.memory_mib}M"]


def test_nothing_comes_from_the_host(boot, argv):
    assert {"-nodefaults", "-no-user-config"} <= set(argv)
    assert argv[argv.index("-sandbox") + 1].startswith("on,")
    assert values(argv, "-display") == ["none"]
    # Paths of the user's: only the kernel's.
    paths = [word for word in argv if "/" in word and word not in values(argv, "-append")]
    assert paths == [str(boot.kernel), "/dev/fd/13"]
    assert not [word for word in argv if str(architectures.ROOT) in word or "image.cpio" in word]


def test_the_ends_that_the_harness_holds(argv):
    chardevs = dict(c.split(",id=")[1].split(",fd=") for c in values(argv, "-chardev"))
    assert chardevs == {"qmp": "11", "serial": "12"}
    assert values(argv, "-mon") == ["chardev=qmp,mode=control"]
    assert values(argv, "-serial") == ["chardev:serial"]
    assert values(argv, "-initrd") == ["/dev/fd/13"]


def test_the_guest_is_cut_off_and_waits_and_is_kept_at_its_end(boot, argv):
    [netdev] = values(argv, "-netdev")
    assert {"restrict=on", "hostfwd=tcp:127.0.0.1:0-:22"} <= set(netdev.split(","))
    net, *others = values(argv, "-device")
    assert net == f"{boot.card.device},netdev=net"
    assert others == ["pvpanic-pci", "vmcoreinfo"]
    assert values(argv, "-action") == ["reboot=shutdown,shutdown=pause,panic=none"]
    assert "-S" in argv


@pytest.mark.parametrize(
    ("arch", "config", "device"),
    [
        ("arm64", {"CONFIG_VIRTIO_MMIO": "m"}, "virtio-net-device"),
        ("arm64", {"CONFIG_VIRTIO_PCI": "y"}, "virtio-net-pci,romfile="),
        ("arm64", None, "virtio-net-pci,romfile="),
        ("x86_64", {"CONFIG_VIRTIO_MMIO": "y"}, "virtio-net-pci,romfile="),
    ],
)
def test_a_network_card_that_the_kernel_has_a_driver_for(arch, config, device):
    argv = qemu_argv(make(arch, config=config), **FDS)
    assert values(argv, "-device")[0] == f"{device},netdev=net"


def test_the_kernels_command_line(boot, argv):
    line = kernel_command_line(boot)
    assert values(argv, "-append") == [line]
    words = line.split(" ")
    assert "" not in words
    wanted = {"panic=-1", "printk.devkmsg=on", "printk.time=1", "ignore_loglevel"}
    wanted |= {"sysrq_always_enabled"}
    wanted |= {boot.recipe.earlycon, *boot.recipe.cmdline.split()}
    assert {f"console={boot.recipe.console}", *wanted} <= set(words)
    # The last console= is /dev/console.
    assert [word for word in words if word.startswith("console=")][-1] == words[0]
    # The kernel reads hugepages= for the hugepagesz= before it.
    for size, number in boot.profile.hugepages.items():
        at = words.index(f"hugepagesz={size}")
        assert words[at + 1] == f"hugepages={number}"


def test_words_of_ones_own_come_last():
    assert kernel_command_line(make(append="a=b c")).endswith(" a=b c")


def test_one_node_needs_no_numa(boot, argv):
    assert ("-numa" in argv) == (boot.profile.nodes > 1)
    size, count = boot.profile.memory_mib, boot.profile.nodes
    assert values(argv, "-object") == [
        f"memory-backend-ram,id=node{node},size={size // count}M" for node in range(count)
    ]


@pytest.mark.parametrize(("shared", "word"), [(True, "on"), (False, "off")])
def test_memory_in_files_is_shared_or_private(shared, word):
    boot = make(profile="race")
    boot = dataclasses.replace(boot, profile=dataclasses.replace(boot.profile, nodes=2))
    ram = Ram((Path("/t/ram-0"), Path("/t,x/ram-1")), shared=shared)
    objects = values(qemu_argv(dataclasses.replace(boot, ram=ram), **FDS), "-object")
    assert objects == [
        f"memory-backend-file,id=node0,size=512M,mem-path=/t/ram-0,share={word}",
        f"memory-backend-file,id=node1,size=512M,mem-path=/t,,x/ram-1,share={word}",
    ]


def test_a_saved_vm_waits_for_its_state():
    assert "-incoming" not in qemu_argv(make(), **FDS)
    assert values(qemu_argv(make(state=Path("/t/state")), **FDS), "-incoming") == ["defer"]


@pytest.mark.parametrize("nodes", [2, 4])
@pytest.mark.parametrize("cpus", [1, 2])
def test_memory_is_split_over_nodes_and_cpus_sit_on_the_first(nodes, cpus):
    boot = make("arm64", "race")
    profile = dataclasses.replace(boot.profile, nodes=nodes, cpus=cpus)
    argv = qemu_argv(dataclasses.replace(boot, profile=profile), **FDS)
    sizes = {}
    for item in values(argv, "-object"):
        kind, name, size = item.split(",")
        assert kind == "memory-backend-ram"
        sizes[name.removeprefix("id=")] = int(size.removeprefix("size=").removesuffix("M"))
    # QEMU refuses to start when these do not add up to -m.
    assert sum(sizes.values()) == profile.memory_mib
    assert len(sizes) == nodes
    numa = [dict(f.split("=") for f in n.split(",")[1:]) for n in values(argv, "-numa")]
    assert [n["memdev"] for n in numa] == list(sizes)
    assert [n["nodeid"] for n in numa] == [str(node) for node in range(nodes)]
    assert [n.get("cpus") for n in numa] == [f"0-{cpus - 1}", *[None] * (nodes - 1)]


def test_memory_that_does_not_split_evenly_still_adds_up():
    boot = make()
    profile = dataclasses.replace(boot.profile, nodes=3, memory_mib=1024)
    argv = qemu_argv(dataclasses.replace(boot, profile=profile), **FDS)
    sizes = [o.partition("size=")[2].removesuffix("M") for o in values(argv, "-object")]
    assert sum(map(int, sizes)) == 1024
