# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel proper, unpacked from an image, shows of how it was built."""

from __future__ import annotations

import io
import re

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

# Drivers that carry a guest's network, as struct device_driver's name or KBUILD_MODNAME.
_DRIVERS = ("virtio-net", "virtio_net", "virtio-pci", "virtio_pci", "virtio-mmio", "virtio_mmio")
_BANNER = re.compile(rb"Linux version \d[^\n\0]* #\d[^\n\0]*\n")
_FLAGS = re.compile(rb"[\w ]*(?=\0)")


def vermagic(kernel: bytes, release: str) -> str:
    """Return the vermagic= that the kernel ``release`` demands of modules; "" if it loads none.

    It stands in ``kernel`` as include/linux/vermagic.h makes it: the release, a blank, and flags
    such as ``SMP preempt mod_unload modversions aarch64``.
    """
    # Not a regular expression: there are 60 MB to search.
    start = release.encode() + b" "
    at = kernel.find(start)
    while at >= 0:
        if flags := _FLAGS.match(kernel, at + len(start)):
            return (start + flags[0]).decode()
        at = kernel.find(start, at + 1)
    return ""


def drivers(kernel: bytes) -> list[str]:
    """Return which of the drivers of a guest's network may be built in, as lsmod has them.

    A driver's name stands in ``kernel`` where it is built in: one that is not in the list is
    certainly not.
    """
    found = {name for name in _DRIVERS if name.encode() + b"\0" in kernel}
    return sorted({name.replace("-", "_") for name in found})


def banner(kernel: bytes) -> tuple[str, int] | None:
    """Return linux_banner (/proc/version) and where it stands; None when it is not found.

    That is its address as System.map has it where ``kernel`` is an ELF file (x86), and its
    distance from _text in a plain image (arm64, arm).
    """
    found = _BANNER.search(kernel)
    if found is None:
        return None
    text, at = found[0].decode("utf-8", "replace").rstrip("\n"), found.start()
    if not kernel.startswith(b"\x7fELF"):
        return text, at
    try:
        for segment in ELFFile(io.BytesIO(kernel)).iter_segments():
            if 0 <= at - segment["p_offset"] < segment["p_filesz"]:
                return text, int(segment["p_vaddr"] + at - segment["p_offset"])
    except (ELFError, ValueError):  # cut off by its compression, or no whole file
        pass
    return None
