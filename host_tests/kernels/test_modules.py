# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import lzma
import tarfile

import pytest
import zstandard
from packing import PACK

from harness.errors import InputError
from harness.kernels import archives, compression
from harness.kernels.modules import ArchiveModules, BuildTreeModules, FolderModules, name_of

KO = b"\x7fELF a module"
BUILTIN = "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-ring.ko\n"


@pytest.fixture
def installed(tmp_path):
    """A /lib/modules/RELEASE with a module in each compression."""
    root = tmp_path / "lib/modules/6.1.0"
    net = root / "kernel/drivers/net"
    net.mkdir(parents=True)
    (net / "plain-one.ko").write_bytes(KO)
    (net / "packed_xz.ko.xz").write_bytes(lzma.compress(KO))
    (net / "packed-gz.ko.gz").write_bytes(gzip.compress(KO))
    (net / "packed-zst.ko.zst").write_bytes(zstandard.compress(KO))
    (net / "broken.ko.xz").write_bytes(lzma.compress(KO)[:-20])
    (root / "modules.builtin").write_text(BUILTIN)
    (root / "build").symlink_to("/usr")
    return root


NAMES = ["plain_one", "plain-one", "packed_xz", "packed_gz", "packed-zst"]


@pytest.fixture(params=["folder", "tar"])
def modules(request, installed, tmp_path, monkeypatch):
    if request.param == "folder":
        return FolderModules(installed)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "modules.tar.xz"
    with tarfile.open(path, "w:xz") as file:
        file.add(tmp_path / "lib", "lib")
    contents = archives.tar(path)
    return ArchiveModules(archives.taken("key", contents, "x", image=False), contents)


@pytest.mark.parametrize("name", NAMES)
def test_modules_are_read_decompressed(modules, name):
    assert modules.read(name) == KO
    assert modules.read(name) == KO


def test_what_is_not_there_is_none(modules):
    assert modules.read("nothing") is None
    assert modules.read("ext4") is None
    assert modules.builtin() == {"ext4", "virtio_ring"}


def test_a_damaged_module_is_named(modules):
    with pytest.raises(InputError, match=r"broken\.ko\.xz"):
        modules.read("broken")


def test_an_archive_is_opened_once_for_a_module(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "modules.tar"
    with tarfile.open(path, "w") as file:
        file.add(installed, "lib/modules/6.1.0")
    contents = archives.tar(path)
    folder = archives.taken("key", contents, "x", image=False)
    assert ArchiveModules(folder, contents).read("packed_xz") == KO
    path.unlink()
    again = archives.tar(path)
    later = ArchiveModules(archives.taken("key", again, "x", image=False), again)
    assert later.read("packed_xz") == KO
    assert later.read("nothing") is None
    with pytest.raises(InputError, match=r"modules\.tar"):
        later.read("plain_one")


def test_links_to_folders_are_followed_but_not_to_the_tree(installed, tmp_path):
    for name in ("updates", "build", "source"):
        elsewhere = tmp_path / name
        elsewhere.mkdir()
        (elsewhere / f"in_{name}.ko").write_bytes(KO)
        (installed / name).unlink(missing_ok=True)
        (installed / name).symlink_to(elsewhere)
    (tmp_path / "updates" / "round").symlink_to(installed)
    (installed / "kernel" / "build").mkdir()
    (installed / "kernel" / "build" / "deep.ko").write_bytes(KO)
    (installed / "dangling").symlink_to("nowhere")
    modules = FolderModules(installed)
    assert modules.read("in_updates") == KO
    assert modules.read("deep") == KO
    assert modules.read("in_build") is None
    assert modules.read("in_source") is None


@pytest.mark.parametrize("way", sorted(PACK))
def test_modules_packed_in_each_way(tmp_path, way):
    suffix = compression.SUFFIXES[way.partition("-")[0]]
    (tmp_path / f"a-b.ko{suffix}").write_bytes(PACK[way](KO * 100))
    assert FolderModules(tmp_path).read("a_b") == KO * 100
    (tmp_path / f"a-b.ko{suffix}").write_bytes(PACK[way](KO * 100)[:-12])
    with pytest.raises(InputError, match=r"a-b\.ko\S* cannot be read: its .* data ends too early"):
        FolderModules(tmp_path).read("a_b")


@pytest.mark.parametrize("style", ["kernel/drivers/net/a-b.ko", "drivers/net/a-b.o"])
def test_a_build_tree_lists_its_modules_in_modules_order(tmp_path, style):
    (tmp_path / "drivers/net").mkdir(parents=True)
    (tmp_path / "drivers/net/a-b.ko").write_bytes(KO)
    (tmp_path / "modules.order").write_text(f"{style}\ndrivers/net/never-built.ko\n")
    tree = BuildTreeModules(tmp_path)
    assert tree.read("a_b") == KO
    assert tree.read("never_built") is None
    assert tree.builtin() == frozenset()


def test_a_build_tree_without_modules(tmp_path):
    assert BuildTreeModules(tmp_path).read("virtio_net") is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernel/a/virtio-net.ko", "virtio_net"),
        ("virtio_net.ko.xz", "virtio_net"),
        ("a.ko.dwo", None),
        ("modules.order", None),
        ("", None),
    ],
)
def test_names(path, name):
    assert name_of(path) == name
