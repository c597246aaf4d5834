# SPDX-License-Identifier: GPL-2.0-only
"""What a peer is given, and what is said when it cannot run."""

from __future__ import annotations

import ensurepip
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import architectures
from harness.kernels.kernel import Kernel
from harness.kernels.version import Version
from harness.run.settings import Settings
from harness.selftest.bench import peers
from harness.selftest.bench.bench import Bench
from harness.selftest.bench.figures import BenchError


def bench(folder, arch="x86_64", accelerator="tcg"):
    plan = SimpleNamespace(
        settings=Settings(arch), recipe=architectures.load(arch), programs=(), scale=4.0,
        choice=SimpleNamespace(name=accelerator),
    )  # fmt: skip
    found = Bench(plan, 1, folder)
    object.__setattr__(found, "trivial_case", lambda: SimpleNamespace(profile="contract"))
    return found


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A PATH with all that it needs, and no more."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in peers._TOOLS:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def only(part):
    [figure] = part
    assert figure.median is None
    return figure.note


@pytest.mark.usefixtures("tools")
def test_it_is_not_for_guests_of_another_architecture(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures.platform, "machine", lambda: "x86_64")
    note = only(peers.peers(bench(tmp_path, arch="arm64")))
    assert note == "it shares the host's root with the guest: not for arm64"


def test_what_the_host_lacks_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(peers.shutil, "which", lambda tool, **_: tool == "file" or None)
    note = only(peers.peers(bench(tmp_path)))
    assert note == (
        "it needs modprobe, depmod, busybox on the host: apt-get install busybox-static kmod"
    )


def test_an_installation_that_fails_is_no_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho one; echo no space left >&2; exit 1")
    python.chmod(0o755)
    monkeypatch.setattr(peers.sys, "executable", str(python))
    with pytest.raises(BenchError, match="could not be installed: no space left"):
        peers._installed("/usr/bin:/bin")
    assert not list(tmp_path.glob("peers/*/installed"))


def test_it_is_installed_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    # What every new virtual environment has: nothing is fetched.
    monkeypatch.setattr(peers, "_PACKAGE", "pip")
    monkeypatch.setattr(peers, "_VERSION", ensurepip.version())
    folder = peers._installed("/usr/bin:/bin")
    assert (folder / "bin" / "pip").exists()
    monkeypatch.setattr(peers, "_command", None)
    assert peers._installed("/usr/bin:/bin") == folder


def test_a_guest_like_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "_VIRTIOFSD", ())
    monkeypatch.setattr(peers.shutil, "which", lambda _: None)
    assert peers.arguments(bench(tmp_path), Path("vmlinuz")) == [
        "--run", "vmlinuz", "--cpus", "1", "--memory", "1024M", "--disable-kvm", "--force-9p"
    ]  # fmt: skip
    assert "--disable-kvm" not in peers.arguments(bench(tmp_path, accelerator="kvm"), Path("v"))
    monkeypatch.setattr(peers, "_VIRTIOFSD", (sys.executable,))
    assert "--force-9p" not in peers.arguments(bench(tmp_path), Path("v"))


def test_the_kernel_is_laid_out_as_an_installed_one(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(b"kernel")
    kernel = Kernel("x86_64", image, "6.1.0-50", Version.parse("6.1"), None, None, "", "ab")
    found = peers._lay_out(kernel, tmp_path / "root")
    assert found == tmp_path / "root/boot/vmlinuz-6.1.0-50"
    assert found.read_bytes() == b"kernel"
    assert (tmp_path / "root/lib/modules/6.1.0-50/kernel").is_dir()
