# SPDX-License-Identifier: GPL-2.0-only
"""Run one of Debian's own programs (apt, dpkg-deb) and take what it printed."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.host.process import spawn

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Result:
    """How a program ended and what it printed."""

    # Exit code, or minus the signal.
    code: int
    stdout: bytes
    # The last lines of standard error that say what went wrong, for an error message.
    complaint: str


def run(argv: list[str], env: Mapping[str, str] | None = None, **popen: Any) -> Result:  # noqa: ANN401
    """Run ``argv`` to its end, with ``env`` added to the environment and messages in English.

    ``popen`` goes to subprocess.Popen; ``stdout`` may name a file there.  Whatever interrupts
    the wait (Ctrl-C) ends the program and its children too.

    Raises InputError when the program is not installed.
    """
    popen.setdefault("stdout", subprocess.PIPE)
    environment = {**os.environ, **(env or {}), "LC_ALL": "C"}
    try:
        child = spawn(
            argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, **popen
        )
    except FileNotFoundError as error:
        package = "dpkg" if argv[0].startswith("dpkg") else "apt"
        message = f"'{argv[0]}' is not installed: run 'apt-get install {package}'"
        raise InputError(message) from error
    with child:
        try:
            stdout, stderr = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return Result(child.returncode, stdout or b"", _complaint(stderr.decode(errors="replace")))


def _complaint(stderr: str, lines: int = 4) -> str:
    """Keep the lines that tell a cause; warnings (``W:``) only when there is nothing else."""
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    serious = [line for line in said if not line.startswith(("W:", "N:"))]
    return "; ".join((serious or said)[:lines])
