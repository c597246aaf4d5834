# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU in PATH, real ones and wrappers around them that lack something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import architectures
from harness.errors import HostError
from harness.machine import qemu

ROOT = Path(__file__).resolve().parents[2]
RECIPE = architectures.load("arm64")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def wrapped(tmp_path, monkeypatch):
    """Put a script before the real QEMU: shell code that sees its arguments in $*."""
    real = shutil.which(RECIPE.qemu)

    def wrap(code):
        script = tmp_path / "bin" / RECIPE.qemu
        script.parent.mkdir(exist_ok=True)
        counter = tmp_path / "started"
        script.write_text(f'#!/bin/sh\necho x >> {counter}\n{code}\nexec {real} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
        return script, counter

    return wrap


@pytest.mark.parametrize("arch", architectures.names())
def test_the_distributions_will_do(arch):
    recipe = architectures.load(arch)
    found = qemu.check(recipe)
    assert found.path == Path(shutil.which(recipe.qemu))
    assert found.version.startswith("QEMU emulator version ")
    assert found.sandbox


def lacks(option, words):
    return f'case "$*" in *"{option}"*) echo "qemu: {words}" >&2; exit 1;; esac'


def test_one_without_seccomp_is_taken_without_its_sandbox(wrapped):
    wrapped(lacks("-sandbox", "-sandbox support is not enabled in this QEMU binary"))
    assert not qemu.check(RECIPE).sandbox


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (lacks("-netdev", "network backend 'user' is not compiled into this binary"),
         "qemu: network backend 'user' is not compiled"),
        (lacks("-action", "-action: invalid option"), "qemu: -action: invalid option"),
        (lacks("-machine", "unsupported machine type"), "qemu: unsupported machine type"),
        ("echo QEMU emulator version 6.2.0; exit 0", "it is version 6.2"),
        ("echo QEMU emulator version 7.1.90; exit 0", "it is version 7.1"),
        ("echo nothing; exit 0", "--version says no version but 'nothing'"),
        ('[ "$1" = --version ] || kill -9 $$', "it ended with -9 and said nothing"),
    ],
)  # fmt: skip
def test_one_that_will_not_do_is_named_with_advice(wrapped, code, why):
    script, _ = wrapped(code)
    with pytest.raises(HostError) as caught:
        qemu.check(RECIPE)
    said = str(caught.value)
    assert said.startswith(f"{script} cannot run the VMs: {why}")
    assert "the oldest that will do is 7.2" in said
    assert "apt-get install qemu-system-arm" in said
    assert "\n" not in said


def test_one_that_does_not_run(wrapped):
    script, _ = wrapped("")
    script.write_text("#!/no/such/shell\n")
    with pytest.raises(HostError, match=f"{script} cannot run the VMs: it does not run"):
        qemu.check(RECIPE)


def test_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="qemu-system-aarch64 is not in PATH: run 'make deps'"):
        qemu.check(RECIPE)


def test_a_program_is_asked_once_and_again_when_it_is_another(wrapped):
    script, counter = wrapped("")
    old = script.stat().st_mtime - 3600
    os.utime(script, (old, old))
    qemu.check(RECIPE)
    # Not remembered yet: a file that has just changed may change again (harness.host.memo).
    qemu.time.sleep(2.1)
    qemu.check(RECIPE)
    asked = len(counter.read_text().splitlines())
    qemu.check(RECIPE)
    assert len(counter.read_text().splitlines()) == asked
    wrapped("# another")
    qemu.check(RECIPE)
    assert len(counter.read_text().splitlines()) > asked


def test_loopback():
    qemu.check_loopback()
    if subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a network namespace needs root")
    code = "from harness.machine.qemu import check_loopback; check_loopback()"
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "127.0.0.1 cannot be reached (Network is unreachable)" in last
    assert last.endswith("is the loopback interface down? ip link set lo up")
