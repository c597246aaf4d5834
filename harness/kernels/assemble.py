# SPDX-License-Identifier: GPL-2.0-only
"""Put a Kernel together from its parts, once it is sure that the recipe's machine boots it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import coherence
from harness.kernels.archives import Archives, taken
from harness.kernels.facts import Facts, bootable, facts
from harness.kernels.images import FORMATS
from harness.kernels.kernel import Kernel
from harness.kernels.modules import ArchiveModules
from harness.kernels.version import Version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Modules


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
    *,
    recipe: Recipe,
    origin: str,
    config_text: Path | str | None = None,
    modules: Modules | None = None,
    version: str | None = None,
    files: Sequence[Path] = (),
) -> Kernel:
    """Return the kernel with the image ``path``.

    What is not given is taken from the image itself, and so is what the image contradicts.
    ``files`` are those beside the image that it was found by; ``config_text`` is the path of a
    .config, or its text where it is in an archive.
    """
    files = (path, *files)
    path, inner = bootable(path, image, origin)
    found, notes = coherence.configuration(inner, recipe, config_text, files[0])
    beside = [_beside(files[0], name, image.release) for name in ("System.map", "vmlinux")]
    system_map, about_map = coherence.system_map(beside[0], inner)
    vmlinux, about_vmlinux = coherence.vmlinux(beside[1], inner)
    return Kernel(
        arch=recipe.arch,
        image=path,
        release=image.release,
        version=Version.parse(version or image.version),
        config=found,
        modules=modules,
        origin=origin,
        sha256=inner.sha256,
        files=tuple(dict.fromkeys([*files, path, *filter(None, beside)])),
        system_map=system_map,
        vmlinux=vmlinux,
        vermagic=inner.vermagic,
        drivers=None if inner.drivers is None else tuple(inner.drivers),
        notes=(*notes, *about_map, *about_vmlinux),
    )


def _beside(image: Path, name: str, release: str) -> Path | None:
    """Return the file ``name``, or ``name``-``release``, that belongs to ``image``.

    It is in its folder (of an archive's parts in the cache, or /boot), or at the top of the
    build tree whose arch/*/boot/ that is.
    """
    folders = [image.parent]
    if image.parts[-4:-3] == ("arch",) and image.parent.name == "boot":
        folders = [image.parents[3]]
    paths = [folder / text for folder in folders for text in (name, f"{name}-{release}")]
    return next((path.absolute() for path in paths if path.is_file()), None)


def from_archives(
    key: str,
    contents: Archives,
    recipe: Recipe,
    origin: str,
    version: str | None,
    *,
    files: Sequence[Path],
) -> Kernel:
    """Return the kernel inside ``contents``, whose ``key`` is as in archives.taken().

    ``files`` are those that it was found by.
    """
    folder = taken(key, contents, origin)
    image = folder / "vmlinuz"
    if not image.is_file():
        message = f"{origin} has modules but no kernel image: expected /boot/vmlinuz-* in it"
        raise InputError(message)
    found = image_facts(image, recipe, origin, (folder / "vmlinuz.sha256").read_text())
    text = folder / "config"
    return assemble(
        image,
        found,
        recipe=recipe,
        origin=origin,
        config_text=text.read_text() if text.is_file() else None,
        modules=ArchiveModules(folder, contents),
        version=version,
        files=[*files, text],
    )
