# SPDX-License-Identifier: GPL-2.0-only
"""Which modules an image needs, in the order they are loaded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.kernels.kernel import Modules


def dependencies(module: bytes) -> list[str]:
    """Return the names a .ko file says it depends on.

    They stand in its .modinfo section as ``depends=a,b`` (scripts/mod/modpost.c), which is
    what depmod writes modules.dep from.  Debian's packages have no modules.dep, so the
    source of it is read.  Raises InputError when ``module`` is not an ELF file.
    """
    try:
        section = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
        info = section.data() if section else b""
    except Exception as error:  # of a damaged file pyelftools raises whatever it trips over
        raise InputError(f"not a kernel module: {error or type(error).__name__}") from error
    for field in info.split(b"\0"):
        if field.startswith(b"depends="):
            names = field.removeprefix(b"depends=").decode("utf-8", "replace").split(",")
            return [name.replace("-", "_") for name in names if name]
    return []


def closure(names: Iterable[str], modules: Modules | None) -> list[tuple[str, bytes]]:
    """Return (name, .ko contents) of ``names`` and all they need, dependencies first.

    What is built into the kernel is left out, and so is what the kernel does not have at
    all: whether the guest can do without it shows when it boots, and init says what failed.
    """
    if modules is None:
        return []
    builtin = modules.builtin()
    found: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in found or name in builtin:
            return
        contents = modules.read(name)
        if contents is None:
            return
        for needed in dependencies(contents):
            add(needed)
        found[name] = contents

    for name in names:
        add(name)
    return list(found.items())
