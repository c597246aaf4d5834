# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness`` itself: where compiled modules are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def harness(tmp_path):
    def start(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"HARNESS_CACHE": str(tmp_path / "cache"), **variables}
        return subprocess.run(
            [sys.executable, "-v", "-m", "harness", "--help"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip

    return start


def compiled(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("cli.*.pyc"))


def test_bytecode_that_must_not_stand_beside_its_source_is_kept_in_the_cache(tmp_path, harness):
    harness(PYTHONDONTWRITEBYTECODE="1")
    kept = tmp_path / "cache" / "bytecode"
    assert compiled(kept) == [f"cli.{sys.implementation.cache_tag}.pyc"]
    again = harness(PYTHONDONTWRITEBYTECODE="1")
    assert f"# code object from '{kept}{ROOT}/harness/cli" in again.stderr


def test_otherwise_python_does_as_it_always_does(tmp_path, harness):
    harness(PYTHONPYCACHEPREFIX=str(tmp_path / "prefix"))
    assert compiled(tmp_path / "prefix")
    harness(PYTHONPYCACHEPREFIX=str(tmp_path / "unused"), PYTHONDONTWRITEBYTECODE="1")
    assert not compiled(tmp_path / "unused")
    assert not (tmp_path / "cache" / "bytecode").exists()


def test_a_cache_that_cannot_be_used_is_no_reason_not_to_help(tmp_path, harness):
    (tmp_path / "file").touch()
    done = harness(PYTHONDONTWRITEBYTECODE="1", HARNESS_CACHE=str(tmp_path / "file"))
    assert done.stdout.startswith("usage: python -m harness")
