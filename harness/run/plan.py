# SPDX-License-Identifier: GPL-2.0-only
"""Everything that is decided before the first VM starts."""

from __future__ import annotations

import logging
import math
import os
import shlex
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import InputError
from harness.host.memo import Work, cached_on_disk
from harness.image.image import Image
from harness.kernels.kernel import Kernel
from harness.kernels.version import Version
from harness.machine import accel
from harness.machine.command import Boot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.architectures import Recipe
    from harness.guest.keys import Keys
    from harness.machine.accel import Choice
    from harness.run.settings import Settings

log = logging.getLogger("harness")


@dataclass(frozen=True)
class Plan:
    """A kernel, an image and an accelerator, ready to boot; it can be pickled."""

    settings: Settings
    recipe: Recipe
    kernel: Kernel
    image: Image
    choice: Choice
    # The kernel out of the image, where that can be booted; see harness.kernels.direct.
    unpacked: Path | None
    programs: tuple[Path, ...]
    # Those of them with cases that are run as 32-bit tasks, built for that.
    compat: tuple[Path, ...]
    # Modules that some cases load, and the lists of them.
    on_demand: tuple[Path, ...]
    # What each preparation took, in seconds; those not needed this time are left out.
    durations: dict[str, float]

    @property
    def scale(self) -> float:
        """Factor on every time limit."""
        return self.choice.accelerator.timeout_scale * self.settings.timeout_scale

    @property
    def pushed(self) -> tuple[Path, ...]:
        """All files that a guest is given."""
        return self.programs + self.compat + self.on_demand

    @property
    def page_sizes(self) -> tuple[str, ...]:
        """Sizes of huge pages that the kernel has, the usual one first."""
        return self.recipe.page_sizes(self.kernel.config)

    def boot(self, profile: str, keys: Keys) -> Boot:
        """Return what a VM of ``profile`` is started with; InputError for an unknown one."""
        if profile not in self.recipe.profiles:
            known = ", ".join(self.recipe.profiles)
            raise InputError(f"images/{self.recipe.arch}.toml has no profile {profile}: {known}")
        shape = self.recipe.profiles[profile]
        hugepages = {size: n for size, n in shape.hugepages.items() if size in self.page_sizes}
        return Boot(
            recipe=self.recipe,
            profile=replace(shape, hugepages=hugepages),
            accelerator_name=self.choice.name,
            accelerator=self.choice.accelerator,
            card=self.recipe.card(self.kernel.config),
            kernel=self.unpacked or self.kernel.image,
            packed=self.kernel.image if self.unpacked else None,
            initrd=self.image.path,
            overlay=keys.overlay(),
        )


def prepare(settings: Settings) -> Plan:
    """Find the kernel, build the image and the programs, choose the accelerator.

    What was found and built is used again at once while nothing it is made from has changed.

    Raises InputError for what the user got wrong and HostError for what the host lacks.
    """
    if not 0 < settings.timeout_scale < math.inf:  # nor "nan"
        raise InputError(f"the timeout scale must be positive, not {settings.timeout_scale}")
    recipe = architectures.load(settings.arch)
    durations: dict[str, float] = {}
    compilers = [f"CC_{tool.arch}" for tool in architectures.builders(recipe)]
    facts = {
        "arch": settings.arch,
        "kernel": settings.kernel,
        # What the parts are; another number when they change.
        "format": 3,
        # What "~" and a compiler's name mean.  (A relative path's files are looked at from here.)
        "environment": [os.environ.get(name) for name in ("HOME", "PATH", *compilers)],
    }
    parts = cached_on_disk("plan", facts, lambda: _make(settings.kernel, recipe, durations))
    kernel = parts["kernel"]
    log.info("kernel: %s (%s)", kernel["release"], kernel["origin"])
    began = time.monotonic()
    choice = accel.choose(recipe, settings.accelerator)
    durations["accelerator"] = round(time.monotonic() - began, 3)
    log.info("accelerator: %s (%s)", choice.name, choice.why)
    return Plan(
        settings=settings,
        recipe=recipe,
        # Without modules: it is booted, none builds an image for it again.
        kernel=Kernel(
            arch=recipe.arch,
            image=Path(kernel["image"]),
            release=kernel["release"],
            version=Version.parse(kernel["version"]),
            config=kernel["config"],
            modules=None,
            origin=kernel["origin"],
            sha256=kernel["sha256"],
            spec=kernel["spec"],
            system_map=_path(kernel["system_map"]),
            vmlinux=_path(kernel["vmlinux"]),
        ),
        image=Image(Path(parts["image"]), parts["image_sha256"]),
        choice=choice,
        unpacked=_path(parts["unpacked"]) if settings.boot == "direct" else None,
        programs=tuple(map(Path, parts["programs"])),
        compat=tuple(map(Path, parts["compat"])),
        on_demand=tuple(map(Path, parts["on_demand"])),
        durations=durations,
    )


