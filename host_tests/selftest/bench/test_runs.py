# SPDX-License-Identifier: GPL-2.0-only
"""Runs that the bench starts: their cache and environment, and how they are ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.run.settings import Settings
from harness.selftest.bench import runs
from harness.selftest.bench.bench import Bench
from harness.selftest.bench.figures import BenchError


@pytest.fixture
def bench(tmp_path):
    settings = Settings("x86_64", kernel="./no-such-kernel", accelerator="tcg")
    return Bench(SimpleNamespace(settings=settings), 1, tmp_path)


def test_a_cache_without_templates_has_everything_else(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    for name in ("templates", "kernels", "bench"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_text(name)
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    folder = cache / "bench" / "run-1"
    folder.mkdir()
    with runs.no_templates(Bench(None, 1, folder)) as shadow:
        assert [entry.name for entry in shadow.iterdir()] == ["kernels"]
        assert (shadow / "kernels" / "file").read_text() == "kernels"
        (shadow / "templates").mkdir()
        (shadow / "templates" / "made").write_text("by the first run")
    assert not shadow.exists()
    assert (cache / "templates" / "file").read_text() == "templates"
    assert (cache / "kernels" / "file").read_text() == "kernels"


def test_a_run_that_cannot_start_says_what_it_said(bench):
    with pytest.raises(BenchError) as caught:
        runs.run(bench, bench.trivial_id)
    said = str(caught.value)
    assert "ended with 2: " in said
    assert "-m harness run --arch x86_64 --kernel ./no-such-kernel --accel tcg" in said
    assert "| harness: " in said, "its own words"


@pytest.mark.parametrize("code", [2, 125, 130, -9])
def test_a_run_that_broke_off_measures_nothing(tmp_path, code):
    """It has a record, and cases in it maybe."""
    (tmp_path / "watch.json").write_text('{"collected": 0.5}')
    (tmp_path / "run-1").mkdir()
    (tmp_path / "latest-x86_64").symlink_to("run-1")
    (tmp_path / "output.txt").write_text("first\nMISS no VM\n")
    with pytest.raises(BenchError, match=f"ended with {code}: python run\n  | first\n  | MISS"):
        runs._finished(1.0, code, tmp_path, ["python", "run"])


def test_bytecode_is_kept_as_for_a_user_but_not_in_the_tree(bench, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    with pytest.raises(BenchError):
        runs.run(bench, bench.trivial_id)
    assert list(bench.folder.glob("pycache/**/harness/cli.*.pyc"))
