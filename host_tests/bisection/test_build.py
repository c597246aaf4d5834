# SPDX-License-Identifier: GPL-2.0-only
"""A kernel is built in the worktree, and what is there after it is what was built."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time

import pytest

from harness import architectures
from harness.bisection.build import Builder, default_command
from harness.errors import InputError
from harness.kernels.make import BuildError


@pytest.fixture
def builder(repo, tmp_path):
    (tmp_path / "config").write_text("CONFIG_X=y\n")
    repo.commit("hole PASS")

    def make(command="make bzImage"):
        x86 = architectures.load("x86_64")
        return Builder(repo.folder, x86, command, tmp_path / "config")

    return make


def test_the_default_command(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    x86, arm64 = map(architectures.load, ("x86_64", "arm64"))
    assert default_command(x86, "CONFIG_A=y\nCONFIG_MODULES=y\n") == "make -j3 bzImage modules"
    assert default_command(arm64, "# CONFIG_MODULES is not set\n") == "make -j3 Image"


def test_the_hash_is_that_of_the_image(builder, repo, tmp_path):
    made = builder().make(tmp_path / "logs")
    image = repo.folder / "arch/x86/boot/bzImage"
    assert made == hashlib.sha256(image.read_bytes()).hexdigest()
    assert image.read_text() == (repo.folder / "kernel").read_text()
    assert (repo.folder / ".config").read_text() == "CONFIG_X=y\n# fitted\n"
    assert (tmp_path / "logs" / "build.log").read_text().startswith("mkdir -p")


def test_an_image_of_before_does_not_stand_for_one(builder, tmp_path):
    builder().make(tmp_path / "logs")
    with pytest.raises(BuildError, match=r"'true' made no arch/x86/boot/bzImage: see .*build.log"):
        builder("true").make(tmp_path / "logs")


def test_a_build_that_failed_is_no_interrupted_one(builder, repo, tmp_path):
    with pytest.raises(BuildError, match="it ended with 3"):
        builder("touch made.o; exit 3").make(tmp_path / "logs")
    builder().make(tmp_path / "logs")
    assert (repo.folder / "made.o").exists()


def test_the_configuration_that_does_not_fit(builder, repo, tmp_path):
    (repo.folder / "Makefile").write_text("olddefconfig:\n\t@echo 'error: Kconfig'; exit 1\n")
    with pytest.raises(BuildError, match="error: Kconfig"):
        builder().make(tmp_path / "logs")


def test_another_cross_compiler(builder, repo, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSS_COMPILE", "my-")
    builder().make(tmp_path / "logs")
    assert (repo.folder / "arch.txt").read_text() == "x86_64 my-\n"


def test_processes_of_a_killed_build_are_waited_for(builder, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO", "harness")
    lock = (tmp_path / "linux.build.lock").open("w")
    subprocess.run(["flock", str(lock.fileno())], pass_fds=[lock.fileno()], check=True)
    timer = threading.Timer(1.0, lock.close)
    timer.start()
    began = time.monotonic()
    builder().make(tmp_path / "logs")
    assert time.monotonic() - began > 0.9
    assert "waiting for processes of an earlier build to end" in caplog.text
    lock = (tmp_path / "linux.build.lock").open("w")
    subprocess.run(["flock", str(lock.fileno())], pass_fds=[lock.fileno()], check=True)
    monkeypatch.setattr("harness.bisection.build._ORPHANS", 0.3)
    with pytest.raises(InputError, match="processes of an earlier build still run"):
        builder().make(tmp_path / "logs")
    lock.close()
