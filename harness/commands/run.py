# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness run``: a pytest session with exit codes of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import architectures
from harness.errors import Exit
from harness.host import crash
from harness.host.cache import cache_dir
from harness.plugin.session import STATE
from harness.results import folder
from harness.verdicts.verdict import exit_code

if TYPE_CHECKING:
    import argparse

    from harness.plugin.session import GuestSession
    from harness.run.plan import Plan

# Environment: modules, separated by commas, that are pytest plugins of every run; the bench and the
# soak make their runs with it.  PYTEST_PLUGINS is the user's, for other projects.
PLUGINS = "HARNESS_PYTEST_PLUGINS"

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
    # Here, too: pytest would wrap what is wrong with it in words of its own.
    folder.check(options.results)
    # What else is installed has no part in a run; workers inherit it.  pytest's plugins that
    # a user wants are there with pytest itself.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = ["harness.plugin", *filter(None, os.environ.get(PLUGINS, "").split(","))]
    argv = ["-v", *(word for name in plugins for word in ("-p", name)), "--assert=plain"]
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
    state = keep.config.stash.get(STATE, None) if keep.config else None
    if state is not None and state.internal_error is not None:
        crash.report(state.internal_error)
    return _exit_code(status, state)


def _absolute(case: str) -> str:
    """Return a case's id with a path that pytest finds from any folder: ours, where there is one.

    The user may stand in another copy of the harness.
    """
    path, separator, name = case.partition("::")
    if not Path(path).exists() or (architectures.ROOT / path).exists():
        path = str(architectures.ROOT / path)
    return path + separator + name


def _exit_code(status: int, state: GuestSession | None) -> int:
    """Turn what pytest and the records say into the exit code of the run."""
    if state is not None and state.failure is not None:
        return state.failure.exit_code
    if state is not None and state.interrupted:
        return Exit.INTERRUPTED
    records = state.records if state is not None else None
    if records is not None and records.run.cases:
        code = exit_code(case.verdict for case in records.run.cases)
        # A run that broke off, or that left no records, must not look green, however well its
        # cases went.
        whole = status in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        return code if (whole and not records.unwritten) or code != Exit.OK else Exit.UNTESTED
    if status in {pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR}:
        # An expression that selects nothing, a case that does not exist.
        return Exit.INPUT
    return Exit.UNTESTED
