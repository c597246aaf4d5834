# SPDX-License-Identifier: GPL-2.0-only
"""Build trouble.ko for a kernel of Debian's, with that kernel's own headers."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from harness.debian.apt import Suite
from harness.errors import HostError, InputError
from harness.host import compiler
from harness.host.cache import cache_dir, locked, new_folder
from harness.kernels.folders import TREES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.plan import Plan

SOURCE = Path(__file__).with_name("trouble.c")
# "debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1"
_ORIGIN = re.compile(r"debian:(?P<suite>\S+) linux-image-(?P<release>\S+) (?P<version>\S+)")
_LAST_LINES = 10


def module(plan: Plan) -> Path:
    """Return the path of the module for the kernel of ``plan``, kept in the cache.

    Raises InputError for a kernel that is not Debian's, HostError when it cannot be built.
    """
    key = hashlib.sha256(SOURCE.read_bytes() + plan.kernel.origin.encode()).hexdigest()[:32]
    folder = cache_dir("trouble") / key
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as building:
                _build(plan, building)
    return folder / "trouble.ko"


def _build(plan: Plan, folder: Path) -> None:
    headers = _headers(plan, folder / "headers")
    shutil.copyfile(SOURCE, folder / SOURCE.name)
    (folder / "Kbuild").write_text("obj-m := trouble.o\n")
    prefix = plan.recipe.cross
    cc = shlex.join(compiler.find(plan.recipe).command)
    arch = TREES[plan.recipe.kernel_machine][0]
    _run(
        *("make", "-s", "-C", str(headers), f"M={folder}", f"ARCH={arch}"),
        *(f"CROSS_COMPILE={prefix}-", f"CC={cc}", "modules"),
    )
    # Half of it is for debuggers; the guest has better uses of its time.
    _run(f"{prefix}-strip", "--strip-debug", str(folder / "trouble.ko"))
    shutil.rmtree(folder / "headers")


def _headers(plan: Plan, root: Path) -> Path:
    """Unpack the packages of the kernel's headers below ``root``; return their folder."""
    found = _ORIGIN.match(plan.kernel.origin)
    if found is None:
        raise InputError(
            f"trouble.ko cannot be built for {plan.kernel.origin}: expected a kernel of Debian's "
            "(debian:SUITE), of which the headers can be had"
        )
    release, version = found["release"], found["version"]
    base = release.removesuffix(f"-{plan.recipe.flavours[0]}")
    (host,) = _run("dpkg", "--print-architecture")
    kbuild = f"linux-kbuild-{'.'.join(release.split('.')[:2])}"
    names = [
        (f"linux-headers-{release}", plan.recipe.debian_arch),
        (f"linux-headers-{base}-common", plan.recipe.debian_arch),
        # Programs that run here.
        (kbuild, host),
    ]
    for name, arch in names:
        suite = Suite(found["suite"], arch)
        package = suite.find(name, version)
        if package is None:
            raise HostError(f"{found['suite']} has no {name} {version} (any more)")
        _run("dpkg-deb", "-x", str(suite.fetch(package)), str(root))
    folder = root / "usr/src" / f"linux-headers-{release}"
    # It names the common part by its place in an installed system.
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    return folder


def _run(*argv: str) -> Sequence[str]:
    """Run a program and return the lines it printed; HostError, with the last, when it fails."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
        raise HostError(f"{shlex.join(argv)} failed:\n{said}")
    return done.stdout.splitlines()
