# SPDX-License-Identifier: GPL-2.0-only
"""Folders that people name, with real images in them."""

from __future__ import annotations

import logging
import tarfile
from pathlib import Path

import pytest
from packing import PACK

from harness.architectures import load
from harness.errors import InputError
from harness.kernels import compression
from harness.kernels.find import find
from harness.kernels.folders import _image_in

RECIPES = {name: load(name) for name in ("x86_64", "i386", "arm64", "armhf")}
X86 = RECIPES["x86_64"]
ARM64 = RECIPES["arm64"]
KO = b"\x7fELF a module"

pytestmark = pytest.mark.usefixtures("own_cache")


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("way", ["absolute", ".", "..", "relative", "~", "a link"])
def test_a_build_tree(tree, release, monkeypatch, way):
    for name in ("System.map", "vmlinux"):
        touch(tree / name)
    monkeypatch.setenv("HOME", str(tree.parent))
    monkeypatch.chdir({".": tree, "..": tree / "arch"}.get(way, tree.parent))
    (tree.parent / "link").symlink_to("linux")
    spec = {"absolute": str(tree), "relative": "linux", "~": "~/linux", "a link": "link"}
    kernel = find(spec.get(way, way), X86)
    assert kernel.release == release
    assert kernel.image.samefile(tree / "arch/x86/boot/bzImage")
    assert kernel.config.whole
    assert kernel.config["CONFIG_USERFAULTFD"] == "y"
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.modules.builtin() == {"ext4"}
    assert kernel.system_map is not None
    assert kernel.vmlinux is not None
    for path in (kernel.image, kernel.system_map, kernel.vmlinux, Path(kernel.spec)):
        assert path.is_absolute()
        assert ".." not in path.parts
    assert all(path.is_absolute() for path in kernel.files)


@pytest.mark.parametrize("folder", ["arch/x86/boot", "arch/x86_64/boot"])
def test_the_folder_of_the_image_in_a_tree(tree, folder):
    kernel = find(str(tree / folder), X86)
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO


def test_an_output_folder(tree):
    (tree / "Kbuild").unlink()
    (tree / "include/config").mkdir(parents=True)
    assert find(str(tree), X86).config.whole


def test_a_tree_not_built_says_how_to_build_it(tree):
    (tree / "arch/x86/boot/bzImage").unlink()
    with pytest.raises(
        InputError,
        match=r"expected \S*/arch/x86/boot/bzImage.*ARCH=x86_64 bzImage.* name DIR .*O=DIR",
    ):
        find(str(tree), X86)


def test_the_command_to_build_a_tree_is_quoted(tree):
    odd = tree.rename(tree.parent / "my linux")
    (odd / "arch/x86/boot/bzImage").unlink()
    with pytest.raises(InputError, match=r"make -C '\S*/my linux' ARCH"):
        find(str(odd), X86)


def test_a_tree_built_for_another_architecture_says_so(tree):
    with pytest.raises(InputError, match=r"arch/arm64/boot/Image \(there is .*bzImage.*ARCH=arm64"):
        find(str(tree), ARM64)


@pytest.fixture
def source(tree):
    """The source that ``tree`` was built from, with O=; nothing is built in it."""
    root = tree.parent / "source"
    (root / "arch/x86/boot").mkdir(parents=True)
    touch(root / "Kbuild")
    return root


def test_an_output_folder_inside_the_source_is_named(source, tree):
    tree.rename(source / "build")
    with pytest.raises(InputError, match=r"there is \S*/source/build/arch/x86/boot/bzImage.*O="):
        find(str(source), X86)
    assert find(str(source / "build"), X86).modules is not None


@pytest.mark.parametrize("way", ["absolute", "relative to the source", "~"])
def test_kbuild_output_is_used(source, tree, monkeypatch, caplog, way):
    caplog.set_level(logging.INFO, "harness")
    monkeypatch.setenv("HOME", str(tree.parent))
    named = {"absolute": str(tree), "relative to the source": "../linux", "~": "~/linux"}[way]
    monkeypatch.setenv("KBUILD_OUTPUT", named)
    kernel = find(str(source), X86)
    assert kernel.config.whole
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert f"KBUILD_OUTPUT={named} is set" in caplog.text


def test_what_was_built_in_the_named_tree_goes_before_kbuild_output(tree, monkeypatch):
    monkeypatch.setenv("KBUILD_OUTPUT", "elsewhere")
    assert find(str(tree), X86).image == tree / "arch/x86/boot/bzImage"


