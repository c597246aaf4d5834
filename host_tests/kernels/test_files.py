# SPDX-License-Identifier: GPL-2.0-only
"""Packages and archives that people name, with real images in them."""

from __future__ import annotations

import io
import logging
import shutil
import tarfile

import pytest
from packing import PACK, deb

from harness.architectures import load
from harness.errors import InputError
from harness.kernels.compression import SUFFIXES
from harness.kernels.find import find
from harness.kernels.version import Version

X86 = load("x86_64")
KO = b"\x7fELF a module"
CONFIG = b"CONFIG_USERFAULTFD=y\n"
REL = "6.1.0-50-generic"

pytestmark = pytest.mark.usefixtures("own_cache")


def check(kernel) -> None:
    assert kernel.config == {"CONFIG_USERFAULTFD": "y"}
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.advice == ""


def test_a_deb_as_make_bindeb_pkg_builds_it(bzimage, tmp_path):
    files = {
        "boot/vmlinuz-7": bzimage,
        "boot/config-7": CONFIG,
        "boot/System.map-7": b"ffffffff81000000 T _text\n",
        "lib/modules/7/kernel/virtio_net.ko": KO,
        "lib/modules/7/modules.builtin": b"kernel/ext4.ko\n",
    }
    kernel = find(str(deb(tmp_path, "linux-image-7", files, "6.1.999-1")), X86)
    check(kernel)
    assert kernel.version == Version(6, 1, 999)
    assert kernel.modules.builtin() == {"ext4"}
    assert kernel.image.read_bytes() == bzimage
    assert kernel.system_map is not None
    assert kernel.system_map.read_text() == "ffffffff81000000 T _text\n"


@pytest.mark.parametrize("way", ["relative", "a link", "renamed"])
def test_a_deb_named_in_other_ways(bzimage, tmp_path, monkeypatch, way):
    files = {"boot/vmlinuz-7": bzimage, "boot/config-7": CONFIG}
    package = deb(tmp_path, "linux-image-7", files)
    deb(tmp_path, "linux-modules-7", {"lib/modules/7/kernel/virtio_net.ko": KO})
    monkeypatch.chdir(tmp_path)
    if way == "renamed":
        package.rename("my kernel")
    if way == "a link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/k").symlink_to(package)
    spec = {"relative": package.name, "a link": "elsewhere/k", "renamed": "my kernel"}[way]
    check(find(spec, X86))


def test_a_deb_split_over_several(bzimage, tmp_path):
    image = deb(tmp_path, "linux-image-7", {"usr/share/doc/x": b"x"})
    with pytest.raises(InputError, match=r"linux-image-7.*contains no kernel"):
        find(str(image), X86)
    deb(tmp_path, "linux-binary-7", {"usr/lib/modules/7/vmlinuz": bzimage})
    deb(tmp_path, "linux-base-7", {"usr/lib/modules/7/config": CONFIG})
    deb(tmp_path, "linux-modules-7", {"usr/lib/modules/7/kernel/virtio_net.ko": KO})
    check(find(str(image), X86))


@pytest.mark.parametrize(
    "name", [f"linux-image-unsigned-{REL}", f"linux-image-{REL}", f"linux-image-{REL}-unsigned"]
)
@pytest.mark.parametrize("version", ["1", "2"], ids=["one version", "signed anew"])
def test_ubuntu(bzimage, tmp_path, name, version):
    image = deb(tmp_path, name, {f"boot/vmlinuz-{REL}": bzimage}, version)
    root = f"lib/modules/{REL}/kernel"
    deb(
        tmp_path,
        f"linux-modules-{REL}",
        {f"boot/config-{REL}": CONFIG, f"{root}/virtio_net.ko": KO},
        "1",
    )
    deb(tmp_path, f"linux-modules-extra-{REL}", {f"{root}/brd.ko": KO + b"2"}, "1")
    # Of another release, whose name begins alike.
    deb(tmp_path, f"linux-modules-{REL}-64k", {f"{root}/wrong.ko": KO}, "1")
    kernel = find(str(image), X86)
    check(kernel)
    assert kernel.modules.read("brd") == KO + b"2"
    assert kernel.modules.read("wrong") is None


def test_of_several_siblings_that_of_the_version(bzimage, tmp_path):
    image = deb(tmp_path, f"linux-image-unsigned-{REL}", {f"boot/vmlinuz-{REL}": bzimage}, "2")
    path = f"lib/modules/{REL}/virtio_net.ko"
    for version in ("1", "3"):
        deb(tmp_path, f"linux-modules-{REL}", {path: b"wrong"}, version)
    with pytest.raises(InputError, match=r"has version 2: which of linux-modules-"):
        find(str(image), X86)
    deb(tmp_path, f"linux-modules-{REL}", {path: KO, f"boot/config-{REL}": CONFIG}, "2")
    check(find(str(image), X86))


