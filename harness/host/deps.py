# SPDX-License-Identifier: GPL-2.0-only
"""Install what the host lacks: ``python3 -m harness.host.deps [ARCH ... | python] [kernel]``.

``kernel`` is what building a kernel needs.

Runs before there is a virtual environment, so it uses the standard library alone.  As root
or with sudo that asks no password it installs through apt-get; otherwise it prints the
command and ends with the exit code of bad input.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from harness import architectures
from harness.errors import InputError
from harness.host import output

_KEYRINGS = Path("/usr/share/keyrings")
# What a kernel of guest_tests/mutants/kernel is built with, as programs or headers, and the
# package of each.  Its compilers are those of the guests' programs; objtool needs libelf.
_KERNEL = {"make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils"}
_LIBELF = (Path("/usr/include/gelf.h"), "libelf-dev")


def _compiler(recipe: architectures.Recipe) -> list[str]:
    """Return the packages of a C compiler for ``recipe`` and of its static libc."""
    if os.environ.get(f"CC_{recipe.arch}"):
        return []
    command = shutil.which(f"{recipe.cross}-gcc")
    if recipe.cross.startswith(platform.machine()):
        native = list(Path("/usr/lib").glob(f"{recipe.cross}/libc.a"))
        return [] if command and native else ["gcc", "libc6-dev"]
    libc = Path("/usr", recipe.cross, "lib", "libc.a")
    wanted = recipe.host_packages
    return [] if command and libc.exists() else [wanted["compiler"], wanted["libc"]]


def missing_for_kernels() -> list[str]:
    """Return the packages for building a kernel that are not here, beside the compilers."""
    packages = [package for program, package in _KERNEL.items() if not shutil.which(program)]
    header, package = _LIBELF
    # For what the build runs on the host itself.
    packages += [] if shutil.which("gcc") else ["gcc", "libc6-dev"]
    return packages if header.exists() else [*packages, package]


def missing(arches: list[str]) -> list[str]:
    """Return the Debian packages that testing ``arches`` needs and this host lacks."""
    packages = []
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        packages.append("python3-venv")
    if not list(_KEYRINGS.glob("debian-archive-keyring.*")):
        packages.append("debian-archive-keyring")
    for arch in arches:
        recipe = architectures.load(arch)
        if not shutil.which(recipe.qemu):
            packages.append(recipe.host_packages["qemu"])
        packages += [
            package for each in architectures.builders(recipe) for package in _compiler(each)
        ]
    return sorted(set(packages))


def _apt_get(prefix: list[str], *arguments: str) -> bool:
    command = [*prefix, "apt-get", *arguments]
    print("+", shlex.join(command), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, check=False).returncode == 0


def install(packages: list[str]) -> None:
    """Install ``packages`` with apt-get.

    Raises InputError, with the command to run, when that is not allowed or does not work.
    """
    arguments = ["install", "-y", "--no-install-recommends", *packages]
    by_hand = f"run:\n\n    sudo apt-get {shlex.join(arguments)}\n"
    if shutil.which("apt-get") is None:
        raise InputError(f"this is not a Debian system; it needs {', '.join(packages)}")
    if os.geteuid() == 0:
        prefix = []
    elif (
        shutil.which("sudo")
        and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode
    ):
        prefix = ["sudo", "-n"]
    else:
        raise InputError(f"packages are missing and only root can install them: {by_hand}")
    # The lists may be old or, in a fresh container, not there at all.
    if not (
        _apt_get(prefix, *arguments)
        or (_apt_get(prefix, "update") and _apt_get(prefix, *arguments))
    ):
        raise InputError(f"apt-get could not install what is missing; see above, then {by_hand}")


def main(arches: list[str]) -> int:
    """Check the host for ``arches``, install what is missing, and return the exit code.

    No architecture means all of them, ``python`` means what every one of them needs, and
    ``kernel`` adds what building one needs.
    """
    kernel = "kernel" in arches
    arches = [arch for arch in arches if arch != "kernel"]
    arches = [] if arches == ["python"] else arches or architectures.names()
    try:
        packages = missing(arches) + (missing_for_kernels() if kernel else [])
        if packages:
            print(f"missing on this machine: {' '.join(packages)}", flush=True)
            install(packages)
    except InputError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    output.never_fail()
    sys.exit(main(sys.argv[1:]))
