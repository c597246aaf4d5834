# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of a configuration, what it costs to lack it, and a real Kconfig's answer."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from harness import architectures
from harness.contract.requirements import NEWEST, fragment, missing, requirements
from harness.errors import HarnessError
from harness.host import deps
from harness.kernels import config
from harness.kernels.config import Config
from harness.kernels.folders import TREES
from harness.kernels.version import Version
from harness.selftest.mutation import source
from harness.suite import programs

X86 = architectures.load("x86_64")


@pytest.fixture(scope="module")
def built():
    return programs.build(X86)


@pytest.fixture(scope="module")
def wanted(built):
    return requirements(X86, built, NEWEST)


def test_what_is_vital_comes_first_with_its_reason(wanted):
    vital = [each for each in wanted if each.why is not None]
    assert wanted[: len(vital)] == vital
    names = {each.symbol for each in vital}
    assert {need.config for need in X86.needs} < names
    assert {"CONFIG_PCI", "CONFIG_VIRTIO_NET", "CONFIG_VIRTIO_PCI"} < names
    assert {each.symbol for each in vital if each.module} == {
        "CONFIG_VIRTIO_NET", "CONFIG_VIRTIO_PCI",
    }  # fmt: skip


def test_what_an_option_costs(wanted):
    costs = {each.symbol: each for each in wanted}
    # guest_tests/pages_ksm.c has one case, of one row.
    assert (costs["CONFIG_KSM"].cases, costs["CONFIG_KSM"].rows) == (1, ("INT-31",))
    assert costs["CONFIG_HUGETLBFS"].cases > 300
    assert costs["CONFIG_IA32_EMULATION"].cases > 50
    assert costs["CONFIG_BLK_DEV_RAM"].module
    assert not costs["CONFIG_KSM"].module
    others = [each for each in wanted if each.why is None]
    assert [each.cases for each in others] == sorted((e.cases for e in others), reverse=True)


def test_a_cost_depends_on_the_version(built):
    def symbols(version):
        return {each.symbol for each in requirements(X86, built, Version.parse(version))}

    assert "CONFIG_PTE_MARKER_UFFD_WP" in symbols("6.12")
    assert "CONFIG_PTE_MARKER_UFFD_WP" not in symbols("5.18")


def test_what_is_missing(wanted):
    everything = {each.symbol: "y" for each in wanted}
    assert missing(wanted, Config(everything)) == []
    drivers = dict.fromkeys(("CONFIG_VIRTIO_NET", "CONFIG_BLK_DEV_RAM"), "m")
    assert missing(wanted, Config(everything | drivers)) == []
    lacking = missing(wanted, Config(everything | {"CONFIG_KSM": "n", "CONFIG_TTY": "m"}))
    assert [each.symbol for each in lacking] == ["CONFIG_TTY", "CONFIG_KSM"]
    # Of what is not known nothing is said.
    assert missing(wanted, config.UNKNOWN) == []


def test_the_lines_of_a_fragment(wanted):
    lines = fragment(X86, wanted).splitlines()
    assert len(lines) == len(set(lines))
    assert "CONFIG_KSM=y" in lines
    assert "# CONFIG_SLUB_TINY is not set" in lines
    known = config.parse(fragment(X86, wanted))
    assert missing(wanted, known) == []


def kconfig(tree, folder, arch, base, text):
    """Let a real tree's Kconfig make a .config of ``base`` with the fragment ``text``."""
    (folder / "fragment").write_text(text)
    environment = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}}

    def run(*command):
        subprocess.run(
            command, cwd=tree.source, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    make = ("make", "-s", f"O={folder}", f"ARCH={arch}")
    run(*make, base)
    merge = ("scripts/kconfig/merge_config.sh", "-m", "-O", str(folder))
    run(*merge, str(folder / ".config"), str(folder / "fragment"))
    run(*make, "olddefconfig")
    return config.parse((folder / ".config").read_text())


@pytest.fixture(scope="module")
def tree():
    """Debian's linux-source, which the mutants are made of; 150 MB the first time."""
    if absent := [*deps.missing_for_kernels(), *([] if shutil.which("make") else ["make"])]:
        pytest.skip(f"Kconfig needs {', '.join(absent)}")
    try:
        return source.fetch()
    except HarnessError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("arch", "base"),
    [(arch, "tinyconfig") for arch in architectures.names()] + [("x86_64", "defconfig")],
)
def test_a_fragment_gives_a_configuration_that_lacks_nothing(tree, tmp_path, arch, base):
    recipe = architectures.load(arch)
    wanted = requirements(recipe, programs.build(recipe), Version(6, 12))
    found = kconfig(tree, tmp_path, TREES[recipe.kernel_machine][0], base, fragment(recipe, wanted))
    assert missing(wanted, found) == []
    bare = kconfig(tree, tmp_path, TREES[recipe.kernel_machine][0], "tinyconfig", "")
    assert "CONFIG_USERFAULTFD" in {each.symbol for each in missing(wanted, bare)}
