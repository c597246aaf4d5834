# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel in a folder: a build tree, what tuxmake leaves behind, an unpacked package."""

from __future__ import annotations

import logging
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import compression
from harness.kernels.files import find_in_image
from harness.kernels.tuxmake import artifacts, modules_tar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

log = logging.getLogger("harness")

_SUFFIXES = tuple(compression.SUFFIXES.values())
# Recipe.kernel_machine -> the kernel's ARCH=, its folder in arch/, make's targets in order of
# preference.
TREES = {
    "x86_64": ("x86_64", "x86", ("bzImage",)),
    "i386": ("i386", "x86", ("bzImage",)),
    "arm64": (
        "arm64",
        "arm64",
        ("Image", *(f"Image{suffix}" for suffix in _SUFFIXES), "vmlinuz.efi"),
    ),
    "arm": ("arm", "arm", ("zImage",)),
}
# What images are called: by make, by distributions and make tar-pkg (-REL), by Yocto (--REL), and
# compressed once more.
_IMAGE = re.compile(
    r"(?:(?:bzImage|Image|zImage|kernel|vmlinux-kbuild)(?P<release>-{1,2}\d.*?)?"
    r"|vmlinuz(?P<name>-.+?)?)(?P<efi>\.efi)?(?P<packed>\.(?:gz|xz|lzma|zst|bz2|lz4|lzo))?"
)
_NO_IMAGE = re.compile(
    r".*(?:\.(?:old|bak|orig|sig|asc|hmac|md5|sha\d+|config)|~)|vmlinuz-0-rescue.*"
)
# What is no image but near to one, in a folder without.
_CLOSE = re.compile(
    r"linux-image-.*\.deb|linux-.*\.tar(?:\.\w+)?|kernel.*\.rpm|vmlinux.*|uImage.*|fitImage.*"
)
# Names in an error.
_NAMED = 5


def find_in_folder(folder: Path, recipe: Recipe) -> Kernel:
    """Return the kernel in ``folder``, an absolute path.

    Raises InputError that says which file is missing, or which of several to name.
    """
    if (folder / "arch").is_dir() or (folder / "Kbuild").is_file() or _is_output(folder):
        return _in_tree(folder, recipe)
    image = _image_in(folder, recipe)
    if image is None:
        raise InputError(_nothing(folder, recipe))
    metadata = folder / "metadata.json"
    tuxmake = image.parent == folder and (metadata.is_file() or modules_tar(folder) is not None)
    return find_in_image(
        image,
        recipe,
        origin=f"tuxmake build {folder}" if tuxmake else None,
        files=[folder, folder / "boot", metadata],
    )


def _is_output(folder: Path) -> bool:
    """Tell a build's output folder (make O=) by what every build makes in it."""
    return (folder / "include" / "config").is_dir() and (folder / ".config").is_file()


def _in_tree(folder: Path, recipe: Recipe) -> Kernel:
    tree, image = folder, _built(folder, recipe)
    if image is None and (named := os.environ.get("KBUILD_OUTPUT")):
        # As make takes it, from the top of the source.
        tree = folder / Path(named).expanduser()
        image = _built(tree, recipe)
        if image is not None:
            log.info("kernel: taking %s, because KBUILD_OUTPUT=%s is set", image, named)
    if image is None:
        raise InputError(_not_built(folder, recipe))
    # The folder of the image: a target that is preferred may appear.
    files = [image.parent, tree, folder]
    return find_in_image(image, recipe, origin=f"build tree {tree}", files=files)


def _built(tree: Path, recipe: Recipe) -> Path | None:
    """Return the image that was built in ``tree``; None when none was."""
    _, name, targets = TREES[recipe.kernel_machine]
    boot = tree / "arch" / name / "boot"
    return next((boot / target for target in targets if (boot / target).is_file()), None)


