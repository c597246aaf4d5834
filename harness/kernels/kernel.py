# SPDX-License-Identifier: GPL-2.0-only
"""A kernel: an image, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from harness.kernels.config import Config
    from harness.kernels.version import Version


class Modules(Protocol):
    """Where a kernel's loadable modules come from."""

    def builtin(self) -> frozenset[str]:
        """Return the names of what could be a module but is built in (modules.builtin)."""
        ...

    def names(self) -> frozenset[str]:
        """Return the names of all modules there are files of."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the decompressed .ko called ``name``; None when there is none.

        Names are as lsmod prints them: ``_`` for ``-``, no path, no suffix.
        """
        ...

    def files(self) -> list[Path]:
        """Return the files and folders that what was read so far depends on."""
        ...


@dataclass(frozen=True)
class Kernel:
    """A kernel that QEMU can be given, and everything the harness knows of it."""

    # The harness's name of its architecture (a recipe's).
    arch: str
    # The file for QEMU's -kernel, in a format QEMU 7.2 boots.
    image: Path
    # As uname -r prints it.
    release: str
    # Upstream version with the patch level when it is known (Debian's release hides it).
    version: Version
    # What is known of its configuration.
    config: Config
    # None when the image came alone: then everything needed must be built in.
    modules: Modules | None
    # For people: "debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1", "bzImage /home/...".
    origin: str
    # Of the image file, in hex.
    sha256: str
    # Words that find this very kernel again, from any folder: with the package's version, or
    # an absolute path.
    spec: str = ""
    # The addresses of its functions (System.map), and the same with debug information (vmlinux),
    # where they stand beside it; None when they do not.
    system_map: Path | None = None
    vmlinux: Path | None = None
    # What it demands of its modules' vermagic= (include/linux/vermagic.h); None when the image
    # does not show it: it loads no modules, or cannot be unpacked here.
    vermagic: str | None = None
    # Drivers that may be built into the image (harness.kernels.inside); None when not known.
    drivers: tuple[str, ...] | None = None
    # What was found beside the image and does not belong to it, and other doubts; for people.
    notes: tuple[str, ...] = ()
    # Files and folders it was found by: while none of them changes, and until this time
    # (seconds since 1970; None for ever), the same words find the same kernel.
    files: tuple[Path, ...] = ()
    # Of one found without modules: what to name instead, or to put beside it; for the end of an
    # error message.
    advice: str = ""
    until: float | None = None
