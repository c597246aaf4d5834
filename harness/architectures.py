# SPDX-License-Identifier: GPL-2.0-only
"""The architectures: what differs between them, read from ``images/<arch>.toml``."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
GUEST_TESTS = ROOT / "guest_tests"

T = TypeVar("T")


@dataclass(frozen=True)
class Quirk:
    """A splat that is an accelerator's doing, not the kernel's."""

    # Regular expression, searched for in the lines of the first splat.
    splat: str
    # What goes wrong, and in which version.
    why: str


@dataclass(frozen=True)
class Accelerator:
    """How to run a guest with one of QEMU's accelerators."""

    # QEMU's -cpu argument.
    cpu: str
    # Why this CPU model: the quirk it avoids, the version that has it.
    why: str
    # Factor on every timeout, 1.0 being hardware virtualisation.
    timeout_scale: float
    # The -cpu that one takes who has not looked into it, which the bench compares with; None: cpu.
    plain: str | None = None
    # What a stock kernel's work costs, in units of a program's (images/init/speed.c); None: not
    # measured.
    kernel_cost: float | None = None
    # What it is known to do to kernels that are well.
    quirks: tuple[Quirk, ...] | None = None


@dataclass(frozen=True)
class Profile:
    """One shape of the virtual machine; a case names the one it needs."""

    # Virtual CPUs.
    cpus: int
    # Guest memory in MiB, over all nodes.
    memory_mib: int
    # NUMA nodes; memory is split evenly, CPUs all sit on node 0.
    nodes: int
    # Huge pages that the kernel reserves as it boots: size as hugepagesz= spells it, and how
    # many.  Sizes that a kernel does not have are left out (harness.run.plan).
    hugepages: Mapping[str, int]

    @property
    def used_mib(self) -> int:
        """MiB that a guest comes to use at most: all of its huge pages, and 512 for the rest.

        Clones of x86_64 under TCG were seen with 60 MiB of their own and 110 of the template's.
        """
        huge = sum(kib(size) * number for size, number in self.hugepages.items()) >> 10
        return min(self.memory_mib, huge + 512)


@dataclass(frozen=True)
class HugePages:
    """Sizes of huge pages that the kernels of one configuration have."""

    # As hugepagesz= spells them; the first is the one that a case gets when it names none.
    sizes: tuple[str, ...]
    # CONFIG_X=y or CONFIG_X=n, which such kernels have; None: all others.
    config: str | None = None


@dataclass(frozen=True)
class Network:
    """How the guest's network card is attached, for the kernels of one configuration."""

    # QEMU's -device argument, but for netdev=.
    device: str
    # Modules it needs, in the order of loading; those built in are left out.
    modules: tuple[str, ...]
    # As in HugePages.
    config: str | None = None


@dataclass(frozen=True)
class Compat:
    """How 64-bit kernels run 32-bit programs."""

    # The architecture whose compiler builds them, one that has a recipe.
    arch: str
    # CONFIG_ symbol without which they do not run.
    needs: str


