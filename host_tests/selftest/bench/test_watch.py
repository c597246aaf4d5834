# SPDX-License-Identifier: GPL-2.0-only
"""The plugin of the bench in a collection of the real cases."""

from __future__ import annotations

import os
import subprocess
import sys

from harness import architectures


def collected(*words, **environment):
    """Names of the cases that a session with the plugin collects."""
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--arch", "x86_64", *words]
    done = subprocess.run(
        argv, cwd=architectures.ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTEST_PLUGINS": "harness.selftest.bench.watch", **environment},
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_one_case_runs_often_under_names_of_its_own():
    found = collected("guest_tests/api.c::handshake", HARNESS_BENCH_REPEAT="3")
    assert found == [f"guest_tests/api.c::handshake~{n}" for n in range(3)]


def test_of_several_cases_the_first_is_taken():
    found = collected("guest_tests/api.c", HARNESS_BENCH_REPEAT="2")
    assert len(found) == 2
    assert found[0].removesuffix("~0") == found[1].removesuffix("~1")


def test_without_being_asked_it_changes_nothing():
    assert collected("guest_tests/api.c::handshake") == ["guest_tests/api.c::handshake"]


def test_where_there_is_no_case_there_is_none():
    assert collected("host_tests/test_text.py", HARNESS_BENCH_REPEAT="2") == []
