# SPDX-License-Identifier: GPL-2.0-only
"""Put a Kernel together from its parts, once it is sure that the recipe's machine boots it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import coherence
from harness.kernels.archives import Archives, taken
from harness.kernels.beside import Belongings
from harness.kernels.facts import Facts, bootable, facts
from harness.kernels.images import FORMATS
from harness.kernels.kernel import Kernel
from harness.kernels.modules import ArchiveModules
from harness.kernels.version import Version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.architectures import Recipe


def image_facts(path: Path, recipe: Recipe, name: str, known_sha256: str | None = None) -> Facts:
    """Return the facts of an image; InputError unless the recipe's machine can boot it."""
    found = facts(path, name, known_sha256)
    if found.machine != recipe.kernel_machine:
        wanted = " or ".join(FORMATS[recipe.kernel_machine])
        message = (
            f"{name} is for {found.machine} ({found.format}, {found.release}): "
            f"{recipe.arch} needs {wanted} for {recipe.kernel_machine}"
        )
        raise InputError(message)
    return found


def assemble(
    path: Path,
    image: Facts,
    beside: Belongings,
    *,
    recipe: Recipe,
    origin: str,
    version: str | None = None,
    files: Sequence[Path] = (),
    advice: str = "",
) -> Kernel:
    """Return the kernel with the image ``path``, and what was found ``beside`` it.

    What was not is taken from the image itself, and so is what the image contradicts.  ``files``
    are those that it was found by; ``advice`` is Kernel.advice, for one without modules.
    """
    files = (path, *files, *beside.files)
    path, inner = bootable(path, image, origin)
    found, notes = coherence.configuration(
        inner, recipe, beside.config, files[0], beside.config_name
    )
    system_map, about_map = coherence.system_map(beside.system_map, inner)
    vmlinux, about_vmlinux = coherence.vmlinux(beside.vmlinux, inner)
    return Kernel(
        arch=recipe.arch,
        image=path,
        release=image.release,
        version=_version(version, image.version),
        config=found,
        modules=beside.modules,
        origin=origin,
        sha256=inner.sha256,
        files=tuple(dict.fromkeys([*files, path])),
        system_map=system_map,
        vmlinux=vmlinux,
        advice=advice if beside.modules is None else "",
        vermagic=inner.vermagic,
        drivers=None if inner.drivers is None else tuple(inner.drivers),
        notes=(*notes, *about_map, *about_vmlinux),
    )


def _version(package: str | None, image: str) -> Version:
    """Return the version that a package states, if it is the image's with more of it.

    Debian's and Ubuntu's are; make bindeb-pkg takes any number (KDEB_PKGVERSION).
    """
    stated = Version.parse(image)
    with contextlib.suppress(InputError):
        more = Version.parse(package or image)
        if (more.major, more.minor) == (stated.major, stated.minor):
            return more
    return stated


def from_archives(
    key: str,
    contents: Archives,
    recipe: Recipe,
    origin: str,
    version: str | None,
    *,
    files: Sequence[Path],
    advice: str = "",
) -> Kernel:
    """Return the kernel inside ``contents``, whose ``key`` is as in archives.taken().

    ``files`` are those that it was found by; ``advice`` is as in assemble().
    """
    folder = taken(key, contents, origin)
    image = folder / "vmlinuz"
    found = image_facts(image, recipe, origin, (folder / "vmlinuz.sha256").read_text())
    text = folder / "config"
    symbols = folder / "System.map"
    lists = any((folder / name).stat().st_size for name in ("modules.list", "modules.builtin"))
    beside = Belongings(
        config=text if text.is_file() else None,
        # Lists of modules, even empty ones, are from a build; no lists are from a part of one.
        modules=ArchiveModules(folder, contents) if lists else None,
        system_map=symbols if symbols.is_file() else None,
        vmlinux=None,
        files=(text,),
        config_name="the config in the package",
    )
    return assemble(
        image,
        found,
        beside,
        recipe=recipe,
        origin=origin,
        version=version,
        files=files,
        advice=advice,
    )
