# SPDX-License-Identifier: GPL-2.0-only
"""Real kernels, one of each format; kept in the user's cache between runs.

All from the stable suite: one index, and one that does not expire, as those of sid do.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.debian.apt import Suite
from harness.debian.deb import Deb
from harness.errors import HostError

# importlib mode leaves sys.path alone: this lets the tests import packing.
sys.path.insert(0, str(Path(__file__).parent))


def vmlinuz(suite: str, arch: str, pattern: str) -> bytes:
    """The image in the newest package whose name is ``pattern``."""
    debian = Suite(suite, arch)
    names = [name for name in debian.names("linux-") if re.fullmatch(pattern, name)]
    package = debian.find(names[-1])
    assert package is not None
    with Deb(debian.fetch(package)) as deb:
        return deb.read(next(name for name in deb.names() if "vmlinuz" in name))


@pytest.fixture(scope="session")
def bzimage() -> bytes:
    return vmlinuz("bookworm", "amd64", r"linux-image-\d[^-]*-\d+-amd64")


@pytest.fixture(scope="session")
def bzimage_i386() -> bytes:
    return vmlinuz("bookworm", "i386", r"linux-image-\d[^-]*-\d+-686-pae")


@pytest.fixture(scope="session")
def arm64_image() -> bytes:
    return vmlinuz("bookworm", "arm64", r"linux-image-\d[^-]*-\d+-cloud-arm64")


@pytest.fixture(scope="session")
def zimage() -> bytes:
    return vmlinuz("bookworm", "armhf", r"linux-image-\d[^-]*-\d+-armmp-lpae")


@pytest.fixture(scope="session")
def samples(bzimage, bzimage_i386, arm64_image, zimage) -> dict[str, bytes]:
    """Machine -> a real image for it."""
    return {"x86_64": bzimage, "i386": bzimage_i386, "arm64": arm64_image, "arm": zimage}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    """Skip a test that the mirror cannot serve now, in the middle of its own update, say.

    That is known for some suites and architectures for an hour at a time, and no fault of ours;
    what we do about it is tested in host_tests/debian, with a mirror that fails on demand.
    """
    try:
        return (yield)
    except HostError as error:
        if not str(error).startswith("cannot fetch "):
            raise
        return pytest.skip(str(error))