@pytest.mark.parametrize("usr", ["lib", "usr/lib"])
@pytest.mark.parametrize("folder", ["", "boot"])
def test_an_unpacked_package(bzimage, release, tmp_path, usr, folder):
    # dpkg-deb -x, the tar-install/ of make tar-pkg, make dir-pkg, an installed system
    touch(tmp_path / f"boot/vmlinuz-{release}", bzimage)
    touch(tmp_path / f"boot/vmlinux-{release}")
    touch(tmp_path / f"boot/System.map-{release}")
    touch(tmp_path / f"boot/config-{release}", b"CONFIG_USERFAULTFD=y\n")
    touch(tmp_path / usr / "modules" / release / "kernel/virtio_net.ko", KO)
    kernel = find(str(tmp_path / folder), X86)
    assert kernel.image == tmp_path / f"boot/vmlinuz-{release}"
    assert kernel.config == {"CONFIG_USERFAULTFD": "y"}
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.system_map == tmp_path / f"boot/System.map-{release}"
    assert kernel.vmlinux == tmp_path / f"boot/vmlinux-{release}"


def test_an_unpacked_package_with_the_image_among_the_modules(bzimage, release, tmp_path):
    folder = tmp_path / "usr/lib/modules" / release
    touch(folder / "vmlinuz", bzimage)
    touch(folder / "config", b"CONFIG_USERFAULTFD=y\n")
    touch(folder / "kernel/virtio_net.ko", KO)
    for named in (tmp_path, folder):
        kernel = find(str(named), X86)
        assert kernel.config == {"CONFIG_USERFAULTFD": "y"}
        assert kernel.modules is not None
        assert kernel.modules.read("virtio_net") == KO


NAMES = {
    "x86_64": ["bzImage", "vmlinuz", "vmlinuz-6.1.0", "vmlinuz-linux", "kernel", "bzImage--6.1"],
    "i386": ["bzImage", "vmlinuz-6.1.0-686-pae"],
    "arm64": ["Image", "vmlinuz", "vmlinuz.efi", "vmlinuz-6.1", "kernel", "vmlinux-kbuild-6.1"],
    "armhf": ["zImage", "vmlinuz-6.1", "zImage-6.1", "vmlinux-kbuild-6.1.0"],
}


@pytest.mark.parametrize(("arch", "name"), [(a, n) for a, names in NAMES.items() for n in names])
def test_names_of_images(samples, tmp_path, arch, name):
    image = touch(tmp_path / name, samples[RECIPES[arch].kernel_machine])
    assert find(str(tmp_path), RECIPES[arch]).image == image


@pytest.mark.parametrize("way", ["gzip", "lz4-frame", "lz4-legacy", "zstd"])
def test_images_packed_in_each_way(arm64_image, tmp_path, way):
    suffix = compression.SUFFIXES[way.partition("-")[0]]
    touch(tmp_path / f"Image{suffix}", PACK[way](arm64_image))
    kernel = find(str(tmp_path), ARM64)
    assert kernel.release.endswith("-cloud-arm64")
    if way != "gzip":  # that QEMU unpacks itself
        assert kernel.image.read_bytes() == arm64_image


@pytest.mark.parametrize(
    ("names", "arch", "taken"),
    [
        ("bzImage Image", "x86_64", "bzImage"),
        ("bzImage Image", "arm64", "Image"),
        ("zImage Image", "armhf", "zImage"),
        ("Image Image.gz Image.zst", "arm64", "Image"),
        ("Image.gz vmlinuz.efi", "arm64", "Image.gz"),
        ("bzImage vmlinuz-6.1", "x86_64", "bzImage"),
        ("vmlinuz vmlinuz-6.1", "x86_64", "vmlinuz"),
        ("bzImage bzImage.old vmlinuz.sha256 kernel.config kernel~", "x86_64", "bzImage"),
        ("vmlinuz-6.1 vmlinuz-6.1.old vmlinuz-6.1.sig", "x86_64", "vmlinuz-6.1"),
        ("vmlinuz-6.1 vmlinuz-0-rescue-abc", "x86_64", "vmlinuz-6.1"),
    ],
)
def test_of_several_images_the_fitting_one(tmp_path, names, arch, taken, caplog):
    caplog.set_level(logging.INFO, "harness")
    for name in names.split():
        touch(tmp_path / name)
    assert _image_in(tmp_path, RECIPES[arch]) == tmp_path / taken
    others = [n for n in names.split() if n != taken and not n.endswith(("old", "~", "sig"))]
    others = [n for n in others if n not in {"vmlinuz.sha256", "kernel.config"} and "resc" not in n]
    assert bool(others) == (f"taking {taken} of" in caplog.text)
    assert all(str(tmp_path / other) in caplog.text for other in others)


