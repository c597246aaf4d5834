# SPDX-License-Identifier: GPL-2.0-only
"""Whether a .config, a System.map and a vmlinux belong to the image that they stand beside."""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import InputError
from harness.kernels import config
from harness.kernels.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.kernels.config import Config
    from harness.kernels.facts import Facts

_INSIDE = "the image itself (CONFIG_IKCONFIG)"
_BANNER = re.compile(rb"Linux version \d[^\n\0]* #\d[^\n\0]*\n")


def configuration(
    image: Facts, recipe: Recipe, beside: Path | None, image_file: Path, name: str = ""
) -> tuple[Config, list[str]]:
    """Return the configuration that ``image`` was built with, and notes on what was passed over.

    The image's own (CONFIG_IKCONFIG) is the truth.  Without it, the .config ``beside``, which
    notes call ``name``, is taken unless it is another kernel's.  In a build tree one that is
    younger than the image ``image_file`` may have been edited since: then what make read last,
    include/config/auto.conf, is taken when it is older than the image.
    """
    if beside is None:
        if image.config is None:
            return config.UNKNOWN, []
        return config.parse(image.config, _INSIDE), []
    source = name or str(beside)
    text = beside.read_text(errors="replace")
    found = config.parse(text, source)
    if image.config is not None:
        own = config.parse(image.config, _INSIDE)
        differ = _differing(own, found)
        note = f"{source} is not what the image was built with ({differ}): the image's own is used"
        return own, [note] if differ else []
    tree = beside if _is_tree(beside) else None
    built = _built_with(tree, image_file) if tree else None
    if why := _contradiction(text, found, image, recipe):
        if built is not None and not _contradiction("", built, image, recipe):
            return built, [f"{source} {why}: {built.source} is used"]
        return config.UNKNOWN, [f"{source} {why}: it is not used"]
    return _of_tree(tree, found, built, image_file) if tree else (found, [])


def _of_tree(
    file: Path, found: Config, built: Config | None, image_file: Path
) -> tuple[Config, list[str]]:
    """Return what an image in a build tree was built with, ``found`` being its .config."""
    if not _younger(file, image_file):
        return found, []
    if built is None:
        return found, [f"{file} is newer than the image: if it was edited, run make again"]
    differ = _differing(built, found)
    note = f"{file} was changed after the image was made ({differ}): {built.source} is used"
    return (built, [note]) if differ else (found, [])


def _differing(one: Config, other: Config) -> str:
    """Name the symbols that are not set alike, three at most; "" when there are none."""
    symbols = sorted(s for s in {*one, *other} if one.value(s) != other.value(s))
    return ", ".join(symbols[:3]) + (", ..." if len(symbols) > 3 else "")


def _is_tree(file: Path) -> bool:
    """Return True if ``file`` is the .config of a build tree: elsewhere dates say nothing."""
    return file.name == ".config" and (file.parent / "include" / "config").is_dir()


def _younger(file: Path, than: Path) -> bool:
    return file.stat().st_mtime_ns > than.stat().st_mtime_ns


def _built_with(file: Path, image: Path) -> Config | None:
    """Return what make read when it built ``image``; None when that is not known."""
    auto = file.parent / "include" / "config" / "auto.conf"
    if not auto.is_file() or _younger(auto, image):
        return None
    return config.parse(auto.read_text(errors="replace"), str(auto))


def _contradiction(text: str, found: Config, image: Facts, recipe: Recipe) -> str | None:
    """Return why ``found``, with the text ``text``, is not the configuration of ``image``."""
    version = config.version_of(text)
    if version and not any(_same(version, says) for says in (image.version, image.release)):
        return f"is of a kernel {version}, the image is {image.release}"
    local = found.value("CONFIG_LOCALVERSION")
    if local and local != "n" and local not in image.release:
        return f"has CONFIG_LOCALVERSION={local}, the image is {image.release}"
    if recipe.option not in found:
        others = (architectures.load(arch) for arch in architectures.names())
        for other in others:
            if found.has(other.option):
                return f"is for {other.arch}, the image is for {recipe.arch}"
    return None


def _same(version: str, other: str) -> bool:
    """Compare two versions; distributions write 6.8.0-45 for what is a 6.8.12."""
    try:
        one, two = Version.parse(version), Version.parse(other)
    except InputError:
        return True
    alike = (one.major, one.minor) == (two.major, two.minor)
    return alike and (one.patch == two.patch or 0 in {one.patch, two.patch})


def system_map(path: Path | None, image: Facts) -> tuple[Path | None, list[str]]:
    """Return ``path`` unless it is the System.map of another build, and a note if it is."""
    if path is None or image.banner_at is None:
        return path, []
    places: dict[str, int] = {}
    with path.open(errors="replace") as lines:
        for line in lines:
            words = line.split()
            if len(words) == 3 and words[2] in {"_text", "linux_banner"}:
                places[words[2]] = int(words[0], 16)
    at = places.get("linux_banner")
    if at is None or image.banner_at in {at, at - places.get("_text", 0)}:
        return path, []
    return None, [f"{path} is of another build than the image: it is not used"]


def vmlinux(path: Path | None, image: Facts) -> tuple[Path | None, list[str]]:
    """Return ``path`` unless it is the vmlinux of another build, and a note if it is.

    A file with nothing but debug information does not say of what build it is.
    """
    if path is None or image.banner is None or not path.stat().st_size:
        return path, []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(image.banner.encode()) >= 0 or not _BANNER.search(data):
            return path, []
    return None, [f"{path} is of another build than the image: it is not used"]
