# SPDX-License-Identifier: GPL-2.0-only
"""Which files belong to an image, however it is named."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from harness.kernels.beside import belongings, tree_of

REL = "6.1.0-test"
KO = b"\x7fELF a module"


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def d(tmp_path):
    """An unpacked linux-image package of the older layout, with Debian's links."""
    root = tmp_path / "d"
    touch(root / f"boot/vmlinuz-{REL}")
    touch(root / f"boot/config-{REL}")
    touch(root / f"boot/System.map-{REL}")
    touch(root / f"lib/modules/{REL}/kernel/net/virtio_net.ko", KO)
    (root / "boot/vmlinuz").symlink_to(f"vmlinuz-{REL}")
    (root / "vmlinuz").symlink_to(f"boot/vmlinuz-{REL}")
    return root


def link(path: Path, to: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(to)
    return path


WAYS = {
    "the image": lambda d: d / f"boot/vmlinuz-{REL}",
    "Debian's link in boot": lambda d: d / "boot/vmlinuz",
    "Debian's link in /": lambda d: d / "vmlinuz",
    "a link from elsewhere": lambda d: link(d.parent / "elsewhere/k", d / f"boot/vmlinuz-{REL}"),
    "a link to a link": lambda d: link(d.parent / "elsewhere/k", d / "vmlinuz"),
    "a relative link": lambda d: link(d.parent / "k", Path("d/boot/vmlinuz")),
    "a linked folder": lambda d: link(d.parent / "b", d / "boot") / "vmlinuz",
    "a copy in /": lambda d: shutil.copy(d / "boot/vmlinuz", d / "vmlinuz-copied"),
}
LAYOUTS = {
    "as it is": lambda _: None,
    "usr/lib/modules": lambda d: (d / "lib").rename((touch(d / "usr/x")).parent / "lib"),
    "merged usr": lambda d: (
        (d / "lib").rename(touch(d / "usr/x").parent / "lib"),
        (d / "lib").symlink_to("usr/lib"),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_package_unpacked(d, way, layout):
    image = WAYS[way](d)
    LAYOUTS[layout](d)
    found = belongings(image, REL)
    assert found.config is not None
    assert found.config.samefile(d / f"boot/config-{REL}")
    assert found.system_map is not None
    assert found.system_map.samefile(d / f"boot/System.map-{REL}")
    assert found.vmlinux is None
    assert found.modules is not None
    assert found.modules.read("virtio_net") == KO


@pytest.mark.parametrize("usr", ["usr/lib", "lib"])
def test_an_image_among_its_modules(tmp_path, usr):
    # Debian since 6.19, Fedora, Arch
    folder = tmp_path / usr / "modules" / REL
    image = touch(folder / "vmlinuz")
    touch(folder / "kernel/virtio_net.ko", KO)
    for name in ("config", "System.map"):
        touch(folder / name)
    for name in (image, link(tmp_path / "boot/vmlinuz", image), link(tmp_path / "k", image)):
        found = belongings(name, REL)
        assert (found.config, found.system_map) == (folder / "config", folder / "System.map")
        assert found.modules is not None
        assert found.modules.read("virtio_net") == KO


TREE = {
    "the image": lambda tree: tree / "arch/x86/boot/bzImage",
    "the link make leaves": lambda tree: tree / "arch/x86_64/boot/bzImage",
    "a link from elsewhere": lambda tree: link(
        tree.parent / "bin/bz", tree / "arch/x86/boot/bzImage"
    ),
    "a link to the link": lambda tree: link(
        tree.parent / "bin/bz", tree / "arch/x86_64/boot/bzImage"
    ),
    "a linked tree": lambda tree: link(tree.parent / "l", tree) / "arch/x86/boot/bzImage",
}


@pytest.mark.parametrize("way", TREE)
@pytest.mark.parametrize("source", ["in the source", "O="])
def test_a_build_tree(tree, way, source):
    if source == "O=":
        (tree / "Kbuild").unlink()
    for name in ("System.map", "vmlinux"):
        touch(tree / name)
        touch(tree / "arch/x86/boot" / name)  # what boot/ has is not it
    found = belongings(TREE[way](tree), REL)
    for path, name in (
        (found.config, ".config"),
        (found.system_map, "System.map"),
        (found.vmlinux, "vmlinux"),
    ):
        assert path is not None
        assert path.samefile(tree / name)
    assert found.modules is not None
    assert found.modules.read("virtio_net") == KO
    assert found.modules.builtin() == {"ext4"}


def test_a_tree_without_modules_has_what_was_installed_of_it(tree):
    (tree / "modules.order").unlink()
    image = tree / "arch/x86/boot/bzImage"
    assert belongings(image, REL).modules is not None
    assert not belongings(image, REL).modules.read("virtio_net")
    touch(tree / f"arch/x86/boot/lib/modules/{REL}/virtio_net.ko", KO)
    assert belongings(image, REL).modules.read("virtio_net") == KO


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("arch/x86/boot/bzImage", True),
        ("arch/arm64/boot/Image.gz", True),
        ("arch/x86/boot/compressed/vmlinux", False),
        ("boot/vmlinuz", False),
        ("elsewhere/arch/x86/boot/bzImage", False),  # as an upload keeps it: no tree is there
    ],
)
def test_what_is_in_a_tree(tree, path, found):
    assert tree_of(tree / path) == (tree if found else None)


def test_the_name_of_the_release_goes_before_plain_names(tmp_path):
    image = touch(tmp_path / "vmlinuz")
    touch(tmp_path / ".config")
    assert belongings(image, REL).config == tmp_path / ".config"
    touch(tmp_path / "config")
    assert belongings(image, REL).config == tmp_path / "config"
    touch(tmp_path / f"config-{REL}")
    touch(tmp_path / "config-7")
    assert belongings(image, REL).config == tmp_path / f"config-{REL}"


def test_folders_and_dangling_links_are_no_files(tmp_path):
    image = touch(tmp_path / "vmlinuz")
    (tmp_path / ".config").mkdir()  # a home folder has one
    (tmp_path / "config").symlink_to("nowhere")
    (tmp_path / "System.map").mkdir()
    found = belongings(image, REL)
    assert (found.config, found.modules, found.system_map, found.vmlinux) == (None,) * 4


@pytest.mark.parametrize("name", ["modules.tar.xz", "modules.tgz", f"modules-{REL}.tar"])
@pytest.mark.usefixtures("own_cache")
def test_a_tar_of_modules_beside_the_image(tmp_path, name):
    image = touch(tmp_path / "a/bzImage")
    modules = touch(tmp_path / "x.ko", KO)
    with tarfile.open(
        tmp_path / "a" / name, f"w:{ {'xz': 'xz', 'gz': 'gz'}.get(name[-2:], '') }"
    ) as tar:
        tar.add(modules, f"lib/modules/{REL}/virtio_net.ko")
    for path in (image, link(tmp_path / "k", image)):
        found = belongings(path, REL).modules
        assert found is not None
        assert found.read("virtio_net") == KO


def test_debug_packages(d):
    image = d / f"boot/vmlinuz-{REL}"
    debug = touch(d / f"usr/lib/debug/lib/modules/{REL}/vmlinux")
    assert belongings(image, REL).vmlinux == debug
    debian = touch(d / f"usr/lib/debug/boot/vmlinux-{REL}")
    assert belongings(image, REL).vmlinux == debian
    package = touch(d / f"boot/vmlinux-{REL}")  # make tar-pkg
    assert belongings(image, REL).vmlinux == package


def test_whatever_appears_later_is_among_the_files_looked_at(d):
    elsewhere = link(d.parent / "elsewhere/k", d / f"boot/vmlinuz-{REL}")
    files = belongings(elsewhere, REL).files
    for path in (
        d.parent / "elsewhere",
        d.parent / f"elsewhere/config-{REL}",
        d / f"boot/config-{REL}",
        d / f"lib/modules/{REL}",
        d / f"usr/lib/modules/{REL}",
        d / "boot/.config",
    ):
        assert path in files
    assert all(path.is_absolute() for path in files)
    assert os.fspath(d / f"boot/vmlinux-{REL}") in map(os.fspath, files)
