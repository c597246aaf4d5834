# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness run``: a pytest session with exit codes of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import architectures
from harness.errors import INTERRUPTED, HarnessError
from harness.host.cache import cache_dir
from harness.plugin.session import STATE
from harness.verdicts.verdict import exit_code

if TYPE_CHECKING:
    import argparse

    from harness.run.plan import Plan

# Plugins of pytest that guest cases have no use for: each costs its import and its part in
# every hook call.
_WITHOUT = (
    *("debugging", "doctest", "junitxml", "legacypath", "logging", "monkeypatch", "pastebin"),
    *("nfplugin", "recwarn", "setuponly", "setupplan", "stepwise", "subtests"),
    *("threadexception", "tmpdir", "unittest", "unraisableexception", "warnings"),
)


class _Keep:
    """A pytest plugin that gives the session its plan, and keeps its config for after it."""

    config: pytest.Config | None = None

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config
        if (state := config.stash.get(STATE, None)) is not None:
            state.plan = self._plan


def main(options: argparse.Namespace, plan: Plan) -> int:
    """Run the cases that ``options`` selects on ``plan``; return the exit code."""
    # What else is installed has no part in a run; workers inherit it.  pytest's plugins that
    # a user wants are there with pytest itself.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    argv = ["-v", "-p", "harness.plugin", "--assert=plain"]
    argv += [word for name in _WITHOUT for word in ("-p", f"no:{name}")]
    argv += plan.settings.to_argv()
    argv += ["--results", str(options.results.absolute()), "--rootdir", str(architectures.ROOT)]
    argv += ["-c", str(architectures.ROOT / "pyproject.toml")]
    # For --lf: what failed on one architecture says nothing of another.
    argv += ["-o", f"cache_dir={cache_dir('pytest', options.arch)}"]
    # A worker of its own costs half a second of start-up: only when there can be another.
    argv += [] if options.n == "1" else ["-p", "xdist.plugin", "--vms", options.n]
    argv += ["-k", options.k] if options.k else []
    argv += ["-m", options.m] if options.m else []
    argv += ["-x"] if options.x else []
    argv += [f"--maxfail={options.maxfail}"] if options.maxfail else []
    argv += ["--lf"] if options.lf else []
    argv += [_absolute(case) for case in options.cases] or [str(architectures.GUEST_TESTS)]
    keep = _Keep(plan)
    status = pytest.main(argv, plugins=[keep])
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        print("harness: no case matches: see 'pytest guest_tests --collect-only'", file=sys.stderr)
    return _exit_code(status, keep.config)


def _absolute(case: str) -> str:
    """Return a case's id with a path that pytest finds from any folder."""
    path, separator, name = case.partition("::")
    if not Path(path).exists():
        path = str(architectures.ROOT / path)
    return path + separator + name


def _exit_code(status: int, config: pytest.Config | None) -> int:
    """Turn what pytest and the records say into the exit code of the run."""
    state = config.stash.get(STATE, None) if config else None
    if state is not None and state.failure is not None:
        return state.failure.exit_code
    if state is not None and state.interrupted:
        return INTERRUPTED
    records = state.records if state is not None else None
    if state is not None and records is not None and records.run.cases:
        code = exit_code(case.verdict for case in records.run.cases)
        whole = status in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} or state.stopped_early
        # A run that broke off, or that left no records, must not look green, however well its
        # cases went.
        whole = whole and not records.unwritten
        return code if whole or code == 1 else HarnessError.exit_code
    if status in {pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR}:
        # An expression that selects nothing, a case that does not exist.
        return 2
    return HarnessError.exit_code
