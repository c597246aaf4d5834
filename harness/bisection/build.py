# SPDX-License-Identifier: GPL-2.0-only
"""Build the kernel of the commit that is checked out, in the worktree itself.

What earlier commits left there is used again by make: only the first build is a whole one.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shlex
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.bisection.git import git
from harness.errors import InputError
from harness.host.cache import host_errors
from harness.kernels.folders import TREES
from harness.kernels.make import BuildError, build, environment

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from harness.architectures import Recipe

log = logging.getLogger("harness")

# Seconds that the processes of a build whose bisection was killed may take to end.
_ORPHANS = 120.0
# Nanoseconds before the end of a build that was cut: a file of then may be half written.
_LAST = 60 * 10**9


def default_command(recipe: Recipe, config: str) -> str:
    """Return the command that builds the kernel, and its modules if ``config`` has any."""
    targets = [TREES[recipe.kernel_machine][2][0]]
    targets += ["modules"] if "\nCONFIG_MODULES=y\n" in f"\n{config}" else []
    return shlex.join(["make", f"-j{os.cpu_count() or 1}", *targets])


@dataclass(frozen=True)
class Builder:
    """How the kernels of a worktree are built."""

    tree: Path
    recipe: Recipe
    # As the shell takes it.
    command: str
    # The .config to begin with: what a commit does not have falls to its default.
    config: Path

    def _note(self, name: str) -> Path:
        """Return a file beside the worktree, which outlives a bisection as that does."""
        return self.tree.with_name(f"{self.tree.name}.{name}")

    def make(self, logs: Path) -> str:
        """Build the kernel; return the SHA256 of its image, in hex.

        What the build prints is in ``logs``.  Raises BuildError when there is no kernel after
        it, HostError when a file cannot be written.
        """
        logs.mkdir(parents=True, exist_ok=True)
        marker = self._note("building")
        with (
            host_errors(f"cannot build in {self.tree}"),
            (self._note("build.lock")).open("w") as held,
        ):
            _await_orphans(held)
            if marker.exists():
                self._discard_last(marker.stat().st_mtime_ns)
            marker.touch()
            for old in self._images():
                # A build that makes none must not look as if it had made the last one's.
                old.unlink(missing_ok=True)
            shutil.copyfile(self.config, self.tree / ".config")
            self._run("make olddefconfig", logs / "configure.log", held)
            self._run(self.command, logs / "build.log", held)
            marker.unlink()
        image = next((path for path in self._images() if path.is_file()), None)
        if image is None:
            raise BuildError(
                f"'{self.command}' made no {self._images()[0].relative_to(self.tree)}: "
                f"see {logs / 'build.log'}"
            )
        return hashlib.sha256(image.read_bytes()).hexdigest()

    def _images(self) -> list[Path]:
        _, name, targets = TREES[self.recipe.kernel_machine]
        return [self.tree / "arch" / name / "boot" / target for target in targets]

    def _run(self, command: str, output: Path, held: IO[str]) -> None:
        cross = os.environ.get("CROSS_COMPILE")
        variables = environment(self.recipe, {"CROSS_COMPILE": cross} if cross else None)
        argv = ["/bin/sh", "-c", command]
        try:
            build(argv, variables, output, folder=self.tree, held=[held.fileno()])
        except BuildError:
            # It ended by itself: all that it left is whole.
            (self._note("building")).unlink(missing_ok=True)
            raise

    def _discard_last(self, began: int) -> None:
        """Remove what a build that began at ``began`` (ns) made last before it was cut.

        A file that is half written was being written then; to make it is up to date.
        """
        _, said = git(self.tree, "ls-files", "--others", "-z")
        paths = [self.tree / name for name in said.split("\0") if name]
        times = {path: path.lstat().st_mtime_ns for path in paths if not path.is_dir()}
        last = max(times.values(), default=began)
        for path, time_ns in times.items():
            if time_ns >= max(began, last - _LAST):
                path.unlink()


def _await_orphans(held: IO[str]) -> None:
    """Wait for the processes of a build whose bisection was killed: they keep the file open."""
    deadline = time.monotonic() + _ORPHANS
    told = False
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InputError(
                    f"processes of an earlier build still run in the worktree: end them "
                    f"('fuser {held.name}' lists them)"
                ) from None
            if not told:
                log.info("waiting for processes of an earlier build to end")
                told = True
            time.sleep(0.2)
        else:
            return
