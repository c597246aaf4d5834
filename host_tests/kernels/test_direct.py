# SPDX-License-Identifier: GPL-2.0-only
"""What is booted in the place of an image that unpacks itself."""

from __future__ import annotations

import dataclasses
import hashlib
import struct

import pytest

from harness import architectures
from harness.kernels import direct
from harness.kernels.files import find_in_image

X86 = architectures.load("x86_64")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def found(tmp_path, data, arch="x86_64"):
    path = tmp_path / "image"
    path.write_bytes(data)
    return find_in_image(path, architectures.load(arch))


def elf(*notes, bits=64):
    """An ELF file with a segment that has ``notes``: pairs of a name and a type."""
    body = b"".join(
        struct.pack("<3I", len(name) + 1, 8, kind)
        + (name + b"\0").ljust((len(name) + 4) & ~3, b"\0")
        + bytes(8)
        for name, kind in notes
    )
    ident = b"\x7fELF" + bytes([bits // 32, 1, 1]).ljust(12, b"\0")
    if bits == 64:
        head = struct.pack("<2HI3QI6H", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        table = struct.pack("<2I6Q", 4, 4, 120, 0, 0, len(body), len(body), 4)
    else:
        head = struct.pack("<2HI3II6H", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        table = struct.pack("<8I", 4, 84, 0, 0, len(body), len(body), 4, 4)
    return ident + head + table + body


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    ("notes", "entered"),
    [
        ([(b"Xen", 18)], True),
        ([(b"GNU", 3), (b"Xen", 6), (b"Xen", 18)], True),
        ([(b"Xen", 6)], False),
        ([(b"GNU", 18)], False),
        ([], False),
    ],
)
def test_where_pvh_enters_is_said_in_a_note(notes, entered, bits):
    assert direct.has_pvh_entry(elf(*notes, bits=bits)) is entered


@pytest.mark.parametrize("data", [b"", b"\x7fELF", elf((b"Xen", 18))[:70], b"MZ" + bytes(500)])
def test_what_is_no_elf_file_has_no_entry(data):
    assert not direct.has_pvh_entry(data)


@pytest.mark.parametrize(("arch", "name"), [("x86_64", "bzimage"), ("i386", "bzimage_i386")])
def test_debians_x86_kernels_have_one(tmp_path, request, arch, name):
    kernel = found(tmp_path, request.getfixturevalue(name), arch)
    file = direct.unpack(kernel, architectures.load(arch))
    assert file.read_bytes()[:4] == b"\x7fELF"
    assert file.stat().st_size > 2 * kernel.image.stat().st_size
    stamp = file.stat().st_mtime_ns
    assert direct.unpack(kernel, architectures.load(arch)).stat().st_mtime_ns == stamp, "kept"


def test_a_zimage_is_put_where_the_architecture_says(tmp_path, zimage):
    file = direct.unpack(found(tmp_path, zimage, "armhf"), architectures.load("armhf"))
    magic, _, _, size, load, entry = struct.unpack(">6I", file.read_bytes()[:24])
    assert magic == 0x27051956
    assert load == entry == architectures.load("armhf").load_address
    assert size == file.stat().st_size - 64


def test_an_image_that_is_not_packed_stays_as_it_is(tmp_path, arm64_image):
    assert direct.unpack(found(tmp_path, arm64_image, "arm64"), architectures.load("arm64")) is None


def test_without_the_note_there_is_nothing_to_boot_and_that_is_kept(tmp_path, bzimage, monkeypatch):
    kernel = found(tmp_path, bzimage)
    monkeypatch.setattr(direct, "has_pvh_entry", lambda _: False)
    assert direct.unpack(kernel, X86) is None
    monkeypatch.undo()
    kernel.image.unlink()
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    assert direct.unpack(kernel, X86) is None, "not looked into again"


def test_another_image_is_another_file(tmp_path, bzimage):
    kernel = found(tmp_path, bzimage)
    other = hashlib.sha256(b"other").hexdigest()
    files = {direct.unpack(k, X86) for k in (kernel, dataclasses.replace(kernel, sha256=other))}
    assert len(files) == 2
