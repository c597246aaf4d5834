# SPDX-License-Identifier: GPL-2.0-only
"""Build trouble.ko for a kernel of Debian's, with that kernel's own headers."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from harness import compiler
from harness.cache import cache_dir, locked, new_folder
from harness.debian.apt import Suite

SOURCE = Path(__file__).with_name("trouble.c")
# "debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1"
_ORIGIN = re.compile(r"debian:(?P<suite>\S+) linux-image-(?P<release>\S+) (?P<version>\S+)")


def module(plan):
    """Return the path of the module for the kernel of ``plan``, kept in the cache."""
    key = hashlib.sha256(SOURCE.read_bytes() + plan.kernel.origin.encode()).hexdigest()[:32]
    folder = cache_dir("trouble") / key
    with locked(folder):
        if not folder.is_dir():
            with new_folder(folder) as building:
                _build(plan, building)
    return folder / "trouble.ko"


def _build(plan, folder):
    headers = _headers(plan, folder / "headers")
    shutil.copyfile(SOURCE, folder / SOURCE.name)
    (folder / "Kbuild").write_text("obj-m := trouble.o\n")
    cc = shlex.join(compiler.find(plan.recipe).command)
    make = ["make", "-s", "-C", headers, f"M={folder}", f"CC={cc}", "modules"]
    subprocess.run(make, check=True, capture_output=True)
    # Half of it is for debuggers; the guest has better uses of its time.
    prefix = plan.recipe.cross
    subprocess.run([f"{prefix}-strip", "--strip-debug", folder / "trouble.ko"], check=True)
    shutil.rmtree(folder / "headers")


def _headers(plan, root):
    """Unpack the packages of the kernel's headers below ``root``; return their folder."""
    found = _ORIGIN.match(plan.kernel.origin)
    release, version = found["release"], found["version"]
    base = release.removesuffix(f"-{plan.recipe.flavours[0]}")
    host = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    kbuild = f"linux-kbuild-{'.'.join(release.split('.')[:2])}"
    names = [
        (f"linux-headers-{release}", plan.recipe.debian_arch),
        (f"linux-headers-{base}-common", plan.recipe.debian_arch),
        # Programs that run here.
        (kbuild, host),
    ]
    for name, arch in names:
        suite = Suite(found["suite"], arch)
        deb = suite.fetch(suite.find(name, version))
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    folder = root / "usr/src" / f"linux-headers-{release}"
    # It names the common part by its place in an installed system.
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    return folder
