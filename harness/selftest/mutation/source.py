# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's source: Debian's, in the cache, with edits that are always undone.

``guest_tests/mutants/kernel/source.toml`` names the package.  A source tree is kept for each
version of it, beside the output folders of its builds.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import architectures
from harness.debian.apt import Suite
from harness.debian.command import run
from harness.debian.deb import Deb
from harness.errors import HostError, InputError
from harness.host.cache import cache_dir, locked, new_file, new_folder
from harness.selftest.mutation.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.selftest.mutation.mutants import Edit

log = logging.getLogger("harness")


class StaleError(InputError):
    """The text that a mutant replaces is not in the source, or there more than once."""


@dataclass(frozen=True)
class Tree:
    """A kernel's source and the folder that it and its builds are in."""

    folder: Path
    # The package and its version: "linux-source-6.12 6.12.117-1".
    origin: str

    @property
    def source(self) -> Path:
        """The top of the source."""
        return self.folder / "source"

    @property
    def _journal(self) -> Path:
        """Where the text of the files stands that are edited just now, by their names."""
        return self.folder / "edited.json"

    @contextlib.contextmanager
    def edited(self, edits: Sequence[Edit]) -> Iterator[None]:
        """Have ``edits`` in the source for the duration of the block.

        Raises StaleError, with nothing changed, when one does not fit.
        """
        self.restore()
        before: dict[str, str] = {}
        after: dict[str, str] = {}
        for edit in edits:
            before[edit.file] = before.get(edit.file) or self._read(edit.file)
            after[edit.file] = replaced(after.get(edit.file, before[edit.file]), edit)
        with new_file(self._journal) as temporary:
            temporary.write_text(json.dumps(before))
        try:
            for name, text in after.items():
                (self.source / name).write_text(text)
            yield
        finally:
            self.restore()

    def restore(self) -> None:
        """Undo the edits of a run that could not do so itself: it was killed.

        The files are younger then than what was built of them: make builds them again.
        """
        if self._journal.is_file():
            for name, text in json.loads(self._journal.read_text()).items():
                (self.source / name).write_text(text)
            self._journal.unlink()

    def _read(self, name: str) -> str:
        try:
            return (self.source / name).read_text()
        except (OSError, ValueError) as error:
            raise StaleError(f"{name}: cannot be read in {self.origin}: {error}") from error


def replaced(text: str, edit: Edit) -> str:
    """Return ``text`` with ``edit`` made in it; StaleError when it does not fit."""
    if (count := text.count(edit.find)) != 1:
        raise StaleError(f"{edit.file}: the text to replace is there {count} times, not once")
    return text.replace(edit.find, edit.replace)


def fetch() -> Tree:
    """Return the tree of the newest version of the package, fetched and unpacked once.

    Raises InputError when the suite has no such package, HostError when it cannot be fetched
    or unpacked.
    """
    named = tomllib.loads((MUTANTS / "kernel" / "source.toml").read_text())
    # The package is for all architectures: any one's index has it.
    suite = Suite(named["suite"], architectures.for_host().debian_arch)
    package = suite.find(named["package"])
    if package is None:
        raise InputError(f"{named['suite']} has no {named['package']}: see {MUTANTS}/kernel")
    folder = cache_dir("mutation", f"{package.name}_{package.version}")
    tree = Tree(folder, f"{package.name} {package.version}")
    with locked(tree.source):
        if not tree.source.is_dir():
            _unpack(suite.fetch(package), f"usr/src/{package.name}.tar.xz", tree.source)
    return tree


def _unpack(deb: Path, name: str, to: Path) -> None:
    log.info("unpacking %s", deb.name)
    with new_folder(to) as temporary:
        archive = temporary / "source.tar.xz"
        with Deb(deb) as opened:
            archive.write_bytes(opened.read(name))
        command = ["tar", "--extract", "--strip-components=1", "--file", str(archive)]
        result = run([*command, "--directory", str(temporary)])
        if result.code:
            raise HostError(f"cannot unpack {name}: {result.complaint}")
        archive.unlink()
