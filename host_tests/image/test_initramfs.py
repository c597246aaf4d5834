# SPDX-License-Identifier: GPL-2.0-only
"""The whole image: the same inputs give the same bytes, others give others."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from newc import tree

from harness import architectures
from harness.errors import InputError
from harness.guest.keys import Keys
from harness.host.cache import cache_dir
from harness.image import initramfs, native
from harness.kernels import modinfo

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from harness.image import initramfs
from harness.kernels.find import find
from harness.architectures import load
recipe = load(sys.argv[1])
print(initramfs.build(recipe, find("debian:bookworm", recipe)).sha256)
"""


def fill(folder: Path) -> Path:
    """Make ``folder`` a cache without images, that shares the packages with the user's."""
    for name in ("debs", "lists", "kernels"):
        (folder / name).symlink_to(cache_dir(name))
    return folder


@pytest.fixture
def new_cache(monkeypatch, tmp_path_factory):
    def make() -> Path:
        folder = fill(tmp_path_factory.mktemp("cache"))
        monkeypatch.setenv("HARNESS_CACHE", str(folder))
        return folder

    return make


@pytest.fixture(scope="module")
def image(kernel, tmp_path_factory) -> bytes:
    """An image made by this code: the user's cache may have one that is older."""
    folder = fill(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder))
        return build(kernel).path.read_bytes()


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A copy of images/ to change."""
    shutil.copytree(architectures.IMAGES, tmp_path / "images")
    monkeypatch.setattr(initramfs, "IMAGES", tmp_path / "images")
    monkeypatch.setattr(native, "IMAGES", tmp_path / "images")
    return tmp_path / "images"


class Changed:
    """A kernel's modules, one of them with other bytes."""

    def __init__(self, modules, name: str) -> None:
        self._modules, self._name = modules, name

    def builtin(self):
        return self._modules.builtin()

    def read(self, name):
        data = self._modules.read(name)
        return data + b"\0" if name == self._name else data


def build(kernel, **changes) -> initramfs.Image:
    return initramfs.build(architectures.load(kernel.arch), dataclasses.replace(kernel, **changes))


def test_the_same_inputs_give_the_same_bytes(kernel, new_cache):
    new_cache()
    first = build(kernel)
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256
    # Nothing of it: another cache, another process, another order of sets.
    folder = new_cache()
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kernel.arch],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == first.sha256
    assert [p.name for p in folder.glob("images/*.cpio")] == [first.path.name]


def test_the_second_time_it_comes_from_the_cache(x86_64, new_cache):
    new_cache()
    first = build(x86_64)
    before = first.path.stat()
    again = build(x86_64)
    after = again.path.stat()
    assert again == first
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_changes_the_image(x86_64, new_cache, images):
    new_cache()
    first = build(x86_64)
    # A module that was built again, with the same x86_64.
    module = build(x86_64, modules=Changed(x86_64.modules, "virtio_net"))
    source = images / "init" / "boot.c"
    source.write_text(source.read_text().replace("stage init", "stage other"))
    init = build(x86_64)
    (images / "fstab").write_bytes((images / "fstab").read_bytes() + b"# other\n")
    fstab = build(x86_64)
    source = images / "init" / "main.c"
    source.write_text(source.read_text().replace("usage: agent", "usage: the agent"))
    other = build(x86_64)
    assert len({image.sha256 for image in (first, module, init, fstab, other)}) == 5
    assert len({image.path for image in (first, module, init, fstab, other)}) == 5
    # And what does not: a kernel elsewhere, a module that is pushed with the programs.
    assert build(x86_64, origin="elsewhere", image=Path("/x")) == other
    assert build(x86_64, modules=Changed(x86_64.modules, "brd")) == other


def test_it_is_small(image):
    assert 1 << 20 < len(image) < 12 << 20


def test_what_is_in_it(image):
    found = tree(image)
    assert found[native.INIT].data.startswith(b"\x7fELF")
    assert stat.S_IMODE(found[native.INIT].mode) == 0o755
    assert found[native.AGENT].data == b"/init"
    assert found["etc/fstab"].data == (architectures.IMAGES / "fstab").read_bytes()
    assert found["bin/busybox"].data.startswith(b"\x7fELF")
    assert stat.S_ISLNK(found["bin/sh"].mode)
    assert found["bin/sh"].data == b"busybox"
    assert found["usr/sbin/dropbear"].data.startswith(b"\x7fELF")
    console = found["dev/console"]
    assert stat.S_ISCHR(console.mode)
    assert console.device == (5, 1)
    for name in ("proc", "sys", "root", "tmp", "dev"):
        assert stat.S_ISDIR(found[name].mode)
    # dropbear lets in who has a shell that /etc/shells lists.
    shell = found["etc/passwd"].data.splitlines()[0].split(b":")[-1]
    assert shell in found["etc/shells"].data.splitlines()
    assert not [name for name in found if "authorized_keys" in name or "host_key" in name]


def test_modules_are_listed_dependencies_first(kernel, image):
    found = tree(image)
    builtin = set(kernel.modules.builtin())
    loaded = set(builtin)
    for file in found["modules/order"].data.decode().splitlines():
        assert set(modinfo.parse(found[f"modules/{file}"].data).depends) <= loaded
        loaded.add(file.removesuffix(".ko"))
    assert set(architectures.load(kernel.arch).modules) <= loaded
    # Nothing else: the kernel unpacks all of it at each boot.
    files = {f"modules/{name}.ko" for name in loaded - builtin}
    assert files == {name for name in found if name.endswith(".ko")}


def test_a_kernel_without_modules_has_an_empty_list(kernel, new_cache):
    new_cache()
    found = tree(build(kernel, modules=None).path.read_bytes())
    assert found["modules/order"].data == b""
    assert not [name for name in found if name.endswith(".ko")]


def test_the_keys_go_behind_it(image):
    overlay = Keys().overlay()
    assert len(image) % 4 == len(overlay) % 4 == 0
    found = tree(image + overlay)
    assert set(found) == set(tree(image)) | set(tree(overlay))
    assert stat.S_IMODE(found["root"].mode) == 0o700


def test_two_at_once_build_one(x86_64, new_cache, caplog):
    caplog.set_level("INFO", "harness")
    folder = new_cache()
    threads = [threading.Thread(target=build, args=[x86_64]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caplog.text.count("building the guest image") == 1
    assert len(list(folder.glob("images/*.cpio"))) == 1


def test_a_build_that_fails_leaves_nothing(x86_64, new_cache):
    folder = new_cache()
    recipe = dataclasses.replace(architectures.load(x86_64.arch), packages=("busybox-static",))
    with pytest.raises(InputError, match="usr/sbin/dropbear"):
        initramfs.build(recipe, x86_64)
    assert [p.suffix for p in (folder / "images").iterdir()] == [".lock"]
