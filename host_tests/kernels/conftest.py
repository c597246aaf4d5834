# SPDX-License-Identifier: GPL-2.0-only
"""Real kernels, one of each format; kept in the user's cache between runs.

All from the stable suite: one index, and one that does not expire, as those of sid do.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
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


@pytest.fixture(scope="session")
def release(bzimage) -> str:
    """What the kernel in ``bzimage`` calls itself."""
    return bzimage[0x200 + int.from_bytes(bzimage[0x20E:0x210], "little") :].split(b" ")[0].decode()


@pytest.fixture
def own_cache(samples, tmp_path_factory, monkeypatch):  # noqa: ARG001 (fetched before)
    """A cache of the tests' own, for what is made after the real images are there.

    One for all of them: what an image says is worked out once.
    """
    path = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("HARNESS_CACHE", str(path))
    return path


@pytest.fixture
def as_nobody():
    """A folder, and a way to be a user that is not root for a while: root may read all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)

        @contextlib.contextmanager
        def somebody():
            before = os.geteuid()
            if before == 0:
                os.seteuid(_NOBODY)
            try:
                yield
            finally:
                os.seteuid(before)

        yield folder, somebody


_NOBODY = 65534
CONFIG = 'CONFIG_USERFAULTFD=y\n# CONFIG_X is not set\nCONFIG_L=""\n'
KO = b"\x7fELF a module"


@pytest.fixture
def tree(tmp_path, bzimage):
    """What matters of a tree after 'make bzImage modules'."""
    root = tmp_path / "linux"
    (root / "arch/x86/boot").mkdir(parents=True)
    (root / "arch/x86_64/boot").mkdir(parents=True)
    (root / "arch/x86_64/boot/bzImage").symlink_to("../../x86/boot/bzImage")
    (root / "drivers/net").mkdir(parents=True)
    (root / "Kbuild").touch()
    (root / ".config").write_text(CONFIG)
    (root / "arch/x86/boot/bzImage").write_bytes(bzimage)
    (root / "drivers/net/virtio_net.ko").write_bytes(KO)
    (root / "modules.order").write_text("drivers/net/virtio_net.o\n")
    (root / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    return root


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
