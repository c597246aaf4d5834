# SPDX-License-Identifier: GPL-2.0-only
"""A copy of the guest programs' library, a cache for it, and imports of guest_programs, kunit."""

import shutil
import sys
from pathlib import Path

import pytest

from harness import architectures
from harness.suite import programs

# importlib mode leaves it alone.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))

from guest_programs import PROGRAM


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that only these tests use; they share the library's objects."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tree(tmp_path, cache, monkeypatch):
    """A copy of the library with one small program."""
    folder = tmp_path / "guest_tests"
    shutil.copytree(architectures.GUEST_TESTS / "lib", folder / "lib")
    (folder / "small.c").write_text(PROGRAM)
    monkeypatch.setattr(programs, "GUEST_TESTS", folder)
    # Three times as quick, and these programs are run for a moment.
    unoptimised = tuple(flag for flag in programs._COMPILE if flag != "-O2")
    monkeypatch.setattr(programs, "_COMPILE", unoptimised)
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    return folder
