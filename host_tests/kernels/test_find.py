# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import os
import time

import pytest
from packing import PACK, zboot

from harness.architectures import load
from harness.errors import InputError
from harness.kernels.find import find
from harness.kernels.version import Version

RECIPES = {name: load(name) for name in ("x86_64", "i386", "arm64", "armhf")}
X86 = RECIPES["x86_64"]
ARM64 = RECIPES["arm64"]
CONFIG = 'CONFIG_USERFAULTFD=y\n# CONFIG_X is not set\nCONFIG_L=""\n'
KO = b"\x7fELF a module"

pytestmark = pytest.mark.usefixtures("own_cache")


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
    (tmp_path / "vmlinuz").write_bytes(zboot(arm64_image))
    kernel = find(str(tmp_path / "vmlinuz"), ARM64)
    assert kernel.image.read_bytes() == arm64_image
    (tmp_path / "Image").write_bytes(arm64_image)
    assert kernel.sha256 == find(str(tmp_path / "Image"), ARM64).sha256


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


def test_a_suite_given_as_a_path_is_guessed():
    with pytest.raises(InputError, match="did you mean debian:bookworm"):
        find("bookworm", X86)


def test_a_file_that_may_not_be_read(as_nobody):
    folder, somebody = as_nobody
    with somebody():
        path = folder / "secret"
        path.write_bytes(b"x")
        path.chmod(0)
        with pytest.raises(InputError, match=f"cannot read {path}: Permission denied"):
            find(str(path), X86)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, message in (
        ("fifo", "fifo is neither a file nor a folder but a pipe: expected debian:SUITE"),
        ("dangling", "dangling is a link to 'nowhere', and that is not there"),
        ("loop", "cannot read .*loop: Too many levels of symbolic links"),
        ("x" * 300, "cannot read .*: File name too long"),
        ("fifo/bzImage", "cannot read .*fifo/bzImage: Not a directory"),
    ):
        began = time.monotonic()
        with pytest.raises(InputError, match=message):
            find(str(tmp_path / name), X86)
        assert time.monotonic() - began < 2
    with pytest.raises(InputError, match=r"null is neither .* but a character device"):
        find("/dev/null", X86)


@pytest.mark.parametrize(
    "name", ["with spaces", 'it\'s "quoted"', "a,b=c", "Kärnel", "-kernel", "100%s {x}"]
)
def test_odd_names(bzimage, release, tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / name).write_bytes(bzimage)
    monkeypatch.chdir(folder)
    kernel = find(name, X86)
    assert (kernel.image, kernel.spec) == (folder / name, str(folder / name))
    assert kernel.release == release


# Debian's have their kernel packed already: packing them takes no less for that.
WHOLE = [("x86_64", way) for way in sorted({*PACK} - {"bzip2", "lzma", "lzo"})]
WHOLE += [("arm64", "gzip"), ("arm64", "lz4-legacy"), ("arm", "zstd"), ("i386", "bzip2")]


@pytest.mark.parametrize(("machine", "way"), WHOLE)
def test_images_compressed_as_a_whole(samples, tmp_path, machine, way):
    recipe = next(r for r in RECIPES.values() if r.kernel_machine == machine)
    (tmp_path / "k").write_bytes(PACK[way](samples[machine]))
    kernel = find(str(tmp_path / "k"), recipe)
    (tmp_path / "plain").write_bytes(samples[machine])
    plain = find(str(tmp_path / "plain"), recipe)
    assert (kernel.release, kernel.version) == (plain.release, plain.version)
    if (machine, way) != ("arm64", "gzip"):  # that QEMU unpacks itself
        assert kernel.image.read_bytes() == samples[machine]
        assert kernel.sha256 == plain.sha256
    (tmp_path / "k").write_bytes(PACK[way](samples[machine])[:-100000])
    with pytest.raises(InputError, match=r"k is a truncated .*copy it again"):
        find(str(tmp_path / "k"), recipe)
