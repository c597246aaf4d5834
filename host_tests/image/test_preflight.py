# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a kernel before it boots: Debian's, with something taken away or spoiled."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness import architectures
from harness.errors import UntestableError
from harness.image import preflight
from harness.kernels.config import UNKNOWN, Config

X86 = architectures.load("x86_64")


class Some:
    """Modules of a kernel, some of them missing or replaced."""

    def __init__(self, modules, *, without=(), instead=None, builtin=None) -> None:
        self._modules, self._without, self._instead = modules, without, instead or {}
        self._builtin = builtin

    def builtin(self):
        return self._modules.builtin() if self._builtin is None else frozenset(self._builtin)

    def names(self):
        return self._modules.names()

    def read(self, name):
        if name in self._without:
            return None
        return self._instead.get(name) or self._modules.read(name)

    def files(self):
        return []


def changed(kernel, **more):
    return replace(kernel, modules=Some(kernel.modules, **more))


def without(kernel, *symbols, value="n"):
    return replace(kernel, config=Config({**kernel.config, **dict.fromkeys(symbols, value)}))


def built_for(module, release):
    """The module, as if made for a kernel of that release."""
    old = re.search(rb"vermagic=(\S+)", module)[1]
    assert len(release) <= len(old)
    padded = release + "-" * (len(old) - len(release))
    # Without the checksums of symbols, for then the release does not count.
    module = module.replace(b"__versions\0", b"__versionz\0")
    return module.replace(b"vermagic=" + old, b"vermagic=" + padded.encode()), padded


def problems(kernel):
    return preflight.examine(X86, preflight.informed(X86, kernel)).problems


def test_a_stock_kernel_is_in_order(kernel):
    recipe = architectures.load(kernel.arch)
    found = preflight.examine(recipe, kernel)
    assert (found.problems, found.lost) == ((), {})
    assert {"virtio_net", "brd", "ext4", "jbd2"} <= set(found.modules)
    assert set(found.modules.values()) == {None}
    assert preflight.check(recipe, kernel).config == kernel.config


@pytest.mark.parametrize("name", ["virtio_net", "brd", "jbd2"])
def test_a_module_of_another_build(x86_64, name):
    stale, release = built_for(x86_64.modules.read(name), "6.1.0-49")
    kernel = changed(x86_64, instead={name: stale})
    [problem] = problems(kernel)
    assert problem.startswith(
        f"its modules ({name}.ko) were built for {release}, its image is {x86_64.release}: make mod"
    )
    with pytest.raises(UntestableError, match=r"cannot be tested: its modules") as caught:
        preflight.check(X86, kernel)
    assert caught.value.exit_code == 125


def test_modules_of_another_build_are_said_once(x86_64):
    names = ("virtio_net", "virtio_pci", "ext4")
    stale = {name: built_for(x86_64.modules.read(name), "6.1.0-49")[0] for name in names}
    [problem] = problems(changed(x86_64, instead=stale))
    assert "(virtio_pci.ko and 2 more) were built for" in problem


def test_a_module_of_another_architecture(x86_64, arm64):
    kernel = changed(x86_64, instead={"brd": arm64.modules.read("brd")})
    [problem] = problems(kernel)
    assert "(brd.ko) were built for arm64, its image is for x86_64" in problem


@pytest.mark.parametrize("name", ["virtio_pci", "ext4"])
def test_a_module_that_is_damaged(x86_64, name):
    cut = x86_64.modules.read(name)[:5000]
    [problem] = problems(changed(x86_64, instead={name: cut}))
    assert problem.startswith(f"{name}.ko: not a kernel module: ")


def test_an_image_alone(x86_64):
    """Debian's has no virtio built in, which its bytes show."""
    alone = replace(x86_64, modules=None, config=UNKNOWN)
    [problem] = problems(alone)
    assert "virtio_net (CONFIG_VIRTIO_NET) is not built in, and there is no" in problem
    assert problem.endswith("name the build tree or package instead of the bare image")
    [problem] = problems(replace(x86_64, modules=None))
    assert "CONFIG_VIRTIO_NET is a module, and there is no virtio_net.ko" in problem
    # What cannot be known is found out by booting.
    assert problems(replace(alone, drivers=None)) == ()
    assert problems(replace(alone, drivers=("virtio_net", "virtio_pci"))) == ()


def test_modules_without_those_of_the_network(x86_64):
    kernel = changed(x86_64, without=("virtio_net",))
    [problem] = problems(kernel)
    assert problem.startswith("it has no network: CONFIG_VIRTIO_NET is a module, and there is no")
    [problem] = problems(replace(kernel, config=UNKNOWN))
    assert "virtio_net (CONFIG_VIRTIO_NET) is not built in, and there is no" in problem
    [problem] = problems(changed(x86_64, without=("virtio_ring",)))
    assert "there is no virtio_ring.ko" in problem


def test_a_driver_of_the_network_that_is_off(x86_64):
    kernel = without(changed(x86_64, without=("virtio_net",)), "CONFIG_VIRTIO_NET")
    assert problems(kernel) == ("it has no network: CONFIG_VIRTIO_NET is not set",)
    built_in = without(kernel, "CONFIG_VIRTIO_NET", "CONFIG_VIRTIO_PCI", value="y")
    assert problems(changed(built_in, builtin=["virtio_net", "virtio_pci"])) == ()


@pytest.mark.parametrize("need", X86.needs, ids=lambda need: need.config)
def test_an_option_without_which_nothing_can_be_tested(x86_64, need):
    [problem] = problems(without(x86_64, need.config))
    assert problem.startswith(f"{need.config} ({need.why}) is not set, says ")
    assert "'python -m harness config x86_64' prints all" in problem
    [problem] = problems(without(x86_64, need.config, value="m"))
    assert problem.startswith(f"{need.config} ({need.why}) is a module and must be built in")


@pytest.mark.parametrize("name", ["ext4", "jbd2"])
def test_a_module_of_a_few_cases_that_is_missing(x86_64, name):
    """The others can be tested: it is no reason to refuse the kernel."""
    found = preflight.check(X86, changed(x86_64, without=(name,))).config
    assert found.lost == {
        "CONFIG_EXT4_FS": f"CONFIG_EXT4_FS is a module, and there is no {name}.ko: make modules"
    }


def test_what_modules_tell_of_an_unknown_configuration(x86_64):
    kernel = replace(changed(x86_64, without=("brd",)), config=UNKNOWN)
    config = preflight.check(X86, kernel).config
    assert not config.whole
    values = {symbol: config.value(symbol) for symbol in X86.drivers.values()}
    assert values["CONFIG_VIRTIO_NET"] == "m"
    # Off, or left behind: a guest will show.
    assert values["CONFIG_BLK_DEV_RAM"] is None
    assert config.lost == {}