def _make(spec: str, recipe: Recipe, durations: dict[str, float]) -> Work:
    """Find the kernel ``spec`` and build what is run on it; say what that depends on.

    Everything in images/ and guest_tests/ is taken to matter, for every part.
    """
    # Here, because mostly nothing has changed: these imports take 0.1 s.
    from harness.host import compiler  # noqa: PLC0415
    from harness.image import initramfs, on_demand  # noqa: PLC0415
    from harness.kernels import direct  # noqa: PLC0415
    from harness.kernels.find import find  # noqa: PLC0415
    from harness.suite import programs  # noqa: PLC0415

    began = time.monotonic()

    def lap(stage: str) -> None:
        nonlocal began
        durations[stage] = round(time.monotonic() - began, 3)
        began = time.monotonic()

    # First the input that can be wrong, so that a user learns it at once.
    kernel = find(spec, recipe)
    unpacked = direct.unpack(kernel, recipe)
    lap("kernel")
    built = programs.build(recipe)
    compat = _build_compat(recipe, built)
    lap("programs")
    image = initramfs.build(recipe, kernel)
    loadable = on_demand.build(recipe, kernel)
    lap("image")
    parts = {
        "kernel": {
            "image": str(kernel.image),
            "release": kernel.release,
            "version": str(kernel.version),
            "config": None if kernel.config is None else dict(kernel.config),
            "origin": kernel.origin,
            "sha256": kernel.sha256,
            "spec": kernel.spec,
            "system_map": kernel.system_map and str(kernel.system_map),
            "vmlinux": kernel.vmlinux and str(kernel.vmlinux),
        },
        "unpacked": unpacked and str(unpacked),
        "image": str(image.path),
        "image_sha256": image.sha256,
        "programs": [str(program) for program in built],
        "compat": [str(program) for program in compat],
        "on_demand": [str(path) for path in loadable],
    }
    tools = architectures.builders(recipe)
    found = [shutil.which(word) for tool in tools for word in compiler.find(tool).command]
    files = [*_tree(architectures.IMAGES), *_tree(architectures.GUEST_TESTS), image.path, *loadable]
    files += [*built, *compat, *([unpacked] if unpacked else [])]
    files += [*kernel.files, *(kernel.modules.files() if kernel.modules else ())]
    return Work(parts, [*files, *(Path(name) for name in found if name)], kernel.until)


def _build_compat(recipe: Recipe, built: Sequence[Path]) -> list[Path]:
    """Build the programs that have cases to be run as 32-bit tasks."""
    from harness.contract import reader  # noqa: PLC0415 (as in _make)
    from harness.suite import catalog, programs  # noqa: PLC0415

    if recipe.compat is None:
        return []
    rules = reader.load()
    wanted = {
        program.name
        for program, cases in catalog.load(built).items()
        if any(rules.as_compat(case) for case in cases)
    }
    return programs.build(architectures.load(recipe.compat.arch), only=wanted, compat=True)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _tree(folder: Path) -> Iterator[Path]:
    """Yield ``folder`` and everything in it."""
    for name, _, files in os.walk(folder):
        yield Path(name)
        yield from (Path(name, file) for file in files)


def rerun_command(settings: Settings, case: str, kernel: str) -> str:
    """Return the command line that runs ``case`` again, in a VM of its own.

    ``kernel`` is the one that was found (Kernel.spec): what a suite has next week is another.
    """
    # A fresh VM: what went before it in the run may be a part of why it failed.
    words = replace(settings, kernel=kernel, isolation="case").to_argv()
    return shlex.join([".venv/bin/python", "-m", "harness", "run", *words, case])
