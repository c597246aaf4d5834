# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that crash where a test says: Debian's, with one instruction overwritten.

arm64's, as its Image is not compressed: what is at an address is at that offset of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.image.modules import closure

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.guest.guest import Guest
    from harness.kernels.kernel import Kernel

_MAGIC = slice(0x38, 0x3C)  # Documentation/arch/arm64/booting.rst
_ENTRY = "primary_entry"
_UDF = bytes(4)  # UDF #0, permanently undefined: "Oops - Undefined instruction"
# Behind the landing pad, the two that ftrace replaces, and the saving of the frame.
_BEHIND_ENTRY = 0x14


def offsets(guest: Guest, image: bytes, *functions: str) -> dict[str, int]:
    """Return where ``functions`` are in the ``image`` that ``guest`` runs, in bytes.

    KASLR moves all of them alike; the image's second instruction branches to primary_entry.
    """
    names = "|".join([_ENTRY, *functions])
    argv = ["grep", "-E", f" [tT] ({names})$", "/proc/kallsyms"]
    said = guest.ssh.run(argv, timeout=120.0).stdout.decode()
    found = {
        fields[2]: int(fields[0], 16) for line in said.splitlines() if (fields := line.split())
    }
    branch = int.from_bytes(image[4:8], "little")
    assert branch >> 26 == 0b000101, "b imm26"
    start = found[_ENTRY] - (4 + 4 * (branch & 0x3FFFFFF))
    return {name: found[name] - start for name in functions}


def crashing(image: bytes, function: int) -> bytes:
    """Return ``image`` with a crash in the function at the offset ``function``."""
    assert image[_MAGIC] == b"ARM\x64"
    at = function + _BEHIND_ENTRY
    assert 0 < at < len(image)
    return image[:at] + _UDF + image[at + 4 :]


def write_modules(kernel: Kernel, recipe: Recipe, folder: Path) -> None:
    """Write the modules that guests need, and the lists of them, as a build tree has them."""
    names = [*recipe.modules, *recipe.card(kernel.config).modules]
    names += [name for each in recipe.modules_on_demand.values() for name in each]
    found = closure(names, kernel.modules)
    for name, contents in found:
        (folder / f"{name}.ko").write_bytes(contents)
    (folder / "modules.order").write_text("".join(f"{name}.ko\n" for name, _ in found))
    assert kernel.modules is not None
    builtin = sorted(kernel.modules.builtin())
    (folder / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in builtin))


def config_text(kernel: Kernel) -> str:
    """Return the kernel's configuration as a .config has it."""
    assert kernel.config is not None
    return "".join(f"{name}={value}\n" for name, value in kernel.config.items())
