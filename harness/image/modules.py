# SPDX-License-Identifier: GPL-2.0-only
"""Which modules an image needs, in the order they are loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import modinfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.kernels.kernel import Modules
    from harness.kernels.modinfo import ModInfo


@dataclass(frozen=True)
class Resolved:
    """Modules, with all that they need."""

    # Name -> contents of the .ko, dependencies first.
    files: dict[str, bytes] = field(default_factory=dict)
    # Name -> what it says of itself.
    infos: dict[str, ModInfo] = field(default_factory=dict)
    # Names that were asked for or needed, of which the kernel has neither a file nor, as far as
    # is known, the code built in.
    absent: set[str] = field(default_factory=set)


def resolve(names: Iterable[str], modules: Modules | None) -> Resolved:
    """Return ``names`` and all they need, but for what is built into the kernel.

    Raises InputError, with the module's name, when one is damaged.
    """
    found = Resolved()
    if modules is None:
        found.absent.update(names)
        return found
    builtin = modules.builtin()

    def add(name: str) -> None:
        if name in found.files or name in builtin:
            return
        contents = modules.read(name)
        if contents is None:
            found.absent.add(name)
            return
        try:
            info = modinfo.parse(contents)
        except InputError as error:
            raise InputError(f"{name}.ko: {error}: make it again") from error
        for needed in info.depends:
            add(needed)
        found.files[name], found.infos[name] = contents, info

    for name in names:
        add(name)
    return found


def closure(names: Iterable[str], modules: Modules | None) -> list[tuple[str, bytes]]:
    """Return (name, .ko contents) of ``names`` and all they need, dependencies first.

    What is built into the kernel is left out, and so is what the kernel does not have at all:
    harness.image.preflight says what a guest cannot do without.
    """
    return list(resolve(names, modules).files.items())
