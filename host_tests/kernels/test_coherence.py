# SPDX-License-Identifier: GPL-2.0-only
"""What stands beside an image and belongs to another one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness import architectures
from harness.kernels import coherence
from harness.kernels.facts import Facts
from harness.kernels.find import find

X86 = architectures.load("x86_64")
BANNER = "Linux version 6.12.107-mine (me@here) (gcc 14) #7 SMP Thu Jan 1 1970"
IMAGE = Facts(
    sha256="0" * 64,
    format="bzImage",
    machine="x86_64",
    release="6.12.107-mine",
    version="6.12.107-mine",
    config=None,
    vermagic="6.12.107-mine SMP ",
    drivers=[],
    banner=BANNER,
    banner_at=0xFFFFFFFF82000100,
)
CONFIG = """# Linux/x86 6.12.107 Kernel Configuration
CONFIG_X86_64=y
CONFIG_LOCALVERSION="-mine"
CONFIG_A=y
"""


@pytest.fixture
def tree(tmp_path):
    """A build tree: .config, then auto.conf, then the image, as make writes them."""
    (tmp_path / "include" / "config").mkdir(parents=True)
    files = [tmp_path / ".config", tmp_path / "include/config/auto.conf", tmp_path / "bzImage"]
    for age, file in zip((30, 20, 10), files, strict=True):
        file.write_text(CONFIG)
        os.utime(file, (1e9 - age, 1e9 - age))
    return tmp_path


def written(tree, text):
    """A config beside the image, and not in the place of a build tree's."""
    if not isinstance(text, str):
        return text
    (tree / "config-x").write_text(text)
    return tree / "config-x"


def touch(file, age):
    os.utime(file, (1e9 - age, 1e9 - age))


def of(tree, image=IMAGE):
    return coherence.configuration(image, X86, tree / ".config", tree / "bzImage")


def test_a_tree_as_make_leaves_it(tree):
    config, notes = of(tree)
    assert (config.source, config.value("CONFIG_A"), notes) == (str(tree / ".config"), "y", [])


def test_nothing_at_all(tree):
    config, notes = coherence.configuration(IMAGE, X86, None, tree / "bzImage")
    assert (config.whole, notes) == (False, [])


def test_the_image_knows_best(tree):
    image = replace(IMAGE, config=CONFIG)
    assert of(tree, image)[1] == []
    config, notes = coherence.configuration(image, X86, None, tree / "bzImage")
    assert (config.value("CONFIG_A"), notes) == ("y", [])
    (tree / ".config").write_text(CONFIG.replace("CONFIG_A=y", "CONFIG_B=y"))
    config, [note] = of(tree, image)
    assert config.value("CONFIG_A") == "y"
    assert "(CONFIG_A, CONFIG_B): the image's own is used" in note


def test_what_is_not_set_and_not_mentioned_is_the_same(tree):
    (tree / ".config").write_text(CONFIG + "# CONFIG_B is not set\n")
    assert of(tree, replace(IMAGE, config=CONFIG))[1] == []


def test_a_config_that_was_edited_after_the_build(tree):
    (tree / ".config").write_text(CONFIG.replace("CONFIG_A=y", "# CONFIG_A is not set"))
    touch(tree / ".config", 5)
    config, [note] = of(tree)
    assert config.value("CONFIG_A") == "y"
    assert config.source.endswith("auto.conf")
    assert "was changed after the image was made (CONFIG_A)" in note


def test_a_config_that_was_only_touched(tree):
    touch(tree / ".config", 5)
    assert of(tree)[1] == []


@pytest.mark.parametrize("auto", ["younger", "missing"])
def test_an_image_that_may_be_older_than_its_config(tree, auto):
    touch(tree / ".config", 5)
    if auto == "younger":
        touch(tree / "include/config/auto.conf", 3)
    else:
        (tree / "include/config/auto.conf").unlink()
    config, [note] = of(tree)
    assert config.source == str(tree / ".config")
    assert "newer than the image" in note


def test_outside_a_tree_dates_say_nothing(tree):
    config = tree / "config"
    config.write_text(CONFIG)
    assert coherence.configuration(IMAGE, X86, written(tree, config), tree / "bzImage")[1] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CONFIG.replace("6.12.107", "6.12.110"), "is of a kernel 6.12.110"),
        (CONFIG.replace("6.12.107", "6.1.0"), "is of a kernel 6.1.0"),
        (CONFIG.replace('"-mine"', '"-yours"'), "has CONFIG_LOCALVERSION=-yours"),
        ("CONFIG_ARM64=y\n", "is for arm64, the image is for x86_64"),
        ("CONFIG_X86_32=y\n", "is for i386, the image is for x86_64"),
    ],
)
def test_the_config_of_another_kernel(tree, text, says):
    config, [note] = coherence.configuration(IMAGE, X86, written(tree, text), tree / "bzImage")
    assert not config.whole
    assert says in note
    (tree / ".config").write_text(text)
    config, [note] = of(tree)
    assert config.source.endswith("auto.conf")
    assert says in note


@pytest.mark.parametrize(
    ("header", "release", "version"),
    [
        ("6.1.176", "6.1.0-50-amd64", "6.1.176-1"),  # Debian
        ("6.8.12", "6.8.0-45-generic", "6.8.0-45-generic"),  # Ubuntu
        ("7.3.0-rc7", "7.3.0-rc7+", "7.3.0-rc7+"),
        ("6.12.107", "6.12.107", "6.12.107"),
        ("odd", "6.12.107", "6.12.107"),
    ],
)
def test_a_config_whose_version_is_written_in_another_way(tree, header, release, version):
    image = replace(IMAGE, release=release, version=version)
    text = f"# Linux/x86 {header} Kernel Configuration\nCONFIG_X86_64=y\n"
    assert coherence.configuration(image, X86, written(tree, text), tree / "bzImage")[1] == []


@pytest.mark.parametrize(
    ("text", "belongs"),
    [
        ("ffffffff82000100 D linux_banner\n", True),
        ("ffffffff82000200 D linux_banner\n", False),
        ("ffffffff81000000 T _text\n", True),
        ("", True),
    ],
)
def test_system_map(tmp_path, text, belongs):
    path = tmp_path / "System.map"
    path.write_text(text)
    found, notes = coherence.system_map(path, IMAGE)
    assert (found == path) == belongs
    assert bool(notes) != belongs


def test_system_map_of_a_plain_image(tmp_path):
    """On arm64 it is told by the distance from the image's begin."""
    path = tmp_path / "System.map"
    path.write_text("ffff800080000000 T _text\nffff800081000000 D linux_banner\n")
    assert coherence.system_map(path, replace(IMAGE, banner_at=0x1000000))[0] == path
    assert coherence.system_map(path, replace(IMAGE, banner_at=0x1000008))[0] is None
    assert coherence.system_map(path, replace(IMAGE, banner_at=None))[0] == path


@pytest.mark.parametrize(
    ("data", "belongs"),
    [
        (f"{BANNER}\n", True),
        (BANNER.replace("#7", "#8") + "\n", False),
        ("\x7fELF, debug information alone", True),
        ("", True),
    ],
)
def test_vmlinux(tmp_path, data, belongs):
    path = tmp_path / "vmlinux"
    path.write_text(data)
    found, notes = coherence.vmlinux(path, IMAGE)
    assert (found == path) == belongs
    assert bool(notes) != belongs


def test_a_real_kernels_own_files_belong_to_it():
    for arch in ("x86_64", "arm64"):
        kernel = find("debian:bookworm", architectures.load(arch))
        assert kernel.config.whole
        assert kernel.notes == ()
