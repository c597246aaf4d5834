# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's source: Debian's, in the cache, with edits that are always undone.

``guest_tests/mutants/kernel/source.toml`` names the package.  A source tree is kept for each
version of it, beside the output folders of its builds.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.cache import new_file
from harness.kernels import source
from harness.kernels.source import Source
from harness.selftest.mutation.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.selftest.mutation.mutants import Edit


class StaleError(InputError):
    """The text that a mutant replaces is not in the source, or there more than once."""


class Tree(Source):
    """A kernel's source that mutants are made in."""

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
    suite, package = source.find(named["suite"], named["package"])
    found = source.fetch(suite, package, "mutation")
    return Tree(found.folder, found.origin)
