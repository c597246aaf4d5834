# SPDX-License-Identifier: GPL-2.0-only
"""Take the .config out of a kernel built with CONFIG_IKCONFIG."""

from __future__ import annotations

from harness.kernels import compression

# kernel/configs.c puts the gzipped .config between these.
_START = b"IKCFG_ST"
_END = b"IKCFG_ED"


def extract(kernel: bytes) -> str | None:
    """Return the text of the .config in ``kernel``, the kernel proper; None without one."""
    at = kernel.find(_START)
    while at >= 0:
        end = kernel.find(_END, at)
        if end < 0:
            return None
        packed = kernel[at + len(_START) : end]
        try:
            if compression.method(packed) == "gzip":
                return compression.decompress(packed).decode(errors="replace")
        except compression.DamagedError:
            pass  # the marker's bytes by chance
        at = kernel.find(_START, at + 1)
    return None
