# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess

import pytest

from harness.debian.apt import Suite
from harness.debian.deb import Deb, field
from harness.errors import InputError


@pytest.fixture(scope="session")
def busybox():
    suite = Suite("bookworm", "amd64")
    return suite.fetch(suite.find("busybox-static"))


@pytest.fixture
def linked(tmp_path):
    """A package with every sort of link, made by dpkg-deb itself."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: x\nVersion: 1:2-3\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
    )
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/real").write_bytes(b"contents")
    (root / "usr/lib/hard").hardlink_to(root / "usr/lib/real")
    (root / "usr/lib/relative").symlink_to("real")
    (root / "usr/lib/absolute").symlink_to("/usr/lib/relative")
    (root / "usr/lib/outside").symlink_to("/etc/passwd")
    (root / "usr/lib/loop").symlink_to("loop")
    (root / "lib").symlink_to("usr/lib")
    path = tmp_path / "x.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, path], check=True)
    return path


def test_files_are_read(busybox):
    with Deb(busybox) as deb:
        assert "bin/busybox" in deb.names()
        assert deb.read("bin/busybox")[:4] == b"\x7fELF"
        assert deb.read("/bin/busybox") == deb.read("./bin/busybox")
        with pytest.raises(KeyError):
            deb.read("bin/nothing")
        with pytest.raises(KeyError):
            deb.read("bin")
    assert field(busybox, "Package") == "busybox-static"


@pytest.mark.parametrize("name", ["real", "hard", "relative", "absolute"])
@pytest.mark.parametrize("folder", ["usr/lib", "lib"])
def test_links_are_followed_inside_the_package(linked, folder, name):
    with Deb(linked) as deb:
        assert deb.read(f"{folder}/{name}") == b"contents"


@pytest.mark.parametrize("name", ["outside", "loop"])
def test_links_that_lead_nowhere_are_no_files(linked, name):
    with Deb(linked) as deb, pytest.raises(KeyError):
        deb.read(f"usr/lib/{name}")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_package_is_named(busybox, tmp_path, share):
    broken = tmp_path / "broken.deb"
    data = busybox.read_bytes()
    broken.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"broken\.deb is truncated or damaged"):
        Deb(broken)


@pytest.mark.parametrize(
    ("data", "found"), [(b"", "it is empty"), (b"hello", "starts with b'hello'")]
)
def test_what_is_no_package_is_named(tmp_path, data, found):
    path = tmp_path / "text.deb"
    path.write_bytes(data)
    with pytest.raises(InputError, match=found):
        Deb(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.deb: No such file"):
        Deb(tmp_path / "gone.deb")


def test_without_dpkg_the_error_says_what_to_install(busybox, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install dpkg"):
        Deb(busybox)
