# SPDX-License-Identifier: GPL-2.0-only
"""Build the guest's initramfs: a pure function of its inputs, kept in the cache by hash."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from harness.architectures import IMAGES
from harness.host.cache import cache_dir, locked, new_file
from harness.image import cpio, modules, native, userland
from harness.image.image import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

log = logging.getLogger("harness")

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"


def _system() -> list[cpio.Entry]:
    """Return what is neither a program nor a module."""
    return [
        cpio.file("etc/fstab", (IMAGES / "fstab").read_bytes()),
        cpio.link("bin/sh", "busybox"),
        # The kernel opens it for PID 1 before init has mounted /dev.
        cpio.device("dev/console", 5, 1),
        *(cpio.folder(name) for name in ("proc", "sys", "root")),
        cpio.folder("tmp", 0o1777),
        cpio.file("etc/passwd", _PASSWD),
        cpio.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n"),
        cpio.file("etc/shells", b"/bin/sh\n"),
        cpio.file("etc/hostname", b"guest\n"),
    ]


def _modules(recipe: Recipe, kernel: Kernel) -> Iterator[cpio.Entry]:
    """Yield the modules that init loads, and the list that says in what order."""
    wanted = (*recipe.card(kernel.config).modules, *recipe.modules)
    needed = modules.closure(wanted, kernel.modules)
    yield cpio.file("modules/order", "".join(f"{name}.ko\n" for name, _ in needed).encode())
    for name, data in needed:
        yield cpio.file(f"modules/{name}.ko", data)


def assemble(recipe: Recipe, kernel: Kernel) -> bytes:
    """Return the archive for ``kernel``: the same inputs give the same bytes."""
    return cpio.archive(
        [
            *_system(),
            *userland.entries(recipe),
            cpio.file(native.INIT, native.build(recipe), 0o755),
            cpio.link(native.AGENT, f"/{native.INIT}"),
            *_modules(recipe, kernel),
        ]
    )


def _code() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.py"))


def _key(recipe: Recipe, kernel: Kernel) -> str:
    inputs = {
        # What this package makes of the rest.
        "code": [hashlib.sha256(path.read_bytes()).hexdigest() for path in _code()],
        "fstab": hashlib.sha256((IMAGES / "fstab").read_bytes()).hexdigest(),
        "init": hashlib.sha256(native.build(recipe)).hexdigest(),
        "arch": recipe.arch,
        "packages": recipe.packages,
        "suite": userland.SUITE,
        # Not the kernel's own hash: "make modules" leaves the kernel as it was.
        "modules": [(e.name, hashlib.sha256(e.data).hexdigest()) for e in _modules(recipe, kernel)],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def build(recipe: Recipe, kernel: Kernel) -> Image:
    """Return the initramfs for ``kernel``, from the cache when nothing changed.

    It is not compressed: unpacking under emulation costs more than loading a few MiB.
    Raises InputError and HostError as the userland, the modules and the agent do.
    """
    path = cache_dir("images") / f"{recipe.arch}-{_key(recipe, kernel)[:32]}.cpio"
    with locked(path):
        if not path.exists():
            log.info("building the guest image for %s, %s", recipe.arch, kernel.release)
            with new_file(path) as temporary:
                temporary.write_bytes(assemble(recipe, kernel))
    return Image(path, hashlib.sha256(path.read_bytes()).hexdigest())
