# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel among Debian's packages: ``debian:SUITE[:FLAVOUR][=VERSION]``."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

from harness.debian.apt import Package, Suite, newest
from harness.errors import InputError
from harness.kernels import archives
from harness.kernels.assemble import from_archives

if TYPE_CHECKING:
    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

_SPEC = re.compile(r"debian:(?P<suite>[^:=]+)(?::(?P<flavour>[^:=]+))?(?:=(?P<version>.+))?")
# linux-image-RELEASE-FLAVOUR: 6.1.0-50, 6.12.107+deb13, 6.5.0-0.deb12.4, 7.3, 7.3-rc7.
_IMAGE = re.compile(
    r"linux-image-(?P<release>\d+\.\d[^-]*(?:-(?:\d|rc\d|trunk)[^-]*)?)-(?P<flavour>.+)"
)
_DEPENDENCY = re.compile(r"(linux-(?:image|binary|modules|base)-\d\S*) \(= ([^)]+)\)")


def find_debian(spec: str, recipe: Recipe) -> Kernel:
    """Return the kernel that ``spec`` names, fetched unless the cache has it.

    VERSION is the package's ("6.1.176-1"); without one it is what the flavour's metapackage
    points to, else the newest.  Raises InputError when there is no such suite, flavour or
    version, HostError when the mirror fails.
    """
    parts = _SPEC.fullmatch(spec)
    if not parts:
        message = f"'{spec}' is not understood: expected debian:SUITE[:FLAVOUR][=VERSION]"
        raise InputError(message)
    suite = Suite(parts["suite"], recipe.debian_arch)
    image = _image(suite, parts["flavour"], parts["version"], recipe)
    packages = [image, *_others(suite, image)]
    digests = "".join(package.sha256 for package in packages)
    index, until = suite.index_file()
    kernel = from_archives(
        hashlib.sha256(digests.encode()).hexdigest(),
        archives.debs(lambda: [suite.fetch(package) for package in packages]),
        recipe,
        f"debian:{suite.suite} {image.name} {image.version}",
        image.version,
        # Packages in the cache are found after the suite has superseded them.
        files=[index, suite.kept],
    )
    name = _IMAGE.fullmatch(image.name)
    flavour = name["flavour"] if name else ""
    pinned = f"debian:{suite.suite}:{flavour}={image.version}"
    return dataclasses.replace(kernel, spec=pinned, until=until)


def _image(suite: Suite, flavour: str | None, version: str | None, recipe: Recipe) -> Package:
    flavours = (flavour,) if flavour else recipe.flavours
    for name in flavours:
        found = _latest(suite, name) if version is None else _of_version(suite, name, version)
        if found:
            return found
    message = f"{suite.suite} has no linux-image-{'|'.join(flavours)} for {suite.arch}"
    if version and (there := _versions(suite, flavours)):
        message += f" of version {version}: expected one of {', '.join(there)}"
    elif known := sorted(_flavours(suite)):
        message += f": expected one of the flavours {', '.join(known)}"
    else:
        message += ": it has no kernels for this architecture at all"
    raise InputError(message)


def _latest(suite: Suite, flavour: str) -> Package | None:
    """Follow the metapackage; without one, take the newest image of the flavour."""
    if meta := suite.find(f"linux-image-{flavour}"):
        for name, version in _DEPENDENCY.findall(meta.depends):
            if name.startswith("linux-image-") and (found := suite.find(name, version)):
                return found
    images = [suite.find(name) for name in _images(suite, flavour)]
    return newest([image for image in images if image])


def _of_version(suite: Suite, flavour: str, version: str) -> Package | None:
    """Return the image of ``version``, the signed one if there are both."""
    found = [suite.find(name, version) for name in _images(suite, flavour)]
    unsigned = [suite.find(name, version) for name in _images(suite, f"{flavour}-unsigned")]
    return next((image for image in [*found, *unsigned] if image), None)


def _others(suite: Suite, image: Package) -> list[Package]:
    """Return the packages that the image is split over since Debian's 6.19; mostly none."""
    others = []
    for name, version in _DEPENDENCY.findall(image.depends):
        found = suite.find(name, version)
        if found is None:
            message = (
                f"{suite.suite} has {image.name} {image.version} but not its {name}: "
                "this version was superseded; take a newer one"
            )
            raise InputError(message)
        others.append(found)
    return others


def _images(suite: Suite, flavour: str) -> list[str]:
    names = suite.names("linux-image-")
    return [name for name in names if (m := _IMAGE.fullmatch(name)) and m["flavour"] == flavour]


def _flavours(suite: Suite) -> set[str]:
    matches = [_IMAGE.fullmatch(name) for name in suite.names("linux-image-")]
    return {m["flavour"] for m in matches if m and not m["flavour"].endswith(("-dbg", "unsigned"))}


def _versions(suite: Suite, flavours: tuple[str, ...]) -> list[str]:
    names = [name for flavour in flavours for name in _images(suite, flavour)]
    return list(dict.fromkeys(version for name in names for version in suite.versions(name)))
