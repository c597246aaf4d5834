# SPDX-License-Identifier: GPL-2.0-only
"""What is said of the machine."""

from __future__ import annotations

import subprocess

import pytest

from harness import architectures
from harness.errors import InputError
from harness.selftest.bench import host

X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) @ 2.80GHz\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("text", "model"), [(X86, "Intel(R) Xeon(R) @ 2.80GHz"), (ARM, ""), ("", "")]
)
def test_the_cpu(text, model):
    assert host.cpu_model(text) == model


def test_the_memory():
    assert host.memory_mib("MemTotal:       24684220 kB\nMemFree:  1 kB\n") == 24105


def test_this_machine():
    found = host.this_host()
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_mib > 100
    assert found.load >= 0


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
