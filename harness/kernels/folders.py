# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel in a folder: a build tree, or what tuxmake leaves behind."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import archives
from harness.kernels.assemble import assemble, image_facts
from harness.kernels.files import find_in_image
from harness.kernels.modules import ArchiveModules, BuildTreeModules

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

# Recipe.kernel_machine -> the kernel's ARCH=, its folder in arch/, make's targets in order of
# preference.
TREES = {
    "x86_64": ("x86_64", "x86", ("bzImage",)),
    "i386": ("i386", "x86", ("bzImage",)),
    "arm64": ("arm64", "arm64", ("Image", "Image.gz")),
    "arm": ("arm", "arm", ("zImage",)),
}
_ALONE = ("bzImage", "Image", "Image.gz", "zImage", "vmlinuz")


def find_in_folder(folder: Path, recipe: Recipe) -> Kernel:
    """Return the kernel in ``folder``; InputError that says which file is missing."""
    if (folder / "arch").is_dir() or (folder / "Kbuild").is_file() or _is_output(folder):
        return _in_tree(folder, recipe)
    images = [folder / name for name in _ALONE if (folder / name).is_file()]
    if images and (folder / "modules.tar.xz").is_file():
        return _tuxmake(images[0], recipe)
    if images:
        return find_in_image(images[0], recipe)
    message = (
        f"{folder} is a folder without a kernel: expected a kernel's build tree, "
        f"a tuxmake artifact directory, or one of {', '.join(_ALONE)} in it"
    )
    raise InputError(message)


def _is_output(folder: Path) -> bool:
    """Tell a build's output folder (make O=) by what every build makes in it."""
    return (folder / "include" / "config").is_dir() and (folder / ".config").is_file()


def _in_tree(folder: Path, recipe: Recipe) -> Kernel:
    arch, name, targets = TREES[recipe.kernel_machine]
    boot = folder / "arch" / name / "boot"
    image = next((boot / target for target in targets if (boot / target).is_file()), None)
    if image is None:
        cross = "" if arch == "x86_64" else f" CROSS_COMPILE={recipe.cross}-"
        built = sorted(path for t in _ALONE for path in folder.glob(f"arch/*/boot/{t}"))
        also = f" (there is {built[0]}, for another architecture)" if built else ""
        message = (
            f"{folder} is a kernel tree without a kernel for {recipe.arch}: expected "
            f"{boot / targets[0]}{also}; make it with "
            f"'make -C {folder} ARCH={arch}{cross} {targets[0]} modules'"
        )
        raise InputError(message)
    config = folder / ".config"
    found = image_facts(image, recipe, str(image))
    return assemble(
        image,
        found,
        recipe=recipe,
        origin=f"build tree {folder}",
        config_text=config if config.is_file() else None,
        modules=BuildTreeModules(folder),
        # The folder of the image: a target that is preferred may appear.
        files=[config, folder / "include" / "config" / "auto.conf", boot, folder],
    )


def _tuxmake(image: Path, recipe: Recipe) -> Kernel:
    """Return the kernel of a tuxmake build: image, config and modules.tar.xz in one folder."""
    found = image_facts(image, recipe, str(image))
    path = image.parent / "modules.tar.xz"
    stat = path.stat()
    key = repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns))
    contents = archives.tar(path)
    taken = archives.taken(hashlib.sha256(key.encode()).hexdigest(), contents, str(path))
    config = image.parent / "config"
    return assemble(
        image,
        found,
        recipe=recipe,
        origin=f"tuxmake build {image.parent}",
        config_text=config if config.is_file() else None,
        modules=ArchiveModules(taken, contents),
        files=[config, path, image.parent],
    )
