# SPDX-License-Identifier: GPL-2.0-only
"""What is said of QEMU and of the harness."""

from __future__ import annotations

import subprocess

import pytest

from harness import architectures
from harness.errors import InputError
from harness.selftest.bench import host


def test_the_version_of_qemu():
    version = host.qemu_version(architectures.load("x86_64").qemu)
    assert version[0].isdigit()
    assert "\n" not in version


def test_a_qemu_that_is_not_there():
    with pytest.raises(InputError, match=r"qemu-system-vax does not run .* 'make deps'"):
        host.qemu_version("qemu-system-vax")


def test_the_version_of_the_harness(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures, "ROOT", tmp_path)
    assert host.harness_version() == "", "not from git"
    for argv in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", "v1"]):
        who = ["-c", "user.name=x", "-c", "user.email=x"]
        subprocess.run(["git", "-C", tmp_path, *who, *argv], check=True)
    assert host.harness_version() == "v1"
    monkeypatch.setenv("PATH", "")
    assert host.harness_version() == ""
