# SPDX-License-Identifier: GPL-2.0-only
"""The architectures: what differs between them, read from ``images/<arch>.toml``."""

from __future__ import annotations

import functools
import platform
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
GUEST_TESTS = ROOT / "guest_tests"
# In images/, and no architecture.
_COMMON = "common"

T = TypeVar("T")


class Configuration(Protocol):
    """A kernel's configuration (harness.kernels.config.Config, which is of a higher layer)."""

    def fits(self, condition: str | None) -> bool | None:
        """Return whether CONFIG_X=y or CONFIG_X=n holds; None when that is not known."""
        ...


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
    # CONFIG_ symbols that it needs besides, built in.
    needs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Need:
    """An option without which no case can be run."""

    # CONFIG_ symbol, to be built in.
    config: str
    # What it is for, in a few words.
    why: str


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
    # CONFIG_ symbol that its kernels have set, and no other architecture's.
    option: str
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
    # How long all of it can be, with the NUL at its end.
    command_line_bytes: int
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
    # Those of images/common.toml come first.
    needs: tuple[Need, ...]
    # Further options for a configuration that starts from nothing, CONFIG_X or CONFIG_X=n: what
    # those in ``needs`` and in the contract depend on, and what programs expect.  Those of
    # images/common.toml come first.
    fragment: tuple[str, ...]
    # Module -> CONFIG_ symbol that builds it, of images/common.toml.
    drivers: Mapping[str, str]
    # The first that fits a kernel is taken; the last fits all.
    hugepages: tuple[HugePages, ...]
    accelerators: Mapping[str, Accelerator]
    profiles: Mapping[str, Profile]
    # CONFIG_ symbols that its kernels cannot have.
    never: tuple[str, ...] | None = None
    # None where all programs are of one size.
    compat: Compat | None = None
    # Where in memory a kernel is put that was taken out of its zImage (harness.kernels.direct);
    # None where there is no zImage.
    load_address: int | None = None

    def page_sizes(self, config: Configuration) -> tuple[str, ...]:
        """Return the sizes of huge pages that a kernel with ``config`` has."""
        return next(entry.sizes for entry in self.hugepages if config.fits(entry.config))

    def card(self, config: Configuration) -> Network:
        """Return how the network card of a kernel with ``config`` is attached."""
        return next(entry for entry in self.network if config.fits(entry.config))

    def profile_with(self, profile: str, pages: str) -> str:
        """Return ``profile``, or the one that a case on huge pages of the size ``pages`` needs.

        That is the first one that has them; "" is the size that all profiles have.
        """
        if pages and pages not in self.profiles[profile].hugepages:
            others = (name for name, shape in self.profiles.items() if pages in shape.hugepages)
            return next(others, profile)
        return profile


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
    return sorted(path.stem for path in IMAGES.glob("*.toml") if path.stem != _COMMON)


def for_host() -> Recipe:
    """Return the recipe of the host's own architecture, else the first there is."""
    known = [load(arch) for arch in names()]
    host = platform.machine()
    return next((recipe for recipe in known if recipe.cross.startswith(host)), known[0])


def builders(recipe: Recipe) -> list[Recipe]:
    """Return the recipes whose compilers build programs for the guests of ``recipe``."""
    return [recipe, *([load(recipe.compat.arch)] if recipe.compat else [])]


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        message = f"{path.name}: not TOML: {error}"
        raise InputError(message) from error


def load(arch: str) -> Recipe:
    """Read the recipe of ``arch``; InputError when there is none or it is malformed."""
    if arch not in names():
        message = f"unknown architecture '{arch}': expected one of {', '.join(names())}"
        raise InputError(message)
    paths = IMAGES / f"{arch}.toml", IMAGES / f"{_COMMON}.toml"
    return _read(*paths, tuple(path.stat().st_mtime_ns for path in paths))


@functools.cache
def _read(path: Path, beside: Path, _: tuple[int, ...]) -> Recipe:
    """Read the file ``path`` and that of all architectures, once while they do not change."""
    table, common = _tables(path), _tables(beside)
    if isinstance(own := table.get("needs"), list):
        table["needs"] = common["needs"] + own
    if isinstance(lines := table.get("fragment"), list):
        table["fragment"] = common["fragment"] + lines
    table["drivers"] = common["drivers"]
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
    for key, each in (("hugepages", HugePages), ("network", Network), ("needs", Need)):
        if isinstance(entries := table.get(key), list):
            where = f"{path.name} [[{key}]]"
            table[key] = [_build(each, entry, where) for entry in entries]
    return _build(Recipe, {"arch": path.stem, **table}, path.name)
