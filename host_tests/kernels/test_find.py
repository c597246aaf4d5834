# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tarfile
import time

import pytest

from harness.architectures import load
from harness.errors import InputError
from harness.kernels.find import find
from harness.kernels.version import Version

RECIPES = {name: load(name) for name in ("x86_64", "i386", "arm64", "armhf")}
X86 = RECIPES["x86_64"]
ARM64 = RECIPES["arm64"]
CONFIG = 'CONFIG_USERFAULTFD=y\n# CONFIG_X is not set\nCONFIG_L=""\n'
KO = b"\x7fELF a module"


@pytest.fixture(autouse=True)
def cache(samples, tmp_path, monkeypatch):
    """A cache of our own, for what is made after the real images are there."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return samples


@pytest.fixture
def release(bzimage):
    """What the kernel under test calls itself."""
    return bzimage[0x200 + int.from_bytes(bzimage[0x20E:0x210], "little") :].split(b" ")[0].decode()


def test_an_image_alone(samples, tmp_path):
    for recipe in RECIPES.values():
        path = tmp_path / recipe.arch
        path.write_bytes(samples[recipe.kernel_machine])
        kernel = find(str(path), recipe)
        assert kernel.image == path
        assert kernel.arch == recipe.arch
        assert not kernel.config.whole
        assert kernel.modules is None
        assert kernel.version >= Version(5, 10)
        assert kernel.version.patch > 0
        assert find(str(path), recipe) == kernel


@pytest.mark.parametrize("name", ["config", ".config", "config-RELEASE"])
def test_an_image_with_its_config_and_modules(bzimage, release, tmp_path, name):
    boot = tmp_path / "boot"
    net = tmp_path / "lib/modules" / release / "kernel"
    boot.mkdir()
    net.mkdir(parents=True)
    (net / "virtio_net.ko").write_bytes(KO)
    (boot / f"vmlinuz-{release}").write_bytes(bzimage)
    (boot / name.replace("RELEASE", release)).write_text(CONFIG)
    kernel = find(str(boot / f"vmlinuz-{release}"), X86)
    assert kernel.release == release
    assert kernel.config == {"CONFIG_USERFAULTFD": "y", "CONFIG_X": "n", "CONFIG_L": ""}
    assert kernel.modules is not None
    assert kernel.modules.read("virtio-net") == KO


def test_the_config_inside_an_image_is_used(arm64_image, tmp_path):
    packed = b"IKCFG_ST" + gzip.compress(CONFIG.encode()) + b"IKCFG_ED"
    (tmp_path / "Image").write_bytes(arm64_image + packed)
    for _ in range(2):  # worked out, then from the cache
        config = find(str(tmp_path / "Image"), ARM64).config
        assert config.whole
        assert config["CONFIG_USERFAULTFD"] == "y"


def test_a_zboot_image_is_unpacked_for_qemu(arm64_image, tmp_path):
    packed = gzip.compress(arm64_image, 1)
    header = b"MZ\0\0zimg" + (0x100).to_bytes(4, "little") + len(packed).to_bytes(4, "little")
    pe = b"PE\0\0\x64\xaa".ljust(24, b"\0")
    head = header.ljust(0x3C, b"\0") + (0x40).to_bytes(4, "little") + pe
    (tmp_path / "vmlinuz").write_bytes(head.ljust(0x100, b"\0") + packed)
    kernel = find(str(tmp_path / "vmlinuz"), ARM64)
    assert kernel.image.read_bytes() == arm64_image
    (tmp_path / "Image").write_bytes(arm64_image)
    assert kernel.sha256 == find(str(tmp_path / "Image"), ARM64).sha256


@pytest.fixture
def tree(tmp_path, bzimage):
    """What matters of a tree after 'make bzImage modules'."""
    root = tmp_path / "linux"
    (root / "arch/x86/boot").mkdir(parents=True)
    (root / "drivers/net").mkdir(parents=True)
    (root / "Kbuild").touch()
    (root / ".config").write_text(CONFIG)
    (root / "arch/x86/boot/bzImage").write_bytes(bzimage)
    (root / "drivers/net/virtio_net.ko").write_bytes(KO)
    (root / "modules.order").write_text("drivers/net/virtio_net.o\n")
    (root / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    return root


def test_a_build_tree(tree, release):
    kernel = find(str(tree), X86)
    assert (kernel.release, kernel.image) == (release, tree / "arch/x86/boot/bzImage")
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.modules.builtin() == {"ext4"}
    assert (kernel.system_map, kernel.vmlinux) == (None, None)


def test_what_names_addresses_stands_at_the_top_of_a_build_tree(tree):
    for name in ("System.map", "vmlinux"):
        (tree / name).touch()
        (tree / "arch/x86/boot" / name).touch()
    for spec in (tree, tree / "arch/x86/boot/bzImage"):
        kernel = find(str(spec), X86)
        assert (kernel.system_map, kernel.vmlinux) == (tree / "System.map", tree / "vmlinux")


def test_what_names_addresses_stands_beside_an_image(bzimage, release, tmp_path):
    (tmp_path / "vmlinuz").write_bytes(bzimage)
    (tmp_path / f"System.map-{release}").touch()
    (tmp_path / "System.map-7").touch()
    kernel = find(str(tmp_path / "vmlinuz"), X86)
    assert (kernel.system_map, kernel.vmlinux) == (tmp_path / f"System.map-{release}", None)


def test_a_tree_not_built_says_how_to_build_it(tree):
    (tree / "arch/x86/boot/bzImage").unlink()
    with pytest.raises(
        InputError, match=r"expected \S*/arch/x86/boot/bzImage.*ARCH=x86_64 bzImage"
    ):
        find(str(tree), X86)


def test_a_tree_built_for_another_architecture_says_so(tree):
    with pytest.raises(InputError, match=r"arch/arm64/boot/Image \(there is .*bzImage.*ARCH=arm64"):
        find(str(tree), ARM64)


def test_a_tuxmake_folder(bzimage, release, tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "bzImage").write_bytes(bzimage)
    (folder / "config").write_text(CONFIG)
    (folder / "metadata.json").write_text("{}")
    (tmp_path / "virtio_net.ko").write_bytes(KO)
    with tarfile.open(folder / "modules.tar.xz", "w:xz") as file:
        file.add(tmp_path / "virtio_net.ko", f"lib/modules/{release}/kernel/virtio_net.ko")
    kernel = find(str(folder), X86)
    assert kernel.release == release
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO


def pack(tmp_path, name: str, files: dict[str, bytes]):
    root = tmp_path / f"root-{name}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 7.9.3-2\nArchitecture: amd64\n"
        "Maintainer: x <x@x>\nDescription: x\n"
    )
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    deb = tmp_path / f"{name}_7.9.3-2_amd64.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", root, deb], check=True)
    return deb


def test_a_deb_as_make_bindeb_pkg_builds_it(bzimage, tmp_path):
    files = {
        "boot/vmlinuz-7": bzimage,
        "boot/config-7": CONFIG.encode(),
        "boot/System.map-7": b"ffffffff81000000 T _text\n",
        "lib/modules/7/kernel/virtio_net.ko": KO,
        "lib/modules/7/modules.builtin": b"kernel/ext4.ko\n",
    }
    kernel = find(str(pack(tmp_path, "linux-image-7", files)), X86)
    assert kernel.version == Version(7, 9, 3)
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.modules.builtin() == {"ext4"}
    assert kernel.image.read_bytes() == bzimage
    assert kernel.system_map is not None
    assert kernel.system_map.read_text() == "ffffffff81000000 T _text\n"


def test_a_deb_split_over_several(bzimage, tmp_path):
    image = pack(tmp_path, "linux-image-7", {"usr/share/doc/x": b"x"})
    with pytest.raises(InputError, match=r"linux-image-7.*contains no kernel"):
        find(str(image), X86)
    pack(tmp_path, "linux-binary-7", {"usr/lib/modules/7/vmlinuz": bzimage})
    pack(tmp_path, "linux-base-7", {"usr/lib/modules/7/config": CONFIG.encode()})
    pack(tmp_path, "linux-modules-7", {"usr/lib/modules/7/kernel/virtio_net.ko": KO})
    kernel = find(str(image), X86)
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO


def test_an_image_of_another_architecture_says_both(samples, tmp_path):
    path = tmp_path / "image"
    for have, data in samples.items():
        path.write_bytes(data)
        for recipe in RECIPES.values():
            if recipe.kernel_machine != have:
                with pytest.raises(InputError, match=rf"image is for {have} .*{recipe.arch}"):
                    find(str(path), recipe)


BROKEN = {
    "missing": (None, r"there is no '\S*kernel': expected debian:SUITE"),
    "empty": (b"", "it is empty"),
    "text": (b"#!/bin/sh\n", "it is text, starting '#!/bin/sh'"),
    "vmlinux": (b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\x3e\0" + bytes(99), "vmlinux.*give the bzI"),
    "initrd": (gzip.compress(b"070701" + bytes(99)), "initramfs"),
    "not a deb": (b"!<arch>\nabc", "truncated or damaged"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_files_are_explained_at_once(tmp_path, case):
    data, message = BROKEN[case]
    path = tmp_path / "kernel"
    if data is not None:
        path.write_bytes(data)
    began = time.monotonic()
    with pytest.raises(InputError, match=message):
        find(str(path), X86)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("machine", ["x86_64", "arm64", "i386", "arm"])
def test_truncated_images_are_explained_at_once(samples, tmp_path, machine):
    path = tmp_path / "kernel"
    path.write_bytes(samples[machine][:-200000])
    recipe = next(r for r in RECIPES.values() if r.kernel_machine == machine)
    began = time.monotonic()
    with pytest.raises(InputError, match="is a truncated"):
        find(str(path), recipe)
    assert time.monotonic() - began < 2


def test_a_large_file_is_not_read_whole(tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.write(b"QFI\xfb")
        file.truncate(1 << 40)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"too large.*QEMU disk image"):
        find(str(path), X86)
    assert time.monotonic() - began < 2


def test_a_folder_without_a_kernel(tmp_path):
    with pytest.raises(InputError, match="folder without a kernel"):
        find(str(tmp_path), X86)


def test_a_suite_given_as_a_path_is_guessed():
    with pytest.raises(InputError, match="did you mean debian:bookworm"):
        find("bookworm", X86)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.geteuid() == 0:
        path = type(path)("/proc/1/mem")
    with pytest.raises(InputError, match=f"cannot read {path}: Permission denied"):
        find(str(path), X86)
