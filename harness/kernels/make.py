# SPDX-License-Identifier: GPL-2.0-only
"""Run a kernel build: its environment, and why it failed in the compiler's own words."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.host.cache import host_errors
from harness.host.process import spawn
from harness.kernels.folders import TREES
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.architectures import Recipe

# What a line of make's output has that says why a build failed.
_CAUSE = re.compile(r"error:|undefined reference|\*\*\*|No such file")
# What a make that started the harness told its own children, and where a user's own builds go:
# neither is meant for this build.
_NOT_OURS = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KBUILD_OUTPUT")
# Seconds that an interrupted make has to remove the files it was writing.
_GRACE = 10.0


class BuildError(HostError):
    """The build failed; the message has what the compiler said."""


def environment(recipe: Recipe, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a build for ``recipe``: ARCH, CROSS_COMPILE, and ``more``."""
    found = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    found |= {"LC_ALL": "C", "ARCH": TREES[recipe.kernel_machine][0]}
    found["CROSS_COMPILE"] = f"{recipe.cross}-"
    return {**found, **(more or {})}


def build(
    argv: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    *,
    folder: Path | None = None,
    held: Sequence[int] = (),
) -> None:
    """Run ``argv`` in ``folder`` with everything it prints in ``output``.

    ``held`` are file descriptors, of locks, that all its processes keep open.  Raises BuildError
    when it fails.  An interrupt ends all of it, in order if possible.
    """
    with host_errors(f"cannot write {output}"), output.open("wb") as file:
        child = spawn(
            argv,
            env=environment,
            cwd=folder,
            pass_fds=held,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            code = child.wait()
        except BaseException:
            _end_group(child)
            raise
    if code:
        said = output.read_text("utf-8", "replace")
        raise BuildError(clean(cause(said)) or f"it ended with {code} and said nothing")


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End a build and all that it started.

    SIGTERM first: make removes what it was writing then.  Half an object file would count as
    built the next time.
    """
    deadline = time.monotonic() + _GRACE
    os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):  # none of them is left
        while time.monotonic() < deadline:
            child.poll()
            os.killpg(child.pid, 0)
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def cause(output: str, lines: int = 3) -> str:
    """Return the lines of make's ``output`` that say why it failed, on one line."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in said if _CAUSE.search(line)]
    return "; ".join((telling or said[-lines:])[:lines])
