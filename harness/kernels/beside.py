# SPDX-License-Identifier: GPL-2.0-only
"""What belongs to a kernel image: its configuration, its modules, its symbols.

It is looked for beside the image's name and beside what that resolves to: people link to images,
and so do Debian (/vmlinuz) and the kernel's own build (arch/x86_64/boot/bzImage).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.kernels import archives
from harness.kernels.modules import ArchiveModules, BuildTreeModules, FolderModules
from harness.kernels.tuxmake import modules_tar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.kernels.kernel import Modules

# A build tree has at least one of these at its top, an output folder (make O=) as well.
_OF_TREES = (".config", "modules.order", "modules.builtin", "Kbuild", "Makefile")


@dataclass(frozen=True)
class Belongings:
    """The files that belong to an image; None for what is not there."""

    config: Path | None
    modules: Modules | None
    system_map: Path | None
    vmlinux: Path | None
    # Where they were looked for: while none of these changes, the same is found.
    files: tuple[Path, ...]
    # What to call the configuration where its path is one in the cache; "": its path.
    config_name: str = ""


def belongings(image: Path, release: str) -> Belongings:
    """Return what belongs to ``image``, an absolute path, whose kernel is ``release``.

    Raises InputError when a tar with modules is beside it and cannot be read.
    """
    places = _unique([image, Path(os.path.realpath(image))])
    trees = [tree for place in places if (tree := tree_of(place))]
    homes = [place.parent for place in places]
    roots = _unique(root for home in homes for root in _roots(home))
    boots = _unique([*homes, *(root / "boot" for root in roots)])

    configs = [boot / f"config-{release}" for boot in boots]
    configs += [tree / ".config" for tree in trees]
    configs += [home / name for home in homes for name in ("config", ".config")]
    folders = [root / usr / "modules" / release for root in roots for usr in ("lib", "usr/lib")] + [
        home for home in homes if home.name == release
    ]
    maps = _named("System.map", release, trees, boots)
    debug = [root / "usr/lib/debug" for root in roots]
    kernels = _named("vmlinux", release, trees, boots)
    kernels += [folder / "boot" / f"vmlinux-{release}" for folder in debug]
    kernels += [folder / "lib/modules" / release / "vmlinux" for folder in debug]
    lists = [
        tree / name for tree in trees for name in ("modules.order", "include/config/auto.conf")
    ]
    return Belongings(
        config=_first(configs),
        modules=_modules(trees, folders, homes),
        system_map=_first(maps),
        vmlinux=_first(kernels),
        # The folders: whatever may appear in them.
        files=tuple(_unique([*homes, *configs, *lists, *folders, *maps, *kernels])),
    )


def tree_of(image: Path) -> Path | None:
    """Return the build tree whose arch/*/boot/ the path ``image`` is in; None for any other."""
    if image.parts[-4:-3] != ("arch",) or image.parent.name != "boot":
        return None
    tree = image.parents[3]
    return tree if any((tree / name).exists() for name in _OF_TREES) else None


def _roots(home: Path) -> list[Path]:
    """Return the folders that may be the root of the system that ``home`` is a part of.

    Images are in boot/ and, since Debian's 6.19 and on other distributions, among the modules.
    """
    roots = [home]
    if home.name == "boot":
        roots.append(home.parent)
    if home.parts[-3:-1] == ("lib", "modules"):
        root = home.parents[2]
        roots += [root, root.parent] if root.name == "usr" else [root]
    return roots


def _named(name: str, release: str, trees: list[Path], boots: list[Path]) -> list[Path]:
    paths = [tree / name for tree in trees]
    return paths + [boot / each for boot in boots for each in (f"{name}-{release}", name)]


def _modules(trees: list[Path], folders: list[Path], homes: list[Path]) -> Modules | None:
    """Return the modules in the first place that has some.

    Those of a tree are newer than what was installed of it; a tree without any has none.
    """
    for tree in trees:
        if (tree / "modules.order").is_file():
            return BuildTreeModules(tree)
    for folder in folders:
        if folder.is_dir():
            return FolderModules(folder)
    for home in homes:
        if tar := modules_tar(home):
            contents = archives.tar(tar)
            key = archives.key_of([tar])
            taken = archives.taken(key, contents, str(tar), image=False)
            return ArchiveModules(taken, contents)
    return BuildTreeModules(trees[0]) if trees else None


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _unique(paths: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(paths))