def test_several_that_fit_alike_are_listed(tmp_path):
    for name in ("vmlinuz-6.1", "vmlinuz-6.12"):
        touch(tmp_path / "boot" / name)
    with pytest.raises(InputError, match=r"several kernels: name one of \S*-6\.1, \S*-6\.12$"):
        find(str(tmp_path), X86)
    # unless a link says which; a link is no other kernel
    (tmp_path / "vmlinuz").symlink_to("boot/vmlinuz-6.12")
    assert _image_in(tmp_path, X86) == tmp_path / "vmlinuz"
    (tmp_path / "vmlinuz").unlink()
    (tmp_path / "boot/vmlinuz-6.1").unlink()
    (tmp_path / "boot/vmlinuz-latest").symlink_to("vmlinuz-6.12")
    assert _image_in(tmp_path, X86) == tmp_path / "boot/vmlinuz-6.12"


@pytest.mark.parametrize(
    ("files", "close"),
    [
        ([], None),
        (["readme.txt", "initrd.img"], None),
        (["vmlinux"], r"; name \S*/vmlinux if that is it"),
        (["linux-image-6.1_1_amd64.deb"], r"; name \S*/linux-image-6\.1_1_amd64\.deb if"),
        (["linux-6.1-x86.tar.gz"], r"; name \S*/linux-6\.1-x86\.tar\.gz if"),
        (["kernel-core-6.1.rpm"], r"; name \S*/kernel-core-6\.1\.rpm if"),
        (["build/bzImage"], r"; name \S*/build if"),
        (["a/bzImage", "b/arch/x86/boot/bzImage"], r"; name one of \S*/a, \S*/b if"),
        ([f"{n}/bzImage" for n in range(9)], r"/4 and 4 more if"),
    ],
)
def test_a_folder_without_a_kernel_names_what_is_close(tmp_path, files, close):
    for name in files:
        touch(tmp_path / name)
    with pytest.raises(InputError, match=f"folder without a kernel: expected.*{close or ''}") as e:
        find(str(tmp_path), X86)
    assert ("; name" in str(e.value)) == (close is not None)


@pytest.mark.parametrize("what", ["", "boot", "boot/config", "boot/vmlinuz-1"])
def test_what_may_not_be_read_is_named(what, bzimage, as_nobody, monkeypatch):
    folder, somebody = as_nobody
    monkeypatch.setenv("HARNESS_CACHE", str(folder / "cache"))
    with somebody():
        touch(folder / "named/boot/vmlinuz-1", bzimage)
        touch(folder / "named/boot/config", b"CONFIG_X=y")
        path = folder / "named" / what
        path.chmod(0)
        with pytest.raises(InputError, match=rf"cannot read {path}\S*: Permission denied"):
            find(str(folder / "named"), X86)
        path.chmod(0o700)


def test_a_folder_of_another_architecture_says_so(samples, tmp_path):
    touch(tmp_path / "zImage", samples["arm"])
    with pytest.raises(InputError, match=r"zImage is for arm .*x86_64 needs bzImage"):
        find(str(tmp_path), X86)


def test_modules_installed_beside_it(bzimage, release, tmp_path):
    # make modules_install INSTALL_MOD_PATH=.
    touch(tmp_path / "bzImage", bzimage)
    touch(tmp_path / "lib/modules" / release / "updates/virtio_net.ko", KO)
    kernel = find(str(tmp_path), X86)
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO


def test_a_bare_image_says_what_to_name_instead(bzimage, release, tmp_path):
    touch(tmp_path / "bzImage", bzimage)
    kernel = find(str(tmp_path), X86)
    assert kernel.modules is None
    assert f"neither lib/modules/{release} nor a modules.tar" in kernel.advice
    assert "name the build tree or package instead of the bare image" in kernel.advice
    with tarfile.open(tmp_path / "modules.tar", "w"):
        pass
    assert find(str(tmp_path), X86).advice == ""
