# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU in PATH: whether it can do what a VM of the harness needs, asked once before the first.

It may be anybody's build: too old, or without seccomp, slirp or a machine.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.host.memo import Work, cached_on_disk
from harness.kernels.config import UNKNOWN
from harness.machine.command import ACTION, NETDEV, SANDBOX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.architectures import Recipe

OLDEST = (7, 2)
_VERSION = re.compile(r"version (\d+)\.(\d+)")
# It is up and gone in 0.1 s; the time is for a host that is swapping.
_SECONDS = 60.0
_MEMORY_MIB = 64
_HOLDS_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Qemu:
    """A QEMU that can run the harness's VMs."""

    path: Path
    # As "--version" prints it.
    version: str
    # It can be confined with -sandbox.
    sandbox: bool


def check(recipe: Recipe) -> Qemu:
    """Return the QEMU in PATH for ``recipe``, which has been started once, without a guest.

    What was found out about a program is remembered until the file is another, for a day at most.
    Raises HostError, with its path and what to do, when there is none or it cannot do what is
    needed.
    """
    found = shutil.which(recipe.qemu)
    if found is None:
        raise HostError(
            f"{recipe.qemu} is not in PATH: run 'make deps', or apt-get install "
            f"{recipe.host_packages['qemu']}"
        )
    facts = [found, recipe.machine, recipe.accelerators["tcg"].cpu]
    try:
        known = cached_on_disk("qemu-fit", facts, lambda: _try(found, recipe))
    except _UnfitError as error:
        raise HostError(
            f"{found} cannot run the VMs: {error}; put another one first in PATH (the oldest that "
            f"will do is {OLDEST[0]}.{OLDEST[1]}; Debian's is apt-get install "
            f"{recipe.host_packages['qemu']})"
        ) from error
    return Qemu(Path(found), known["version"], known["sandbox"])


def check_loopback() -> None:
    """Raise HostError unless 127.0.0.1 can be reached, by which guests are spoken to."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=10.0).close()
    except OSError as error:
        raise HostError(
            f"127.0.0.1 cannot be reached ({error.strerror}), and guests are spoken to over it: "
            "is the loopback interface down? ip link set lo up"
        ) from error


class _UnfitError(Exception):
    """What a QEMU cannot do."""


def _try(path: str, recipe: Recipe) -> Work:
    said = _run([path, "--version"]).stdout
    version = _VERSION.search(said)
    if version is None:
        raise _UnfitError(f"--version says no version but {said.strip()[:80]!r}")
    if (int(version[1]), int(version[2])) < OLDEST:
        raise _UnfitError(f"it is version {version[1]}.{version[2]}")
    sandbox = True
    if why := _starts(path, recipe, sandbox=True):
        sandbox = False
        # A precaution, not a need; only when all is well without it, it was to blame.
        if _starts(path, recipe, sandbox=False):
            raise _UnfitError(why)
    # The program may be a script before another one, and has libraries.
    until = time.time() + _HOLDS_SECONDS
    return Work({"version": said.splitlines()[0], "sandbox": sandbox}, [Path(path)], until)


def _starts(path: str, recipe: Recipe, *, sandbox: bool) -> str:
    """Start ``path`` with what VMs are started with, and end it; return why it does not start."""
    argv = [path, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-qmp", "stdio"]
    argv += ["-sandbox", SANDBOX] if sandbox else []
    argv += ["-machine", recipe.machine, "-accel", "tcg", "-cpu", recipe.accelerators["tcg"].cpu]
    argv += ["-m", f"{_MEMORY_MIB}M", "-action", ACTION, "-netdev", NETDEV]
    argv += ["-device", f"{recipe.card(UNKNOWN).device},netdev=net"]
    argv += ["-device", "pvpanic-pci", "-device", "vmcoreinfo"]
    done = _run(argv, '{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n')
    if done.returncode == 0:
        return ""
    said = done.stderr.strip() or f"it ended with {done.returncode} and said nothing"
    return said.splitlines()[0].removeprefix(f"{path}: ")


def _run(argv: Sequence[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnfitError(f"it does not run: {error}") from error