def _not_built(folder: Path, recipe: Recipe) -> str:
    arch, name, targets = TREES[recipe.kernel_machine]
    message = (
        f"{folder} is a kernel tree without a kernel for {recipe.arch}: expected "
        f"{folder / 'arch' / name / 'boot' / targets[0]}"
    )
    known = {target for _, _, every in TREES.values() for target in every}
    others = sorted(path for t in known for path in folder.glob(f"arch/*/boot/{t}"))
    outputs = sorted(image for sub in _subfolders(folder) if (image := _built(sub, recipe)))
    if others:
        message += f" (there is {others[0]}, for another architecture)"
    if outputs:
        tree = outputs[0].parents[3]
        return f"{message}; there is {outputs[0]}: if it was built with O={tree}, name that"
    cross = "" if arch == "x86_64" else f" CROSS_COMPILE={recipe.cross}-"
    where = shlex.quote(str(folder))
    return (
        f"{message}; make it with 'make -C {where} ARCH={arch}{cross} {targets[0]} modules', or "
        "name DIR if it was built with O=DIR"
    )


def _image_in(folder: Path, recipe: Recipe) -> Path | None:
    """Return the image in ``folder``, its boot/ or lib/modules/*/; None without one.

    Raises InputError when there are several, and nothing says which is meant.
    """
    for places in (
        [folder],
        [folder / "boot"],
        sorted([*folder.glob("lib/modules/*"), *folder.glob("usr/lib/modules/*")]),
    ):
        named = [file for place in places for file in artifacts(place, "kernel")]
        found = named or [file for place in places for file in _images(place)]
        if found:
            return _best(folder, found, recipe)
    return None


def _images(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    names = sorted(place.iterdir())
    return [
        path
        for path in names
        if _IMAGE.fullmatch(path.name) and not _NO_IMAGE.fullmatch(path.name) and path.is_file()
    ]


def _best(folder: Path, images: Sequence[Path], recipe: Recipe) -> Path:
    ranked: dict[tuple[int, ...], dict[str, Path]] = {}
    for image in images:
        same = ranked.setdefault(_rank(image.name, recipe), {})
        same.setdefault(os.path.realpath(image), image)
    best, *worse = [list(ranked[rank].values()) for rank in sorted(ranked)]
    if len(best) > 1:
        raise InputError(f"{folder} has several kernels: name one of {_listed(best)}")
    taken = os.path.realpath(best[0])
    if others := [p for paths in worse for p in paths if os.path.realpath(p) != taken]:
        log.info("kernel: taking %s of %s, not %s", best[0].name, folder, _listed(others))
    return best[0]


def _rank(name: str, recipe: Recipe) -> tuple[int, ...]:
    """Return what sorts the names of images, the one to be taken first."""
    found = _IMAGE.fullmatch(name)
    if found is None:  # metadata.json names it
        return ()
    targets = TREES[recipe.kernel_machine][2]
    mine = name.startswith(targets[0]) or name in targets
    others = any(name.startswith(other[2][0]) for other in TREES.values())
    # One called as the architecture's target, or by a name that all have; one without a release;
    # one that is preferred in a tree, or need not be unpacked.
    return (
        others and not mine,
        not mine,
        bool(found["release"] or found["name"]),
        targets.index(name) if name in targets else bool(found["packed"]),
    )


def _nothing(folder: Path, recipe: Recipe) -> str:
    message = (
        f"{folder} is a folder without a kernel: expected a kernel's build tree, a tuxmake "
        "artifact directory, or one of bzImage, Image, zImage, vmlinuz, vmlinuz-RELEASE in it or "
        "in its boot/"
    )
    close = [path for path in sorted(folder.iterdir()) if _CLOSE.fullmatch(path.name)]
    close += [sub for sub in _subfolders(folder) if _images(sub) or _built(sub, recipe)]
    if not close:
        return message
    return f"{message}; name {'one of ' if len(close) > 1 else ''}{_listed(close)} if that is it"


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in ``folder`` that may be looked into."""
    found = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return [path for path in found if os.access(path, os.R_OK | os.X_OK)]


def _listed(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(str(path) for path in paths[:_NAMED]) + more
