# SPDX-License-Identifier: GPL-2.0-only
"""Kernel trees as make leaves them, without the hours of making them, and a kernel with a bug."""

from __future__ import annotations

import io
import shutil
import struct
from typing import TYPE_CHECKING

import zstandard
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path

_UD2 = b"\x0f\x0b"


def built(folder: Path, kernel: Path, image: Path | None = None) -> Path:
    """Make ``folder`` a built x86 tree: the files of ``kernel`` (its image in the cache, with its
    config and modules beside it), and ``image`` as its bzImage if it is given.
    """
    boot = folder / "arch" / "x86" / "boot"
    boot.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image or kernel, boot / "bzImage")
    shutil.copyfile(kernel.parent / "config", folder / ".config")
    drivers = folder / "drivers"
    drivers.mkdir(exist_ok=True)
    names = []
    for module in sorted((kernel.parent / "modules").glob("*.ko")):
        shutil.copyfile(module, drivers / module.name)
        names.append(f"drivers/{module.name}")
    (folder / "modules.order").write_text("".join(f"{name}\n" for name in names))
    shutil.copyfile(kernel.parent / "modules.builtin", folder / "modules.builtin")
    return folder


def with_bug(image: bytes, kernel: bytes, address: int) -> bytes:
    """Return the bzImage ``image`` of another ``kernel``: one that traps at ``address``.

    ``kernel`` is what ``image`` unpacks to, an ELF file, whose addresses are those it runs at.  The
    new one stands at the image's end.  Its own unpacker would still find the old one: it does not
    run any more, so that the kernel does not come up by that way either.
    """
    elf = ELFFile(io.BytesIO(kernel))
    [segment] = [
        s for s in elf.iter_segments("PT_LOAD") if 0 <= address - s["p_vaddr"] < s["p_filesz"]
    ]
    at = segment["p_offset"] + address - segment["p_vaddr"]
    bad = kernel[:at] + _UD2 + kernel[at + len(_UD2) :]
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
    start = (image[0x1F1] + 1) * 512
    payload, length = struct.unpack_from("<II", image, 0x248)
    broken = bytearray(image)
    code = start + payload + length
    broken[code : code + 16384] = bytes(16384)
    packed = zstandard.ZstdCompressor(level=1).compress(bad)
    struct.pack_into("<II", broken, 0x248, len(image) - start, len(packed) + 4)
    return bytes(broken) + packed + struct.pack("<I", len(bad))
