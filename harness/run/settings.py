# SPDX-License-Identifier: GPL-2.0-only
"""What a user can say about a run: one table, for argparse, for pytest, and back to words."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from harness.machine.accel import WANTED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Iterator, Mapping

DEFAULT_KERNEL = "debian:bookworm"
DEFAULT_RETRIES = 3
# What shares a VM: all cases of a worker that need the same machine profile, or none.
ISOLATIONS = ("vm", "case")
# Where QEMU enters the kernel: after its own unpacker, where it has one that can be left out
# (harness.kernels.direct), or always as a boot loader would.
BOOTS = ("direct", "image")


@dataclass(frozen=True)
class Settings:
    """What is run on what, and how; the defaults are those of ``make test-<arch>``."""

    arch: str
    # See harness.kernels.find.
    kernel: str = DEFAULT_KERNEL
    # One of harness.machine.accel.WANTED.
    accelerator: str = "auto"
    # The user's factor on every time limit.
    timeout_scale: float = 1.0
    # How often a failure is run again, in fresh VMs.
    retries: int = DEFAULT_RETRIES
    # Words added to the kernel's command line.
    append: str = ""
    # One of BOOTS.
    boot: str = "direct"
    # Keep a dump of the memory of a guest that its kernel has brought down.
    vmcore: bool = True
    # One of ISOLATIONS.
    isolation: str = "vm"

    def to_argv(self, *, without: Collection[str] = ()) -> list[str]:
        """Return the options of ``python -m harness run`` that say the same.

        ``arch`` always stands there, the others where they differ from their defaults; fields
        that are named in ``without`` are left out.
        """
        return [
            word
            for field in fields(self)
            if field.name not in without
            for word in _OPTIONS[field.name].words(getattr(self, field.name), field.default)
        ]


@dataclass(frozen=True)
class _Option:
    """How a field of Settings is spelled on a command line."""

    flag: str
    # For argparse's add_argument(); pytest's addoption() takes the same.
    keywords: Mapping[str, Any]

    def words(self, value: object, default: object) -> Iterator[str]:
        """Yield the words that say ``value``; none for ``default``."""
        if value == default:
            return
        yield self.flag
        if "action" not in self.keywords:
            yield str(value)


def count(text: str) -> int:
    """Return the number that ``text`` says; argparse reports what is raised."""
    if not text.isdecimal():
        raise _argument_error(f"'{text}' is not a number")
    return int(text)


def _argument_error(message: str) -> Exception:
    from argparse import ArgumentTypeError  # noqa: PLC0415 (0.01 s, and mostly not needed)

    return ArgumentTypeError(message)


_OPTIONS = {
    "arch": _Option("--arch", {"help": "guest architecture"}),
    "kernel": _Option(
        "--kernel",
        {
            "metavar": "K",
            "default": DEFAULT_KERNEL,
            "help": "debian:SUITE[:FLAVOUR][=VERSION] (debian:trixie, debian:sid:cloud-amd64, "
            "debian:bookworm=6.1.176-1), a kernel image, a kernel build tree, a linux-image "
            f".deb, or a tuxmake artifact folder (default: {DEFAULT_KERNEL})",
        },
    ),
    "accelerator": _Option(
        "--accel", {"choices": WANTED, "default": "auto", "help": "accelerator (default: auto)"}
    ),
    "timeout_scale": _Option(
        "--timeout-scale",
        {
            "type": float,
            "default": 1.0,
            "metavar": "X",
            "help": "factor on every time limit (default: 1)",
        },
    ),
    "retries": _Option(
        "--retries",
        {
            "type": count,
            "default": DEFAULT_RETRIES,
            "metavar": "N",
            "help": "how often a failure is run again in fresh VMs, to tell whether it always "
            f"fails (default: {DEFAULT_RETRIES}; its verdict stands in any case)",
        },
    ),
    "append": _Option(
        "--append",
        {"default": "", "metavar": "WORDS", "help": "add WORDS to the kernel's command line"},
    ),
    "boot": _Option(
        "--boot",
        {
            "choices": BOOTS,
            "default": "direct",
            "help": "direct: leave out the unpacking of an x86 bzImage where it can be (default); "
            "image: boot the image as it is",
        },
    ),
    "vmcore": _Option(
        "--no-vmcore",
        {
            "action": "store_false",
            "default": True,
            "help": "do not dump the memory of a guest that crashed or hangs (20 to 120 MiB each)",
        },
    ),
    "isolation": _Option(
        "--isolation",
        {
            "choices": ISOLATIONS,
            "help": "vm: cases share a VM; case: each has a fresh one (default: vm; with --lf: "
            "case)",
        },
    ),
}
# What a command can be told that boots a kernel without running cases.
MACHINE = ("kernel", "accelerator", "timeout_scale", "append", "boot")


def add_options(add: Callable[..., object], names: Collection[str] = tuple(_OPTIONS)) -> None:
    """Add the options of the fields ``names``, in the table's order.

    ``add`` is an argparse parser's add_argument or a pytest group's addoption.
    """
    for name, option in _OPTIONS.items():
        if name in names:
            add(option.flag, dest=name, **option.keywords)


def from_options(options: argparse.Namespace) -> Settings:
    """Return the settings that ``options`` say; what they do not have is as by default."""
    said = {f.name: getattr(options, f.name) for f in fields(Settings) if hasattr(options, f.name)}
    if not said.get("isolation"):
        # What failed is run again in VMs of its own: what went before may be a part of why.
        said["isolation"] = "case" if getattr(options, "lf", False) else "vm"
    return Settings(**said)