@dataclass(frozen=True)
class Recipe:
    """Everything that is particular to one guest architecture."""

    # The harness's name for it: x86_64, arm64, i386, armhf.
    arch: str
    # Debian's name for it.
    debian_arch: str
    # Flavour of Debian kernel taken by default, in order of preference.
    flavours: tuple[str, ...]
    # "Binary format" of its kernels: the key of harness.kernels.images.FORMATS.
    kernel_machine: str
    # QEMU's program and -machine argument.
    qemu: str
    machine: str
    # Host machines (uname -m) whose KVM can run this guest.
    kvm_hosts: tuple[str, ...]
    # Serial console: the kernel's console= device, and earlycon=/earlyprintk= words.
    console: str
    earlycon: str
    # Further kernel command-line words, always given.
    cmdline: str
    # The first that fits a kernel is taken; the last fits all.
    network: tuple[Network, ...]
    # Modules the guest needs for its other devices; those built in are left out.
    modules: tuple[str, ...]
    # Modules that are in the guest for the cases that ask for them (guest_tests/lib/modules.h),
    # by what a case asks for.  None of them is loaded before.
    modules_on_demand: Mapping[str, Sequence[str]]
    # Debian packages that the guest's userland is made from.
    packages: tuple[str, ...]
    # Prefix of the cross compiler's programs.
    cross: str
    # Debian packages the host needs: "qemu", and "compiler" and "libc" where they are not
    # the host's own.
    host_packages: Mapping[str, str]
    # The first that fits a kernel is taken; the last fits all.
    hugepages: tuple[HugePages, ...]
    accelerators: Mapping[str, Accelerator]
    profiles: Mapping[str, Profile]
    # None where all programs are of one size.
    compat: Compat | None = None

    def page_sizes(self, config: Mapping[str, str] | None) -> tuple[str, ...]:
        """Return the sizes of huge pages that a kernel has; ``config`` is None if unknown."""
        return next(entry.sizes for entry in self.hugepages if _fits(entry.config, config))

    def card(self, config: Mapping[str, str] | None) -> Network:
        """Return how a kernel's network card is attached; ``config`` is None if unknown."""
        return next(entry for entry in self.network if _fits(entry.config, config))

    def profile_with(self, profile: str, pages: str) -> str:
        """Return ``profile``, or the one that a case on huge pages of the size ``pages`` needs.

        That is the first one that has them; "" is the size that all profiles have.
        """
        if pages and pages not in self.profiles[profile].hugepages:
            others = (name for name, shape in self.profiles.items() if pages in shape.hugepages)
            return next(others, profile)
        return profile


def _fits(wanted: str | None, config: Mapping[str, str] | None) -> bool:
    symbol, _, value = (wanted or "").partition("=")
    if not symbol:
        return True
    return config is not None and (config.get(symbol, "n") != "n") == (value == "y")


def kib(size: str) -> int:
    """Return a size as hugepagesz= spells it, such as 64K or 1G, in KiB."""
    return int(size[:-1]) << {"K": 0, "M": 10, "G": 20}[size[-1]]


def _build(kind: type[T], table: dict[str, Any], where: str) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    optional = {field.name for field in fields(kind) if field.default is None}  # type: ignore[arg-type]
    if wrong := (set(table) ^ known) - (optional - set(table)):
        message = f"{where}: keys missing or unknown: {', '.join(sorted(wrong))}"
        raise InputError(message)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return kind(**values)


def names() -> list[str]:
    """Return the names of all architectures that have a recipe."""
    return sorted(path.stem for path in IMAGES.glob("*.toml"))


def for_host() -> Recipe:
    """Return the recipe of the host's own architecture, else the first there is."""
    known = [load(arch) for arch in names()]
    host = platform.machine()
    return next((recipe for recipe in known if recipe.cross.startswith(host)), known[0])


def builders(recipe: Recipe) -> list[Recipe]:
    """Return the recipes whose compilers build programs for the guests of ``recipe``."""
    return [recipe, *([load(recipe.compat.arch)] if recipe.compat else [])]


def load(arch: str) -> Recipe:
    """Read the recipe of ``arch``; InputError when there is none or it is malformed."""
    path = IMAGES / f"{arch}.toml"
    if arch not in names():
        message = f"unknown architecture '{arch}': expected one of {', '.join(names())}"
        raise InputError(message)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        message = f"{path.name}: not TOML: {error}"
        raise InputError(message) from error
    for name, entry in table.get("accelerators", {}).items():
        if isinstance(quirks := entry.get("quirks"), list):
            where = f"{path.name} [[accelerators.{name}.quirks]]"
            entry["quirks"] = [_build(Quirk, quirk, where) for quirk in quirks]
    for key, kind in (("accelerators", Accelerator), ("profiles", Profile)):
        if key in table:
            table[key] = {
                name: _build(kind, entry, f"{path.name} [{key}.{name}]")
                for name, entry in table[key].items()
            }
    if "compat" in table:
        table["compat"] = _build(Compat, table["compat"], f"{path.name} [compat]")
    for key, each in (("hugepages", HugePages), ("network", Network)):
        if isinstance(entries := table.get(key), list):
            where = f"{path.name} [[{key}]]"
            table[key] = [_build(each, entry, where) for entry in entries]
    return _build(Recipe, {"arch": arch, **table}, path.name)
