# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel in a file: an image, or a .deb with one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.debian.deb import field
from harness.kernels import archives
from harness.kernels.assemble import assemble, from_archives, image_facts
from harness.kernels.modules import FolderModules

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel, Modules


def find_in_image(path: Path, recipe: Recipe) -> Kernel:
    """Return the kernel with the image ``path``.

    Its config is the file ``config-RELEASE``, ``config`` or ``.config`` beside it, else the
    one inside the image; its modules are in ``lib/modules/RELEASE`` beside it, or beside the
    ``boot`` it is in.
    """
    image = image_facts(path, recipe, str(path))
    return assemble(
        path,
        image,
        recipe=recipe,
        origin=f"{image.format} {path}",
        config_text=_config(path, image.release),
        modules=_modules(path, image.release),
        # The folders: where a configuration or modules may appear.
        files=[path.parent, *_configs(path, image.release), *_folders(path, image.release)],
    )


def find_in_deb(path: Path, recipe: Recipe) -> Kernel:
    """Return the kernel in the .deb ``path``: Debian's own, or from ``make bindeb-pkg``.

    Where Debian splits a kernel over several .debs, the others are taken from the same folder.
    """
    name, version = field(path, "Package"), field(path, "Version")
    release = name.removeprefix("linux-image-")
    paths = [path]
    for part in ("binary", "modules", "base"):
        sibling = path.name.replace("linux-image-", f"linux-{part}-", 1)
        if sibling != path.name and (path.parent / sibling).is_file():
            paths.append(path.parent / sibling)
    stats = [(str(file.resolve()), file.stat()) for file in paths]
    key = repr([(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats])
    return from_archives(
        hashlib.sha256(key.encode()).hexdigest(),
        archives.debs(lambda: paths),
        recipe,
        f"deb {path} ({release} {version})",
        version,
        files=[path.parent, *paths],
    )


def _config(path: Path, release: str) -> Path | None:
    return next((file for file in _configs(path, release) if file.is_file()), None)


def _configs(path: Path, release: str) -> list[Path]:
    return [path.parent / name for name in (f"config-{release}", "config", ".config")]


def _folders(path: Path, release: str) -> list[Path]:
    """Return where the modules of the image ``path`` may be: beside it, or beside its boot/."""
    real = path.resolve()
    bases = [path.parent, *([real.parent.parent] if real.parent.name == "boot" else [])]
    return [base / "lib" / "modules" / release for base in bases]


def _modules(path: Path, release: str) -> Modules | None:
    for folder in _folders(path, release):
        if folder.is_dir():
            return FolderModules(folder)
    # Debian keeps the image among the modules since 6.19.
    if (path.parent / "modules.order").is_file() and path.parent.name == release:
        return FolderModules(path.parent)
    return None
