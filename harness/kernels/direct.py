# SPDX-License-Identifier: GPL-2.0-only
"""Take the kernel proper out of an image that unpacks itself, for QEMU to boot directly.

Under emulation an x86 bzImage spends more than half of its boot unpacking itself.  The host does
that once, in a second, and QEMU enters the ELF file that comes out where its note of type 18 says
(PVH, CONFIG_PVH since Linux 5.0: xen/include/public/arch-x86/hvm/start_info.h).  What comes out of
a zImage of 32-bit arm is put where the architecture's file says, by way of U-Boot's header, which
QEMU reads.  What differs from a normal boot: the decompressor does not run, so an x86 kernel's
text is where it was linked, whatever CONFIG_RANDOMIZE_BASE says.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from harness.host.cache import cache_dir, host_errors, locked, new_file
from harness.kernels import compression, images

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

# Raise it when what is kept changes.
_GENERATION = "direct-1"
# XEN_ELFNOTE_PHYS32_ENTRY of xen/include/public/elfnote.h: where 32-bit code is entered.
_PHYS32_ENTRY = 18


def unpack(kernel: Kernel, recipe: Recipe) -> Path | None:
    """Return the file that ``kernel`` is booted directly from; None when it cannot be.

    It is kept in the cache by the image's hash.  Raises HostError when that cannot be read or
    written.
    """
    folder = cache_dir("kernels", _GENERATION)
    proper, without = folder / f"{kernel.sha256}.kernel", folder / f"{kernel.sha256}.none"
    with locked(proper), host_errors(f"cannot unpack {kernel.image}"):
        if proper.is_file():
            return proper
        if without.is_file():
            return None
        found = _bootable(kernel.image.read_bytes(), recipe)
        with new_file(without if found is None else proper) as temporary:
            temporary.write_bytes(found or b"")
    return proper if found is not None else None


def _bootable(data: bytes, recipe: Recipe) -> bytes | None:
    """Return what QEMU boots instead of the image ``data``; None when there is nothing."""
    image = images.identify(data, "the image")
    if image.format not in {"bzImage", "zImage"}:
        return None
    try:
        found = images.unpacked(data, image)
    except compression.DamagedError:
        return None
    if found is None:
        return None
    if image.format == "bzImage":
        return found if has_pvh_entry(found) else None
    return None if recipe.load_address is None else with_uboot_header(found, recipe.load_address)


def with_uboot_header(kernel: bytes, address: int) -> bytes:
    """Return ``kernel`` with a header that has it loaded and entered at ``address``.

    U-Boot's legacy format (include/image.h: struct legacy_img_hdr); QEMU's hw/core/loader.c
    reads it and checks no sums.
    """
    linux, arm, is_kernel, not_packed = 5, 2, 2, 0
    kinds = bytes([linux, arm, is_kernel, not_packed])
    name = b"kernel".ljust(32, b"\0")
    magic, sums, time = 0x27051956, 0, 0
    sizes = struct.pack(">7I", magic, sums, time, len(kernel), address, address, sums)
    return sizes + kinds + name + kernel


def has_pvh_entry(kernel: bytes) -> bool:
    """Return True if ``kernel`` is an ELF file with a note that says where PVH enters it."""
    try:
        segments = ELFFile(io.BytesIO(kernel)).iter_segments("PT_NOTE")
        each = [n for s in segments if isinstance(s, NoteSegment) for n in s.iter_notes()]
        # pyelftools knows no name for Xen's types and gives their numbers.
        notes: list[Any] = each
        return ("Xen", _PHYS32_ENTRY) in [(note["n_name"], note["n_type"]) for note in notes]
    except Exception:  # noqa: BLE001 (of a damaged file pyelftools raises whatever it trips over)
        return False
