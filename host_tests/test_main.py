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


def started(cwd: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=cwd, env={**os.environ, **variables},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_nothing_is_imported_from_where_the_user_stands(tmp_path):
    names = ("logging", "argparse", "contextlib", "gc", "pytest", "random", "tempfile", "json")
    for name in names:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not this one')\n")
    done = started(tmp_path, "kernel", "--arch", "mips")
    assert done.stderr.startswith("harness: unknown architecture 'mips'")
    assert done.returncode == 200


@pytest.mark.parametrize(
    "broken", ["harness.cli", "harness.errors", "harness.host.output", "pytest"]
)
def test_an_import_that_fails_is_no_fail_of_a_kernel(tmp_path, broken):
    """Where the code of Python, 1, would name an innocent commit."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{broken!r}] = None\n")
    done = started(ROOT, "run", "--arch", "x86_64", "-k", "no_such", PYTHONPATH=str(tmp_path))
    assert done.returncode == 125
    assert broken in done.stderr
    assert "ModuleNotFoundError" in done.stderr


def test_a_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m harness kernel --arch mips"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode in {125, 200}
