# SPDX-License-Identifier: GPL-2.0-only
"""Build a kernel from fragments of a configuration, over allnoconfig.

A build is reproducible, so that an edit that changes nothing is told from one that does; and it
goes on where it was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.kernels import make
from harness.kernels.folders import TREES
from harness.kernels.make import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.architectures import Recipe

_REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "harness",
    "KBUILD_BUILD_HOST": "harness",
    "KBUILD_BUILD_VERSION": "1",
}
# Before what only some versions of the kernel have: it is asked for, and may be missing.
_OPTIONAL = "#? "
_SYMBOL = re.compile(r"(?:#\?? )?(CONFIG_\w+)(?:=| is not set$)")


@dataclass(frozen=True)
class Build:
    """An output folder of a kernel's source for one architecture and configuration."""

    # The top of the source.
    source: Path
    # The output folder: the kernel that the suite is run on.
    folder: Path
    recipe: Recipe
    # The configuration that is wanted.
    fragment: str

    @property
    def image(self) -> Path:
        """The kernel's image."""
        _, name, targets = TREES[self.recipe.kernel_machine]
        return self.folder / "arch" / name / "boot" / targets[0]

    def make(self) -> str:
        """Build what is not up to date; return the image's SHA256 in hex.

        Raises BuildError when that fails, InputError when the configuration does not come
        out as the fragment wants it.
        """
        self._configure()
        self._run(TREES[self.recipe.kernel_machine][2][0], f"-j{os.cpu_count()}")
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def _configure(self) -> None:
        self.folder.mkdir(exist_ok=True)
        kept = self.folder / "fragment"
        if kept.is_file() and kept.read_text() == self.fragment:
            return
        kept.unlink(missing_ok=True)
        wanted = self.folder / "fragment.wanted"
        wanted.write_text(self.fragment.replace(_OPTIONAL, ""))
        self._run("allnoconfig", f"KCONFIG_ALLCONFIG={wanted}")
        if missing := lacking(self.fragment, (self.folder / ".config").read_text()):
            raise InputError(f"{self.recipe.arch}: Kconfig does not take {', '.join(missing)}")
        kept.write_text(self.fragment)

    def _run(self, target: str, *arguments: str) -> None:
        # On the command line: the environment's O is not heeded.
        command = ["make", "-s", "-C", str(self.source), f"O={self.folder}"]
        variables = make.environment(self.recipe, _REPRODUCIBLE)
        command += [f"{name}={variables[name]}" for name in ("ARCH", "CROSS_COMPILE")]
        try:
            make.build([*command, target, *arguments], variables, self.folder / f"{target}.log")
        except BuildError as error:
            raise BuildError(f"make {target}: {error}") from error


def merged(fragments: Iterable[str]) -> str:
    """Return the symbols that ``fragments`` set; a later one has the last word on a symbol."""
    lines: dict[str, str] = {}
    for fragment in fragments:
        for line in fragment.splitlines():
            if found := _SYMBOL.match(line):
                lines.pop(found[1], None)
                lines[found[1]] = line
    return "".join(f"{line}\n" for line in lines.values())


def lacking(fragment: str, config: str) -> list[str]:
    """Return what ``fragment`` asks for and ``config``, a .config, does not have."""
    there = set(config.splitlines())
    # "is not set" stands there only for a symbol whose dependencies are met.
    names = {line.partition("=")[0] for line in there if line.startswith("CONFIG_")}
    unset = re.findall(r"^# (CONFIG_\w+) is not set$", fragment, re.MULTILINE)
    wanted = [line for line in fragment.splitlines() if line.startswith("CONFIG_")]
    return [line for line in wanted if line not in there] + [n for n in unset if n in names]
