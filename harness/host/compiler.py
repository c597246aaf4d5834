# SPDX-License-Identifier: GPL-2.0-only
"""Compile C for the guests: find the compiler of an architecture and run it."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness.architectures import Recipe

# gnu11, not c11: strerrorname_np(3), pipe2(2) and the like are GNU's.
COMPILE = (
    *("-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"),
    *("-ffunction-sections", "-fdata-sections"),
)
# Static: the guest's libc is Debian's for its sshd, of whatever version, and of one
# architecture only.
LINK = ("-static", "-Wl,--gc-sections", "-Wl,--strip-all", "-Wl,--build-id=none")


class BuildError(InputError):
    """A program does not compile; the message is the compiler's (exit code 2)."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler whose programs run on the guests of one architecture."""

    arch: str
    command: tuple[str, ...]
    # What it says of itself: part of what a binary is made from.
    version: str

    def made_from(self, folder: Path, flags: Sequence[str], files: Sequence[str]) -> str:
        """Return a name for what this compiler makes of ``files``, which are in ``folder``.

        It depends on the compiler, the flags, and the names and contents of the files:
        headers must be among them.
        """
        digest = hashlib.sha256()
        for part in [*self.command, self.version, *flags, *files]:
            digest.update(part.encode() + b"\0")
        for file in files:
            digest.update(hashlib.sha256((folder / file).read_bytes()).digest())
        return digest.hexdigest()[:16]

    def compile(self, folder: Path, source: str, arguments: Iterable[str]) -> None:
        """Run the compiler in ``folder`` with ``arguments``; ``source`` is the file to blame.

        Raises BuildError with the compiler's words when it does not like what it reads, and
        HostError when it does not run.
        """
        said = _run([*self.command, *arguments], folder)
        if said.returncode:
            message = f"{folder.name}/{source} does not compile for {self.arch}:\n"
            raise BuildError(message + said.stdout.rstrip())


def find(recipe: Recipe) -> Compiler:
    """Return the compiler for ``recipe``: ``$CC_<arch>``, else ``<recipe.cross>-gcc``.

    The variable is a command with its arguments.  Raises HostError, with what to install,
    when there is no such program or it does not run.
    """
    variable = f"CC_{recipe.arch}"
    try:
        command = tuple(shlex.split(os.environ.get(variable, ""))) or (f"{recipe.cross}-gcc",)
    except ValueError as error:
        message = f"{variable}={os.environ[variable]} is not a command: {error}"
        raise InputError(message) from error
    if not shutil.which(command[0]):
        packages = f"{recipe.host_packages['compiler']} {recipe.host_packages['libc']}"
        message = (
            f"no compiler for {recipe.arch}: {command[0]} is not in PATH; "
            f"apt-get install {packages}, or name one in {variable}"
        )
        raise HostError(message)
    return Compiler(recipe.arch, command, _version(command))


@functools.cache  # image and programs ask one after the other
def _version(command: tuple[str, ...]) -> str:
    said = _run([*command, "--version"], None)
    if said.returncode:
        message = f"{shlex.join(command)} --version failed:\n{said.stdout}"
        raise HostError(message)
    return said.stdout


def _run(command: list[str], folder: Path | None) -> subprocess.CompletedProcess[str]:
    # Messages in English, and paths relative to the sources: both end in what users read.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        message = f"cannot run {shlex.join(command)}: {error}"
        raise HostError(message) from error
