# SPDX-License-Identifier: GPL-2.0-only
"""What a module (.ko) says of itself, and whether a kernel takes it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile

from harness.errors import InputError

# ELF's e_machine, as pyelftools spells it -> Recipe.kernel_machine.
_MACHINES = {"EM_386": "i386", "EM_X86_64": "x86_64", "EM_ARM": "arm", "EM_AARCH64": "arm64"}


@dataclass(frozen=True)
class ModInfo:
    """The parts of a module that decide whether it can be loaded."""

    # A Recipe.kernel_machine, or ELF's number or name of another one.
    machine: str
    # Names of the modules it needs, as lsmod prints them.
    depends: tuple[str, ...]
    # include/linux/vermagic.h: the release, a blank, flags; None without.
    vermagic: str | None
    # It has the checksums of the symbols that it uses (CONFIG_MODVERSIONS).
    versions: bool


def parse(module: bytes) -> ModInfo:
    """Read a decompressed .ko; InputError when it is no ELF file, or not whole.

    Its .modinfo section (scripts/mod/modpost.c) is what depmod(8) reads, too.  Debian's
    packages have no modules.dep, so the source of it is read.
    """
    try:
        elf = ELFFile(io.BytesIO(module))
        sections = {section.name: section for section in elf.iter_sections()}
        ends = {
            name: section["sh_offset"] + section["sh_size"]
            for name, section in sections.items()
            if section["sh_type"] != "SHT_NOBITS"
        }
        info = sections[".modinfo"].data() if ".modinfo" in sections else b""
        machine = str(elf["e_machine"])
    except Exception as error:  # of a damaged file pyelftools raises whatever it trips over
        raise InputError(f"not a kernel module: {error or type(error).__name__}") from error
    if cut := [name for name, end in ends.items() if end > len(module)]:
        raise InputError(f"not a kernel module: its section {cut[0]} is cut off")
    fields = [field.decode("utf-8", "replace").partition("=") for field in info.split(b"\0")]
    values = {key: value for key, _, value in reversed(fields)}
    depends = values.get("depends", "").replace("-", "_").split(",")
    return ModInfo(
        machine=_MACHINES.get(machine, machine),
        depends=tuple(name for name in depends if name),
        vermagic=values.get("vermagic"),
        versions="__versions" in sections,
    )


def refusal(module: ModInfo, machine: str, release: str, vermagic: str | None) -> str | None:
    """Return why the kernel does not load ``module``; None when it does, as far as can be told.

    ``machine``, ``release`` and ``vermagic`` (harness.kernels.inside) are the kernel's; without
    a known vermagic the release alone is compared.  It goes by the kernel's own rule
    (check_modinfo and same_magic in kernel/module/): the strings must be equal, but where both
    have checksums of symbols (CONFIG_MODVERSIONS) the release does not count.  Whether those
    checksums fit is seen only in the guest.
    """
    if module.machine != machine:
        return f"built for {module.machine}, its image is for {machine}"
    if vermagic == "":
        return "of no use to it, its image was built without CONFIG_MODULES"
    if module.vermagic is None:
        return "without a vermagic, which its image demands"
    built_for, _, flags = module.vermagic.partition(" ")
    wanted = vermagic if vermagic is not None else f"{release} {flags}"
    versions = module.versions and "modversions" in wanted.split()
    same = flags == wanted.partition(" ")[2] if versions else module.vermagic == wanted
    if same:
        return None
    if built_for != release:
        return f"built for {built_for}, its image is {release}"
    return f"built for '{module.vermagic.strip()}', its image demands '{wanted.strip()}'"
