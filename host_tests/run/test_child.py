# SPDX-License-Identifier: GPL-2.0-only
"""A run as a process of its own; host_tests/matrix tries it with runs that end in any way."""

from __future__ import annotations

import sys

import pytest

from harness.errors import HostError
from harness.run.child import last_words, run_child, run_folders


def test_its_end_and_its_output(tmp_path):
    script = "import sys; print('harness: all is well', file=sys.stderr); sys.exit(3)"
    assert run_child([sys.executable, "-c", script], tmp_path / "log", 60.0) == (3, False)
    assert last_words(tmp_path / "log") == "all is well"


def test_one_that_does_not_end_is_ended(tmp_path):
    assert run_child(["sleep", "60"], tmp_path / "log", 0.2) == (-15, True)
    assert last_words(tmp_path / "log") == "it said nothing"


def test_the_harness_has_the_last_word(tmp_path):
    (tmp_path / "log").write_text("harness: no such \x1b[31mcase\nat the end\n\n")
    assert last_words(tmp_path / "log") == "no such case"
    (tmp_path / "log").write_text("a\nKilled\n")
    assert last_words(tmp_path / "log") == "Killed"


def test_the_folders_of_runs(tmp_path):
    (tmp_path / "run-1").mkdir()
    (tmp_path / "latest-arm64").symlink_to("run-1")
    (tmp_path / "log").touch()
    assert run_folders(tmp_path) == ["run-1"]


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(HostError, match="cannot write"):
        run_child(["true"], tmp_path / "no" / "log", 60.0)
