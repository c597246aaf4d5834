# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip
import re
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import PACK, repacked, zboot

from harness.errors import InputError
from harness.kernels import compression, images

FORMATS = {"x86_64": "bzImage", "i386": "bzImage", "arm64": "Image", "arm": "zImage"}


# As small as an Image can be: for methods that take seconds to pack a real one.
TINY = bytes(0x38) + b"ARMd" + bytes(4096) + b"Linux version 6.1.0-1 (a@b) #1 Debian 6.1.176-1 (x)"
SLOW = {"bzip2", "lzma", "lzo", "xz"}
TWICE = gzip.compress(gzip.compress(TINY))


def says(data: bytes) -> tuple[str, str, str, str]:
    image = images.identify(data, "x")
    found = images.release(image, images.unpacked(data, image))
    assert found is not None
    return image.format, image.machine, *found


@pytest.mark.parametrize("machine", FORMATS)
def test_real_images(samples, machine):
    kind, found, release, version = says(samples[machine])
    assert (kind, found) == (FORMATS[machine], machine)
    assert release.startswith("6.1.0-")
    assert re.match(r"6\.1\.\d{3}-", version), "the package's version, from the banner"
    assert kind in images.FORMATS[machine]


@pytest.mark.parametrize("way", sorted(PACK))
def test_packed_arm64_images(arm64_image, way):
    if way in SLOW:
        arm64_image = TINY
    plain = says(arm64_image)
    suffix = compression.SUFFIXES[way.partition("-")[0]]
    assert says(PACK[way](arm64_image)) == (f"Image{suffix}", *plain[1:])
    assert says(zboot(arm64_image, way)) == ("zboot", *plain[1:])
    assert says(gzip.compress(zboot(arm64_image, way), 1)) == ("zboot.gz", *plain[1:])


@pytest.mark.parametrize(
    ("machine", "way"),
    [("x86_64", way) for way in sorted({*PACK} - SLOW)] + [("i386", "lz4-legacy")],
)
def test_a_bzimage_with_its_kernel_packed_in_each_way(samples, machine, way):
    whole = images.unpacked(samples[machine], images.identify(samples[machine], "x"))
    data = repacked(samples[machine], way)
    assert says(data) == says(samples[machine])
    image = images.identify(data, "x")
    assert images.unpacked(data, image) == whole
    # Less than the header says: a method without an end mark is noticed, too.
    at, length = image.payloads[0]
    wrong = data[: at + length - 4] + bytes([data[at + length - 4] ^ 1]) + data[at + length - 3 :]
    with pytest.raises(compression.DamagedError, match="its payload unpacks to"):
        images.unpacked(wrong, image)


@pytest.mark.parametrize("way", ["lz4-legacy", "lzo", "zstd"])
def test_a_zimage_with_its_kernel_packed_in_each_way(zimage, way):
    image = images.identify(zimage, "x")
    kernel = images.unpacked(zimage, image)
    starts = [at for at, _ in image.payloads]
    # The decompressor has the magic numbers that it looks for, too.
    head = zimage[: starts[0]] + PACK[way](b"")[:9].ljust(64, b"\0")
    data = bytearray(head + PACK[way](kernel) + len(kernel).to_bytes(4, "little") + b"GOT" * 99)
    data[0x2C:0x30] = (int.from_bytes(data[0x28:0x2C], "little") + len(data)).to_bytes(4, "little")
    assert says(bytes(data)) == says(zimage)
    assert images.unpacked(bytes(data), images.identify(bytes(data), "x")) == kernel


def test_the_kernel_proper_is_unpacked(samples):
    for data in samples.values():
        kernel = images.unpacked(data, images.identify(data, "x"))
        assert b"Linux version " in kernel
        assert b"userfaultfd" in kernel


@pytest.mark.parametrize("machine", FORMATS)
@pytest.mark.parametrize("share", [0.2, 0.9, 0.995])
def test_truncated_images_say_so(samples, machine, share):
    data = samples[machine]
    cut = data[: int(len(data) * share)]
    with pytest.raises(InputError, match=rf"x is a truncated .*{len(cut)} bytes.*says \d+"):
        images.identify(cut, "x")


