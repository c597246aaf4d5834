# SPDX-License-Identifier: GPL-2.0-only
"""Folders in TMPDIR: gone with their makers, also with those that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.errors import HostError
from harness.host import scratch

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import time
from harness.host.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "qemu.stderr").touch()
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep_once.cache_clear()
    return tmp_path


@pytest.fixture
def holder(parent):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(parent)},
    )  # fmt: skip
    process.folder = Path(process.stdout.readline().strip())
    yield process
    process.kill()
    process.wait()


def age(folder, seconds=3600):
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_it_is_there_for_a_block_and_nobody_elses(parent):
    with scratch.scratch_folder() as folder:
        assert folder.parent == parent
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert list(parent.iterdir()) == []


def test_a_killed_ones_is_removed_by_the_next(parent, holder):
    assert holder.folder.is_dir()
    age(holder.folder)
    scratch.sweep(parent)
    assert holder.folder.is_dir(), "its maker lives"
    holder.kill()
    holder.wait()
    assert holder.folder.is_dir()
    with scratch.scratch_folder() as folder:
        assert list(parent.iterdir()) == [folder]


def test_what_is_young_or_not_ours_stays(parent):
    names = ["uffd-minor-harness-young", "uffd-minor-harness-theirs", "uffd-other", "old"]
    for name in names:
        (parent / name).mkdir()
        age(parent / name, 3600 if "young" not in name else 1)
    if os.geteuid() == 0:
        os.chown(parent / names[1], 1234, 1234)
    else:
        (parent / names[1]).rmdir()
        names.remove(names[1])
    (parent / "uffd-minor-harness-link").symlink_to(parent / "old")
    scratch.sweep(parent)
    assert {path.name for path in parent.iterdir()} == {*names, "uffd-minor-harness-link"}


def test_no_place_for_it(parent, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(parent / "gone"))
    with pytest.raises(HostError, match="cannot make a temporary folder; TMPDIR names another"):
        scratch.scratch_folder().__enter__()
