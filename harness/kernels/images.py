# SPDX-License-Identifier: GPL-2.0-only
"""Tell what a kernel image is from its bytes: format, architecture, release, whole or not."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from harness.errors import InputError
from harness.kernels import compression

# Recipe.kernel_machine -> the image formats that boot on it, some once they are unpacked.  Any of
# them may be compressed once more: "Image.gz", "bzImage.xz".
FORMATS = {
    "x86_64": ("bzImage",),
    "i386": ("bzImage",),
    "arm64": ("Image", "zboot"),
    "arm": ("zImage",),
}
# ELF's e_machine and PE's Machine, as far as kernels are concerned.
_ELF_MACHINES = {3: "i386", 62: "x86_64", 40: "arm", 183: "arm64"}
_PE_MACHINES = {0x8664: "x86_64", 0x14C: "i386", 0xAA64: "arm64", 0x1C2: "arm", 0x1C0: "arm"}
# First bytes of what people give by mistake.
_OTHERS = {
    b"07070": "an initramfs (cpio)",
    b"!<arch>": "a Debian package or ar archive",
    b"QFI\xfb": "a QEMU disk image",
    b"\xed\xab\xee\xdb": "an RPM package: unpack it (rpm2cpio FILE | cpio -idm) and name the "
    "folder that then has boot/ or lib/modules/ in it",
    b"\x27\x05\x19\x56": "a U-Boot uImage: give the zImage or Image instead",
    b"\xd0\x0d\xfe\xed": "a device tree or FIT image",
}
# "Linux version 6.1.0-50-amd64 (debian-kernel@...) (gcc ...) #1 SMP ... Debian 6.1.176-1 (...)"
_BANNER = re.compile(rb"Linux version (\d[\x21-\x7e]*) \([^\n\0]{0,600}")
# The first banner in an image may be the template that has no build number yet: "# SMP".
_DEBIAN = re.compile(r"#[^#\n]* Debian (\d\S+) \(")
# Where a stream of a payload may start; lzma's magic is too short to search for alone.
_STREAMS = re.compile(
    rb"\x1f\x8b\x08\x00|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|\x5d\x00\x00..\xff\xff\xff\xff\xff\xff\xff\xff|\x02\x21\x4c\x18|\x89LZO\x00\r\n\x1a\n",
    re.DOTALL,
)
# Bytes that every kernel has told its format in.
_TELLING = 0x206
# More matches than this are chance.
_CANDIDATES = 64


@dataclass(frozen=True)
class Image:
    """What an image file is."""

    # A name of FORMATS, and ".gz" or the like when the file as a whole is compressed once more.
    format: str
    # A key of FORMATS.
    machine: str
    # Where the compressed part may be, as offsets and lengths in bytes: the first one that
    # decompresses is it.  Empty when nothing is compressed.
    payloads: tuple[tuple[int, int], ...]
    # What its header says of the kernel, as uname -r and -v would; None without such a header.
    header_banner: str | None
    # What the file decompresses to, when it is compressed as a whole.
    inner: Image | None = None


def identify(data: bytes, name: str) -> Image:
    """Tell what ``data``, the contents of the file ``name``, is.

    Raises InputError that says what was found instead, or how much of the image is missing.
    """
    if kind := _kind(data):
        return _PARSERS[kind](data, name)
    method = compression.method(data)
    start = compression.start(data) if method else b""
    kind = _kind(start)
    if method is None or (len(start) >= _TELLING and kind is None):
        message = f"{name} is not a kernel image that QEMU boots: it is {describe(data)}"
        raise InputError(message)
    # With less of a start (a first block that is cut off) it may be any image.
    packed = f"{kind or 'file'}{compression.SUFFIXES[method]}"
    try:
        plain = compression.decompress(data)
    except compression.DamagedError as error:
        message = f"{name} is a truncated or damaged {packed}: {error}; copy it again"
        raise InputError(message) from error
    if kind is None:
        raise InputError(f"{name} is not a kernel image that QEMU boots: it is {describe(data)}")
    inner = _PARSERS[kind](plain, name)
    return Image(packed, inner.machine, ((0, len(data)),), inner.header_banner, inner)


def unwrapped(data: bytes, image: Image) -> bytes:
    """Return what ``data`` decompresses to, one layer; itself when nothing is compressed.

    Raises compression.DamagedError.
    """
    damage: compression.DamagedError | None = None
    found: list[bytes] = []
    for at, length in image.payloads:
        try:
            kernel = _payload(data[at : at + length], image)
        except compression.DamagedError as error:
            damage = damage or error
            continue
        if len(image.payloads) == 1 or _BANNER.search(kernel):
            return kernel
        found.append(kernel)
    if damage and not found:
        raise damage
    return found[0] if found else data


def unpacked(data: bytes, image: Image) -> bytes:
    """Return the kernel proper out of ``data``; raises compression.DamagedError."""
    kernel = unwrapped(data, image)
    return kernel if image.inner is None else unpacked(kernel, image.inner)


def _payload(packed: bytes, image: Image) -> bytes:
    kernel = compression.decompress(packed)
    # On x86 the unpacked size stands at the payload's end (boot/compressed/mkpiggy.c reads it
    # there): some methods have neither an end mark nor a checksum.
    if image.format == "bzImage" and compression.method(packed):
        stated = _u32(packed, len(packed) - 4)
        if len(kernel) != stated:
            message = f"its payload unpacks to {len(kernel)} bytes, its end says {stated}"
            raise compression.DamagedError(message)
    return kernel


def release(image: Image, kernel: bytes) -> tuple[str, str] | None:
    """Return the release (uname -r) and the most precise version that the image states.

    They differ for Debian's: ``6.1.0-50-amd64`` and ``6.1.176-1``.  ``kernel`` is the kernel
    proper (unpacked()).  None when the image does not say.
    """
    banner = image.header_banner
    if banner is None and (found := _BANNER.search(kernel)):
        banner = found[0].decode(errors="replace").removeprefix("Linux version ")
    if not banner:
        return None
    name = banner.split(" ", maxsplit=1)[0]
    debian = _DEBIAN.search(banner)
    return name, debian[1] if debian else name


def describe(data: bytes) -> str:
    """Return in words what ``data`` is, for an error message about a file that is no kernel."""
    if found := next((what for magic, what in _OTHERS.items() if data.startswith(magic)), None):
        return found
    if kind := compression.method(data):
        inner = compression.start(data)
        return f"{kind} data" + (f" of {describe(inner)}" if inner and inner != data else "")
    if kind := _kind(data):
        return f"a kernel ({kind})"
    if data[:4] == b"\x7fELF":
        machine = _ELF_MACHINES.get(_u16(data, 18), "another machine")
        what = "a module or object file" if _u16(data, 16) == 1 else "a vmlinux or program"
        found = f"an ELF file for {machine} ({what}): give the bzImage, Image or zImage instead"
    elif data[:2] == b"MZ":
        machine = _PE_MACHINES.get(_pe_machine(data), "an unknown machine")
        found = f"an EFI program for {machine} that is no kernel, or a kernel's first bytes only"
        if b".linux\0\0" in data[:4096]:
            found = f"a unified kernel image for {machine}: give the kernel that is in it instead"
    elif data[257:262] == b"ustar":
        found = "a tar archive"
    elif all(byte >= 0x20 or byte in b"\t\n\r\f\x1b" for byte in data[:4096]):
        line = data[:4096].decode(errors="replace").lstrip().split("\n")[0][:40]
        found = f"text, starting '{line}'" if data else "empty"
    else:
        found = f"something unknown, starting with the bytes {data[:8].hex(' ')}"
    return found


def _kind(data: bytes) -> str | None:
    """Name the format of a kernel, not compressed as a whole, by its magic number."""
    if data[0x202:0x206] == b"HdrS" and _u16(data, 0x1FE) == 0xAA55:
        return "bzImage"
    if data[0x38:0x3C] == b"ARMd":
        return "Image"
    if data[:2] == b"MZ" and data[4:8] == b"zimg":
        return "zboot"
    return "zImage" if _u32(data, 0x24) == 0x016F2818 else None


def _bzimage(data: bytes, name: str) -> Image:
    """x86: Documentation/arch/x86/boot.rst."""
    protected = ((data[0x1F1] or 4) + 1) * 512
    # syssize counts 16-byte paragraphs of the protected-mode part.
    _check_length(data, name, "bzImage", max(protected + _u32(data, 0x1F4) * 16, _pe_end(data)))
    protocol = _u16(data, 0x206)
    payloads: tuple[tuple[int, int], ...] = ()
    if protocol >= 0x208:
        payloads = ((protected + _u32(data, 0x248), _u32(data, 0x24C)),)
    wide = protocol >= 0x20C and _u16(data, 0x236) & 1  # XLF_KERNEL_64
    banner = None
    if pointer := _u16(data, 0x20E):
        text = data[0x200 + pointer : 0x200 + pointer + 512].split(b"\0")[0]
        banner = text.decode(errors="replace")
    return Image("bzImage", "x86_64" if wide else "i386", payloads, banner)


def _arm64_image(data: bytes, name: str) -> Image:
    """Documentation/arch/arm64/booting.rst; its image_size counts what is not in the file."""
    _check_length(data, name, "Image", max(_pe_end(data), 4096))
    return Image("Image", "arm64", (), None)


def _zboot(data: bytes, name: str) -> Image:
    """A kernel inside an EFI program: drivers/firmware/efi/libstub/zboot-header.S."""
    at, length = _u32(data, 8), _u32(data, 12)
    _check_length(data, name, "EFI zboot image", max(at + length, _pe_end(data)))
    machine = _PE_MACHINES.get(_pe_machine(data), "unknown")
    return Image("zboot", machine, ((at, length),), None)


def _zimage(data: bytes, name: str) -> Image:
    """arch/arm/boot/compressed/head.S; a device tree may follow the end it states."""
    length = (_u32(data, 0x2C) - _u32(data, 0x28)) & 0xFFFFFFFF
    _check_length(data, name, "zImage", length)
    # The decompressor contains the magic it looks for, so the first match may not be it.
    starts = [match.start() for match in _STREAMS.finditer(data, 0x400)][:_CANDIDATES]
    return Image("zImage", "arm", tuple((at, length - at) for at in starts), None)


_PARSERS = {"bzImage": _bzimage, "Image": _arm64_image, "zboot": _zboot, "zImage": _zimage}


def _check_length(data: bytes, name: str, what: str, expected: int) -> None:
    if len(data) < expected:
        message = (
            f"{name} is a truncated {what}: it has {len(data)} bytes, "
            f"its header says {expected}; copy it again"
        )
        raise InputError(message)


def _pe_header(data: bytes) -> int | None:
    """Return where the PE header is, None without one (kernels without CONFIG_EFI_STUB)."""
    at = _u32(data, 0x3C)
    return at if data[:2] == b"MZ" and data[at : at + 4] == b"PE\0\0" else None


def _pe_machine(data: bytes) -> int:
    at = _pe_header(data)
    return 0 if at is None else _u16(data, at + 4)


def _pe_end(data: bytes) -> int:
    """Return where the last section of a PE file ends, 0 without a PE header.

    A signature may follow; nobody needs it to boot.
    """
    at = _pe_header(data)
    if at is None:
        return 0
    table = at + 24 + _u16(data, at + 20)
    rows = [table + 40 * row for row in range(_u16(data, at + 6))]
    return max((_u32(data, row + 16) + _u32(data, row + 20) for row in rows), default=0)


def _u16(data: bytes, at: int) -> int:
    """Read 16 bits, zero beyond the end: a header cut off is caught by its length."""
    return int(struct.unpack("<H", data[at : at + 2].ljust(2, b"\0"))[0])


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack("<I", data[at : at + 4].ljust(4, b"\0"))[0])