@pytest.mark.parametrize("way", sorted(PACK))
def test_a_start_that_is_damaged_says_so(way):
    data = PACK[way](TINY)
    with pytest.raises(InputError, match=r"x is a truncated or damaged \S+: its .*; copy it again"):
        images.identify(data[:16], "x")


def test_truncated_packed_images_say_so(arm64_image):
    for whole in (gzip.compress(arm64_image, 1), zboot(arm64_image)):
        with pytest.raises(InputError, match="x is a truncated"):
            images.identify(whole[: len(whole) * 2 // 3], "x")


def test_a_device_tree_may_follow_a_zimage(zimage):
    assert says(zimage + b"\xd0\x0d\xfe\xed" + bytes(1000)) == says(zimage)


def test_a_damaged_payload_is_noticed(bzimage):
    image = images.identify(bzimage, "x")
    at, length = image.payloads[0]
    damaged = bytearray(bzimage)
    damaged[at + length // 2 : at + length // 2 + 100] = bytes(100)
    with pytest.raises(compression.DamagedError):
        images.unpacked(bytes(damaged), image)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty"),
        (b"hello\nworld\n", "text, starting 'hello'"),
        (b"070701" + b"0" * 200, "initramfs"),
        (gzip.compress(b"070701" + b"0" * 200, mtime=0), "gzip data of an initramfs"),
        (gzip.compress(b"hello", mtime=0), "gzip data of text"),
        (b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(99), "vmlinux.*bzImage"),
        (b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 1, 183) + bytes(99), "arm64.*module"),
        (
            b"MZ".ljust(0x3C, b"\0")
            + struct.pack("<I", 0x40)
            + b"PE\0\0\x64\x86"
            + bytes(99)
            + b".linux\0\0",
            "a unified kernel image for x86_64: give the kernel that is in it",
        ),
        (b"MZ" + bytes(99), "an EFI program for an unknown machine that is no kernel"),
        (b"\xed\xab\xee\xdb\x03" + bytes(99), "an RPM package: unpack it .rpm2cpio FILE"),
        (TWICE, "gzip data of gzip data of a kernel .Image"),
        (b"!<arch>\ndebian-binary", "Debian package"),
        (b"\x27\x05\x19\x56" + bytes(60), "uImage"),
        (bytes(257) + b"ustar" + bytes(300), "tar archive"),
        (b"\x00\x01\x02\x03" * 100, "starting with the bytes 00 01 02 03"),
    ],
)
def test_what_is_no_kernel_is_described(data, found):
    with pytest.raises(InputError, match=f"x is not a kernel image.*{found}"):
        images.identify(data, "x")


def check(data: bytes) -> None:
    """Whatever the bytes, the parsers answer, or raise what they say they raise."""
    try:
        image = images.identify(data, "x")
        images.release(image, images.unpacked(data, image))
    except (InputError, compression.DamagedError):
        pass


@given(st.binary(max_size=2000))
def test_any_bytes(data):
    check(data)


HEADS = {
    "bzImage": {0x1FE: b"\x55\xaa", 0x202: b"HdrS"},
    "Image": {0: b"MZ", 0x38: b"ARMd"},
    "zboot": {0: b"MZ\0\0zimg"},
    "zImage": {0x24: b"\x18\x28\x6f\x01"},
    "gzip": {0: b"\x1f\x8b\x08"},
}


@given(st.sampled_from(sorted(HEADS)), st.binary(min_size=0x400, max_size=0x800))
def test_any_bytes_after_a_right_magic(head, data):
    broken = bytearray(data)
    for at, magic in HEADS[head].items():
        broken[at : at + len(magic)] = magic
    check(bytes(broken))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    machine=st.sampled_from(sorted(FORMATS)),
    at=st.integers(0, 0x400),
    patch=st.binary(min_size=1, max_size=16),
    share=st.floats(0, 1),
)
def test_real_headers_damaged(samples, machine, at, patch, share):
    data = bytearray(samples[machine][: int(0x10000 * share)])
    data[at : at + len(patch)] = patch
    check(bytes(data))
