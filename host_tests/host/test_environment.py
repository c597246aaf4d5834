# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of the user's environment before anything of it is used."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from harness.host.environment import absolute, settle, settle_paths


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_are_relative_to_where_the_user_stands(here):
    environment = {
        "HARNESS_CACHE": "cache",
        "VMLINUX": "../vmlinux",
        "TMPDIR": "/somewhere",
        "PATH": "/usr/bin:tools::/bin",
        "CC_arm64": "./llvm/bin/clang --target=aarch64-linux-gnu '-DX=a b'",
        "CC_armhf": "arm-linux-gnueabihf-gcc -O1",
        "HOME": "relative",
    }
    settle_paths(environment)
    assert environment == {
        "HARNESS_CACHE": f"{here}/cache",
        "VMLINUX": f"{here}/../vmlinux",
        "TMPDIR": "/somewhere",
        "PATH": f"/usr/bin:{here}/tools:{here}:/bin",
        "CC_arm64": f"{here}/llvm/bin/clang --target=aarch64-linux-gnu '-DX=a b'",
        "CC_armhf": "arm-linux-gnueabihf-gcc -O1",
        "HOME": "relative",
    }


@pytest.mark.parametrize("odd", ["", "   ", "'never closed", "gcc"])
def test_a_compiler_that_is_no_path_stays_as_it_is(odd):
    environment = {"CC_arm64": odd}
    settle_paths(environment)
    assert environment == {"CC_arm64": odd}


def test_what_is_meant_for_other_programs_is_dropped_and_told():
    environment = {
        "PYTEST_ADDOPTS": "-n 4",
        "PYTEST_PLUGINS": "nosuch",
        "PYTEST_THEME": "nosuch",
        "NO_COLOR": "1",
        "HARNESS_PYTEST_PLUGINS": "ours",
    }
    assert settle(environment) == ["PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_THEME"]
    assert environment == {"NO_COLOR": "1", "HARNESS_PYTEST_PLUGINS": "ours"}


def test_what_pytest_sets_for_its_tests_is_dropped_without_a_word():
    environment = {"PYTEST_CURRENT_TEST": "x", "PYTEST_VERSION": "8", "PYTEST_XDIST_WORKER": "gw0"}
    assert settle(environment) == []
    assert environment == {}


def test_warnings_that_are_errors_in_another_project(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settle({"PYTHONWARNINGS": "error"}) == ["PYTHONWARNINGS"]
        with warnings.catch_warnings(record=True):
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert sys.warnoptions == []


def test_a_home(here, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert absolute("~/linux") == Path("/home/me/linux")
    assert absolute("~nosuch/linux") == here / "~nosuch/linux"
