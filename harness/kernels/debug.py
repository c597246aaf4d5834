# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that look for bugs themselves: ``debug:NAME[+NAME][:SUITE][=VERSION]``.

NAME is a fragment in ``guest_tests/debug_kernels/``, over the configuration of the mutation
kernel; with "+" a kernel has several.  The source is the newest that the suite has, or that of
VERSION.  It is built when it is asked for, once.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import time
from typing import TYPE_CHECKING

from harness.architectures import GUEST_TESTS
from harness.errors import InputError
from harness.host.cache import locked
from harness.kernels import source
from harness.kernels.build import Build, merged
from harness.kernels.folders import find_in_folder
from harness.kernels.spec import DEBUG

if TYPE_CHECKING:
    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel
    from harness.kernels.source import Source

log = logging.getLogger("harness")

FRAGMENTS = GUEST_TESTS / "debug_kernels"
# What the small kernels of the mutation tests are made of: all that the suite needs.
SMALL = GUEST_TESTS / "mutants" / "kernel"
# Of all debug kernels.
_COMMON = "common"
# The newest long-term kernel that Debian has.
_SUITE = "trixie"
_SPEC = re.compile(rf"{DEBUG}(?P<name>[^:=]+)(?::(?P<suite>[^:=]+))?(?:=(?P<version>.+))?")


def names() -> list[str]:
    """Return the names of the debug kernels, sorted."""
    return sorted(path.stem for path in FRAGMENTS.glob("*.config") if path.stem != _COMMON)


def find_debug(spec: str, recipe: Recipe) -> Kernel:
    """Return the kernel that ``spec`` names, built unless it is up to date.

    Raises InputError when there is no such name, suite or version, or the architecture has no
    small kernel; HostError when the mirror or the build fails.
    """
    parts = _SPEC.fullmatch(spec)
    if not parts or set(parts["name"].split("+")) - set(names()):
        known = ", ".join(names())
        message = f"'{spec}' is not understood: expected {DEBUG}NAME[+NAME][:SUITE] of {known}"
        raise InputError(message)
    name = parts["name"]
    wanted = fragment(name, recipe)
    suite, package = source.find(parts["suite"] or _SUITE, version=parts["version"])
    tree = source.fetch(suite, package, "debug")
    built = Build(tree.source, tree.folder / f"{recipe.arch}-{name}", recipe, wanted)
    _make(built, tree, name)
    index, until = suite.index_file()
    kernel = find_in_folder(built.folder, recipe)
    return dataclasses.replace(
        kernel,
        origin=f"{DEBUG}{name} {tree.origin}",
        spec=f"{DEBUG}{name}:{suite.suite}={package.version}",
        files=(*kernel.files, index, FRAGMENTS, SMALL),
        until=until,
    )


def fragment(name: str, recipe: Recipe) -> str:
    """Return the configuration of the debug kernel ``name``; InputError when there is none.

    ``name`` may be several with "+" between them; a later one has the last word.
    """
    own = SMALL / f"config-{recipe.arch}"
    if not own.is_file():
        there = ", ".join(path.name.partition("-")[2] for path in sorted(SMALL.glob("config-*")))
        raise InputError(f"there are no debug kernels for {recipe.arch}: expected {there}")
    files = [FRAGMENTS / f"{each}.config" for each in (_COMMON, *name.split("+"))]
    return merged(path.read_text("utf-8") for path in (SMALL / "config", own, *files))


def _make(built: Build, tree: Source, name: str) -> None:
    with locked(built.folder, waiting=f"another process builds {name}: waiting"):
        if not built.image.is_file():
            log.info("building %s of %s for %s: minutes", name, tree.origin, built.recipe.arch)
        began = time.monotonic()
        built.make()
        log.info("%s of %s is built (%.0f s)", name, tree.origin, time.monotonic() - began)
