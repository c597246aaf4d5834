# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import json
import logging
import os
import shutil
import tarfile

import pytest
from packing import PACK, TOOLS, with_tool

from harness.architectures import load
from harness.errors import InputError
from harness.kernels import compression
from harness.kernels.find import find
from harness.kernels.tuxmake import artifacts, modules_tar

X86 = load("x86_64")
KO = b"\x7fELF a module"
CONFIG = "CONFIG_USERFAULTFD=y\n"

pytestmark = pytest.mark.usefixtures("own_cache")


def tar_of(files: dict[str, bytes]) -> bytes:
    """A tar archive as GNU tar writes it, of ``files``."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture
def build(bzimage, tmp_path):
    """A folder as tuxmake fills it, but for the modules."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "bzImage").write_bytes(bzimage)
    (folder / "config").write_text(CONFIG)
    (folder / "System.map").write_text("ffffffff81000000 T _text\n")
    (folder / "metadata.json").write_text("{}")
    return folder


@pytest.fixture
def modules(release):
    root = f"lib/modules/{release}"
    return tar_of({f"{root}/kernel/virtio_net.ko": KO, f"{root}/modules.builtin": b"k/ext4.ko\n"})


def check(kernel, folder):
    assert kernel.config == {"CONFIG_USERFAULTFD": "y"}
    assert kernel.system_map == folder / "System.map"
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") == KO
    assert kernel.modules.builtin() == {"ext4"}
    assert kernel.advice == ""


@pytest.mark.parametrize("way", [*sorted(PACK), ""])
def test_modules_in_a_tar_of_any_kind(build, modules, way):
    suffix = compression.SUFFIXES[way.partition("-")[0]] if way else ""
    packed = PACK[way](modules) if way else modules
    (build / f"modules.tar{suffix}").write_bytes(packed)
    kernel = find(str(build), X86)
    check(kernel, build)
    assert kernel.origin == f"tuxmake build {build}"
    # The image named by itself has the same.
    check(find(str(build / "bzImage"), X86), build)


@pytest.mark.parametrize("way", sorted(TOOLS))
def test_as_the_tools_pack_them(build, modules, way):
    if not shutil.which(TOOLS[way][0]):
        pytest.skip(f"{TOOLS[way][0]} is not installed; the same is tested as packed in Python")
    (build / f"modules.tar{compression.SUFFIXES[way.partition('-')[0]]}").write_bytes(
        with_tool(way, modules)
    )
    check(find(str(build), X86), build)


@pytest.mark.parametrize("name", ["modules.tgz", "modules.tbz2", "modules.txz", "modules.tzst"])
def test_short_suffixes(build, modules, name):
    way = {"g": "gzip", "b": "bzip2", "x": "xz", "z": "zstd"}[name[9]]
    (build / name).write_bytes(PACK[way](modules))
    check(find(str(build), X86), build)


@pytest.mark.parametrize("way", sorted(PACK))
@pytest.mark.parametrize("broken", ["truncated", "no tar", "another suffix"])
def test_one_that_cannot_be_read_is_an_error_that_names_it(build, modules, way, broken):
    suffix = compression.SUFFIXES[way.partition("-")[0]]
    data = {
        "truncated": PACK[way](modules)[:-14],
        "no tar": PACK[way](b"hello" * 1000),
        "another suffix": b"PK\3\4" + bytes(1000),
    }[broken]
    (build / f"modules.tar{suffix}").write_bytes(data)
    for spec in (build, build / "bzImage"):
        with pytest.raises(InputError, match=rf"/modules\.tar{suffix} is (a truncated|not a tar)"):
            find(str(spec), X86)


@pytest.mark.parametrize("suffix", [".gz", ".Z", ".br", ".7z", ""])
def test_one_in_a_way_that_is_not_read(build, suffix):
    (build / f"modules.tar{suffix}").write_bytes(b"\x1f\x9d\x90" + bytes(100))
    with pytest.raises(InputError, match=rf"/modules\.tar{suffix} is not a tar archive"):
        find(str(build), X86)


@pytest.mark.parametrize("content", ["builtin only", "nothing"])
def test_an_archive_without_modules_is_an_empty_set(build, release, content):
    files = {f"lib/modules/{release}/modules.builtin": b"kernel/drivers/net/virtio_net.ko\n"}
    (build / "modules.tar.xz").write_bytes(
        PACK["xz"](tar_of(files if content != "nothing" else {}))
    )
    kernel = find(str(build), X86)
    assert kernel.modules is not None
    assert kernel.modules.read("virtio_net") is None
    assert kernel.modules.builtin() == ({"virtio_net"} if content != "nothing" else frozenset())


def test_signatures_and_parts_of_downloads_are_not_taken(build, modules):
    for name in ("modules.tar.xz.sig", "modules.tar.xz.sha256", "modules.tar.part", "modules.txt"):
        (build / name).write_bytes(b"x")
    assert modules_tar(build) is None
    (build / "modules.tar.xz").write_bytes(PACK["xz"](modules))
    assert modules_tar(build) == build / "modules.tar.xz"


def test_of_several_the_newest(build, modules, caplog):
    caplog.set_level(logging.INFO, "harness")
    for age, name in enumerate(["modules.tar.xz", "modules.tar.gz", "modules.tar"]):
        (build / name).write_bytes(b"x")
        os.utime(build / name, (10**9, 10**9 - age))
    (build / "modules.tar").write_bytes(modules)
    check(find(str(build), X86), build)
    assert "taking" in caplog.text
    assert "modules.tar, not the older modules.tar.xz, modules.tar.gz" in caplog.text


def describe(folder, **named):
    """Write the part of tuxmake's metadata.json that names the artifacts."""
    text = json.dumps({"results": {"status": "PASS", "artifacts": named}})
    (folder / "metadata.json").write_text(text)


def test_metadata_names_the_artifacts(build, modules, caplog):
    caplog.set_level(logging.INFO, "harness")
    (build / "bzImage").rename(build / "my-kernel")
    (build / "bzImage").write_bytes(b"another")
    (build / "drivers.bin").write_bytes(PACK["zstd"](modules))
    (build / "modules.tar.xz").write_bytes(b"another")
    describe(build, config=["config"], kernel=["my-kernel"], modules=["drivers.bin"])
    kernel = find(str(build), X86)
    assert kernel.image == build / "my-kernel"
    check(kernel, build)


def test_artifacts_that_are_not_there_or_elsewhere_are_left_alone(build):
    describe(build, kernel=["gone", "../secret", "bzImage"], modules=[], dtbs=None)
    (build.parent / "secret").touch()
    assert artifacts(build, "kernel") == [build / "bzImage"]
    assert artifacts(build, "modules") == artifacts(build, "dtbs") == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"results": {}}', "null", "\xff"])
def test_metadata_of_another_program(build, text, modules):
    (build / "metadata.json").write_text(text)
    (build / "modules.tar").write_bytes(modules)
    check(find(str(build), X86), build)
