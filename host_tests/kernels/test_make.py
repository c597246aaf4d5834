# SPDX-License-Identifier: GPL-2.0-only
"""A build is run with an environment of its own, ended whole, and says why it failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness import architectures
from harness.errors import HostError
from harness.kernels.make import BuildError, build, cause, environment

ARM64 = architectures.load("arm64")


def test_the_environment_is_that_of_the_guest(monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "n -- MUTANTS=x")
    monkeypatch.setenv("KBUILD_OUTPUT", "/elsewhere")
    monkeypatch.setenv("ARCH", "um")
    found = environment(ARM64, {"KBUILD_BUILD_USER": "harness"})
    assert (found["ARCH"], found["CROSS_COMPILE"]) == ("arm64", "aarch64-linux-gnu-")
    assert found["KBUILD_BUILD_USER"] == "harness"
    assert not {"MAKEFLAGS", "KBUILD_OUTPUT"} & set(found)
    assert found["PATH"] == os.environ["PATH"]


def test_what_it_prints_is_kept(tmp_path):
    build(
        ["sh", "-c", "echo $ARCH; pwd >&2"], environment(ARM64), tmp_path / "log", folder=tmp_path
    )
    assert (tmp_path / "log").read_text() == f"arm64\n{tmp_path}\n"


def test_a_failure_has_the_compilers_words(tmp_path):
    with pytest.raises(BuildError, match=r"^mm/a.c:3: error: nonsense$"):
        build(["sh", "-c", "echo ok; echo mm/a.c:3: error: nonsense; exit 2"], {}, tmp_path / "log")
    with pytest.raises(BuildError, match=r"^it ended with 3 and said nothing$"):
        build(["sh", "-c", "exit 3"], {}, tmp_path / "log")


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(HostError, match="cannot write"):
        build(["true"], {}, tmp_path / "no" / "log")


def test_a_failure_without_a_known_word_shows_its_end():
    assert cause("a\nb\n\nc\nd\n") == "b; c; d"
    assert cause("") == ""


def test_an_interrupt_ends_all_of_a_build_and_make_removes_what_is_half_written(tmp_path):
    (tmp_path / "Makefile").write_text("half:\n\techo begun >$@; sleep 300; echo done >>$@\n")
    code = (
        "from pathlib import Path\nfrom harness.kernels.make import build\n"
        "import os\nbuild(['sh', '-c', 'make half; true'], os.environ, Path('log'))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "half").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=60)[1]
    assert not (tmp_path / "half").exists()
