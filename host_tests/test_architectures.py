# SPDX-License-Identifier: GPL-2.0-only
"""The four recipes as they are, and what is said of one that is wrong."""

import re
import shutil

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels.config import Config
from harness.suite.catalog import PROFILES
from harness.suite.variant import PAGE_SIZES

ARCHES = ["arm64", "armhf", "i386", "x86_64"]
# uname -m of hosts -> guests that its KVM can run
KVM = {"x86_64": {"x86_64", "i386"}, "aarch64": {"arm64"}}


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A copy of images/ to break."""
    shutil.copytree(architectures.IMAGES, tmp_path / "images")
    monkeypatch.setattr(architectures, "IMAGES", tmp_path / "images")
    return tmp_path / "images"


def edit(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


def test_the_architectures_are_the_four():
    assert architectures.names() == ARCHES


@pytest.mark.parametrize("arch", ARCHES)
def test_a_recipe_is_complete(arch):
    recipe = architectures.load(arch)
    assert recipe.arch == arch
    assert set(PROFILES) <= set(recipe.profiles)
    assert "tcg" in recipe.accelerators
    assert set(recipe.accelerators) <= {"tcg", "kvm"}
    # KVM has an entry where there are hosts for it, and only there.
    assert ("kvm" in recipe.accelerators) == bool(recipe.kvm_hosts)
    assert set(recipe.kvm_hosts) == {host for host, guests in KVM.items() if arch in guests}
    for accelerator in recipe.accelerators.values():
        assert len(accelerator.why) > 20
        assert accelerator.cpu
        assert accelerator.timeout_scale >= 1.0
    assert set(recipe.host_packages) == {"qemu", "compiler", "libc"}
    assert "busybox-static" in recipe.packages
    assert isinstance(recipe.modules, tuple)
    assert all(recipe.modules_on_demand.values())


@pytest.mark.parametrize("arch", ARCHES)
def test_a_profile_makes_sense(arch):
    recipe = architectures.load(arch)
    assert recipe.profiles["contract"].cpus == 1
    assert recipe.profiles["race"].cpus >= 2
    assert recipe.profiles["numa"].nodes == 2
    for profile in recipe.profiles.values():
        assert profile.memory_mib % profile.nodes == 0
        for entry in recipe.hugepages:
            there = [
                profile.hugepages.get(size, 0) * architectures.kib(size) for size in entry.sizes
            ]
            # The guest needs some itself.
            assert sum(there) / 1024 < profile.memory_mib / 2


@pytest.mark.parametrize("arch", ARCHES)
def test_every_size_of_huge_pages_has_its_guest(arch):
    recipe = architectures.load(arch)
    for entry in recipe.hugepages:
        usual, *others = entry.sizes
        # A case that names no size gets the first one, on whatever profile it asks for.
        assert all(usual in recipe.profiles[name].hugepages for name in ("contract", "race"))
        for size in others:
            profile = recipe.profile_with("contract", size)
            assert size in recipe.profiles[profile].hugepages
    # None is reserved that no kernel has, nor one that a case cannot name.
    sizes = {size for entry in recipe.hugepages for size in entry.sizes}
    assert {size for shape in recipe.profiles.values() for size in shape.hugepages} <= sizes
    assert {size for entry in recipe.hugepages for size in entry.sizes[1:]} <= {*PAGE_SIZES, "2M"}


@pytest.mark.parametrize(
    ("arch", "config", "sizes"),
    [
        ("x86_64", {}, ("2M", "1G")),
        ("arm64", {"CONFIG_ARM64_4K_PAGES": "y"}, ("2M", "64K", "32M", "1G")),
        ("arm64", {"CONFIG_ARM64_16K_PAGES": "n"}, ("2M", "64K", "32M", "1G")),
        ("arm64", {"CONFIG_ARM64_16K_PAGES": "y"}, ("2M", "32M", "1G")),
        ("arm64", {"CONFIG_ARM64_64K_PAGES": "y"}, ("2M",)),
        # A bare image: taken to have been built as most are.
        ("arm64", None, ("2M", "64K", "32M", "1G")),
        ("i386", {"CONFIG_X86_PAE": "y"}, ("2M",)),
        ("i386", {"CONFIG_X86_PAE": "n"}, ("4M",)),
        ("i386", {}, ("4M",)),
        ("i386", None, ("2M",)),
        ("armhf", {}, ("2M",)),
    ],
)
def test_sizes_of_huge_pages_follow_from_the_configuration(arch, config, sizes):
    assert (
        architectures.load(arch).page_sizes(Config(config or {}, whole=config is not None)) == sizes
    )


def test_case_on_giant_pages_gets_a_machine_that_has_them():
    recipe = architectures.load("arm64")
    assert recipe.profile_with("contract", "") == "contract"
    assert recipe.profile_with("race", "32M") == "race"
    assert recipe.profile_with("race", "1G") == "giant"
    assert recipe.profile_with("contract", "512M") == "contract"


def test_programs_for_32_bit_tasks_are_built_where_these_are_the_kernels():
    built = {
        arch: [r.arch for r in architectures.builders(architectures.load(arch))] for arch in ARCHES
    }
    assert built == {
        "x86_64": ["x86_64", "i386"], "arm64": ["arm64", "armhf"],
        "i386": ["i386"], "armhf": ["armhf"],
    }  # fmt: skip


def test_sizes_in_kib():
    assert [architectures.kib(size) for size in ("64K", "2M", "1G")] == [64, 2048, 1 << 20]


@pytest.mark.parametrize("arch", ["mips", "", "X86_64", "../images/x86_64", "x86_64.toml"])
def test_an_unknown_architecture_comes_with_the_known_ones(arch):
    with pytest.raises(InputError) as caught:
        architectures.load(arch)
    assert str(caught.value).startswith("unknown architecture '")
    assert str(caught.value).endswith("expected one of arm64, armhf, i386, x86_64")


def test_a_new_file_is_a_new_architecture(images):
    text = (images / "arm64.toml").read_text()
    (images / "riscv64.toml").write_text(text.replace('"arm64"', '"riscv64"'))
    assert architectures.names() == sorted([*ARCHES, "riscv64"])
    assert architectures.load("riscv64").debian_arch == "riscv64"


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r"^cross = .*\n", "", r"x86_64\.toml: keys missing or unknown: cross$"),
        (r"^cross = ", "corss = ", r"x86_64\.toml: .*: corss, cross$"),
        (r"^device = ", "devise = ", r"x86_64\.toml \[\[network\]\]: .*: device, devise$"),
        (r"^sizes = ", "sises = ", r"x86_64\.toml \[\[hugepages\]\]: .*: sises, sizes$"),
        (r'^needs = "CONFIG_IA32.*\n', "", r"x86_64\.toml \[compat\]: .*: needs$"),
        (r"^why = \"the host's.*\n", "", r"x86_64\.toml \[accelerators\.kvm\]: .*: why$"),
        (r"^splat = .*\n", "", r"x86_64\.toml \[\[accelerators\.tcg\.quirks\]\]: .*: splat$"),
        (r"^cpus = 1$", "cpus = 1\nswap = 1", r"x86_64\.toml \[profiles\.contract\]: .*: swap$"),
    ],
)
def test_keys_that_are_missing_or_unknown_are_named(images, pattern, replacement, message):
    edit(images / "x86_64.toml", pattern, replacement)
    with pytest.raises(InputError, match=message):
        architectures.load("x86_64")
    assert architectures.load("arm64").arch == "arm64"  # the others stand


@pytest.mark.parametrize("text", ["cross = \n", "\xff"], ids=["syntax", "not UTF-8"])
def test_a_file_that_is_not_toml(images, text):
    (images / "x86_64.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"x86_64\.toml: "):
        architectures.load("x86_64")


@pytest.mark.parametrize("name", ["accelerators", "profiles"])
def test_a_table_that_is_not_there_is_named(images, name):
    path = images / "x86_64.toml"
    path.write_text(
        re.sub(rf"^\[+{name}\..*\n(?:[^\[].*\n|\n)*", "", path.read_text(), flags=re.MULTILINE)
    )
    with pytest.raises(InputError, match=rf"x86_64\.toml: keys missing or unknown: {name}$"):
        architectures.load("x86_64")