def test_an_image_whose_modules_are_not_beside_it_says_so(bzimage, tmp_path, caplog):
    image = deb(tmp_path, f"linux-image-unsigned-{REL}", {f"boot/vmlinuz-{REL}": bzimage}, "1")
    kernel = find(str(image), X86)
    assert kernel.modules is None
    assert not kernel.config.whole
    missing = f"linux-modules-{REL}_*.deb is not beside it: put it there"
    assert missing in kernel.advice
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        kernel.advice
    ]
    # It is looked for anew when it is.
    deb(
        tmp_path,
        f"linux-modules-{REL}",
        {f"lib/modules/{REL}/virtio_net.ko": KO, f"boot/config-{REL}": CONFIG},
        "1",
    )
    assert tmp_path in kernel.files
    check(find(str(image), X86))


def test_a_kernel_that_was_built_without_modules_is_whole(bzimage, tmp_path, caplog):
    files = {"boot/vmlinuz-7": bzimage, "boot/config-7": CONFIG}
    kernel = find(str(deb(tmp_path, "linux-image-7", files)), X86)
    assert kernel.config.whole
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    files["lib/modules/7/modules.builtin"] = b"kernel/drivers/net/virtio_net.ko\n"
    (tmp_path / "built-in").mkdir()
    kernel = find(str(deb(tmp_path / "built-in", "linux-image-7", files)), X86)
    assert kernel.modules is not None
    assert kernel.modules.builtin() == {"virtio_net"}


@pytest.mark.parametrize("version", ["1", "2024.11-ci", "6.0.1-1"])
def test_a_version_of_the_package_that_is_not_the_kernels(bzimage, tmp_path, version):
    package = deb(
        tmp_path, "linux-image-7", {"boot/vmlinuz-7": bzimage}, version
    )  # KDEB_PKGVERSION
    kernel = find(str(package), X86)
    assert (kernel.version.major, kernel.version.minor) == (6, 1)
    assert kernel.version.patch > 0


def test_the_package_of_the_modules_is_not_the_kernel(tmp_path):
    package = deb(tmp_path, f"linux-modules-{REL}", {f"lib/modules/{REL}/virtio_net.ko": KO})
    with pytest.raises(InputError, match=r"contains no kernel.*modules only: name the package"):
        find(str(package), X86)


@pytest.fixture
def tar_pkg(bzimage, release):
    """What make tar-pkg packs."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as file:
        for name, data in {
            f"./boot/vmlinux-{release}": b"\x7fELF" + bytes(100),
            f"./boot/System.map-{release}": b"ffffffff81000000 T _text\n",
            f"./boot/config-{release}": CONFIG,
            f"./boot/vmlinuz-{release}": bzimage,
            f"./lib/modules/{release}/kernel/virtio_net.ko": KO,
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("way", ["", "gzip", "zstd", "bzip2", "lz4-frame", "lzo"])
def test_what_make_tar_pkg_writes(tar_pkg, tmp_path, bzimage, way):
    suffix = SUFFIXES[way.partition("-")[0]] if way else ""
    path = tmp_path / f"linux-7-x86_64.tar{suffix}"
    path.write_bytes(PACK[way](tar_pkg) if way else tar_pkg)
    kernel = find(str(path), X86)
    check(kernel)
    assert kernel.image.read_bytes() == bzimage
    assert kernel.system_map is not None
    assert kernel.origin == f"archive {path}"
    path.write_bytes(path.read_bytes()[: -len(path.read_bytes()) // 3])
    with pytest.raises(InputError, match=rf"{path} is (a truncated|not a tar archive, or damaged)"):
        find(str(path), X86)


def test_below_a_folder(tar_pkg, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(tar_pkg)) as file:
        file.extractall(tmp_path / "tar-install", filter="data")
    check(find(str(tmp_path / "tar-install"), X86))
    packed = shutil.make_archive(str(tmp_path / "linux"), "gztar", tmp_path, "tar-install")
    check(find(packed, X86))


def test_a_tar_of_something_else(tmp_path):
    (tmp_path / "x/src").mkdir(parents=True)
    path = shutil.make_archive(str(tmp_path / "linux-6.1"), "gztar", tmp_path / "x")
    with pytest.raises(InputError, match=r"linux-6\.1\.tar\.gz\S* contains no kernel: exp"):
        find(path, X86)
