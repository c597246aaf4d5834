# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel in a file: an image, a .deb, or a tar with one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.debian.deb import field
from harness.kernels import archives
from harness.kernels.assemble import assemble, from_archives, image_facts
from harness.kernels.beside import belongings
from harness.kernels.siblings import release_of, siblings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

log = logging.getLogger("harness")


def find_in_image(
    path: Path, recipe: Recipe, *, origin: str | None = None, files: Sequence[Path] = ()
) -> Kernel:
    """Return the kernel with the image ``path``, and what belongs to it (harness.kernels.beside).

    ``origin`` says where it was found, and ``files`` are those that it was found by, when it was
    not named itself.
    """
    image = image_facts(path, recipe, str(path))
    beside = belongings(path, image.release)
    return assemble(
        path,
        image,
        beside,
        recipe=recipe,
        origin=origin or f"{image.format} {path}",
        files=files,
        advice=f"beside {path} there is neither lib/modules/{image.release} nor a modules.tar: "
        "name the build tree or package instead of the bare image",
    )


def find_in_deb(path: Path, recipe: Recipe) -> Kernel:
    """Return the kernel in the .deb ``path``: Debian's, Ubuntu's, or from ``make bindeb-pkg``.

    Where a kernel is split over several .debs, the others are taken from the same folder.
    """
    package, version = field(path, "Package"), field(path, "Version")
    release = release_of(package)
    paths = [path, *siblings(path, package, version)]
    kernel = from_archives(
        archives.key_of(paths),
        archives.debs(lambda: paths),
        recipe,
        f"deb {path} ({release} {version})",
        version,
        files=[path.parent, *paths],
        advice=f"{path.name} has no modules, and its linux-modules-{release}_*.deb is not beside "
        "it: put it there",
    )
    if kernel.modules is None and not kernel.config.whole:
        log.warning("%s", kernel.advice)
    return kernel


def find_in_tar(path: Path, recipe: Recipe) -> Kernel:
    """Return the kernel in the tar ``path``, as ``make tar-pkg`` and its like write them."""
    return from_archives(
        archives.key_of([path]),
        archives.tar(path),
        recipe,
        f"archive {path}",
        None,
        files=[path.parent, path],
        advice=f"{path.name} has no modules: name the build tree, or a tar with lib/modules/",
    )
