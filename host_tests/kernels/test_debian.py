# SPDX-License-Identifier: GPL-2.0-only
"""Real packages of both layouts; downloaded once, into the user's cache."""

from __future__ import annotations

import time

import pytest

from harness.architectures import load
from harness.debian.apt import Suite
from harness.errors import InputError
from harness.kernels.debian import _IMAGE
from harness.kernels.find import find
from harness.kernels.version import Version

X86 = load("x86_64")
I386 = load("i386")


@pytest.mark.parametrize(
    ("spec", "version"),
    [("debian:bookworm:cloud-amd64", Version(6, 1, 1)), ("debian:sid:cloud-amd64", Version(7, 0))],
    ids=["one package", "split"],
)
def test_both_layouts(spec, version):
    kernel = find(spec, X86)
    assert kernel.version > version
    assert kernel.version.major == version.major
    assert kernel.release.endswith("-cloud-amd64")
    assert kernel.config.whole
    assert kernel.config["CONFIG_USERFAULTFD"] == "y"
    assert kernel.modules is not None
    assert "8250_base" in kernel.modules.builtin()
    module = kernel.modules.read("virtio-net")
    assert module is not None
    assert module.startswith(b"\x7fELF")
    assert kernel.release.encode() in module  # vermagic
    began = time.monotonic()
    again = find(spec, X86)
    took = time.monotonic() - began
    assert (again.image, again.sha256, again.config) == (
        kernel.image,
        kernel.sha256,
        kernel.config,
    )
    assert again.modules is not None
    assert again.modules.read("virtio_net") == module
    assert took < 0.5  # 0.06 s on an idle machine


def test_a_version_that_is_not_the_newest():
    suite = Suite("bookworm", "amd64")
    names = [n for n in suite.names("linux-image-") if n.endswith("-cloud-amd64")]
    versions = {suite.find(n).version for n in names if _IMAGE.fullmatch(n)}
    older = min(versions)
    kernel = find(f"debian:bookworm:cloud-amd64={older}", X86)
    assert kernel.version == Version.parse(older)
    assert older in kernel.origin


def test_without_a_metapackage_the_newest_is_taken():
    # bookworm-backports keeps one kernel for i386, without a metapackage
    assert Suite("bookworm-backports", "i386").find("linux-image-686") is None
    assert find("debian:bookworm-backports:686", I386).release == "6.5.0-0.deb12.4-686"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("debian:", "expected debian:SUITE"),
        ("debian:bookworm:a:b", "expected debian:SUITE"),
        ("debian:bookworm:nosuch", r"flavours amd64, cloud-amd64, rt-amd64$"),
        ("debian:bookworm=6.1.1-1", r"of version 6\.1\.1-1: expected one of .*6\.1\.\d+-\d"),
        ("debian:nosuch", "'nosuch'.*bookworm"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(spec, message):
    with pytest.raises(InputError, match=message):
        find(spec, X86)


def test_an_architecture_debian_builds_no_kernels_for_any_more():
    with pytest.raises(InputError, match="no kernels for this architecture"):
        find("debian:trixie", I386)


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("linux-image-6.1.0-50-amd64", "amd64"),
        ("linux-image-6.12.107+deb13-arm64-16k", "arm64-16k"),
        ("linux-image-6.5.0-0.deb12.4-686-pae", "686-pae"),
        ("linux-image-7.3-cloud-amd64", "cloud-amd64"),
        ("linux-image-7.3-rc7-amd64", "amd64"),
        ("linux-image-6.1.0-50-amd64-unsigned", "amd64-unsigned"),
        ("linux-image-686-pae", None),
        ("linux-image-amd64", None),
    ],
)
def test_flavours(name, flavour):
    found = _IMAGE.fullmatch(name)
    assert (found and found["flavour"]) == flavour
