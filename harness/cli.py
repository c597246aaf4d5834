# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ``python -m harness run``, ``rerun``, ``matrix``, ``soak`` and others."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import sys
from typing import TYPE_CHECKING

from harness import options
from harness.errors import INTERRUPTED, HarnessError
from harness.host.clock import since_process_start
from harness.host.process import end_on_sigterm
from harness.run.plan import prepare
from harness.run.settings import from_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """Show the harness's log on stderr."""
    log = logging.getLogger("harness")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("harness: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _do(chosen: argparse.Namespace) -> int:
    """Carry out the command; each is imported by itself: no two need the same."""
    command = importlib.import_module(f"harness.commands.{chosen.command}")
    replay = None
    if chosen.command == "rerun":
        replay = command.Replay(chosen)
        chosen = options.parser().parse_args(replay.words())
        command = importlib.import_module(f"harness.commands.{chosen.command}")
    if chosen.command == "run":
        # Before pytest, which would wrap what is wrong with the input in words of its own.
        with _progress():
            plan = prepare(from_options(chosen))
            if replay is not None:
                replay.check(plan)
        plan.durations["startup"] = since_process_start()
        return int(command.main(chosen, plan))
    gc.enable()
    with _progress():
        if chosen.command in {"bisect", "kernel", "matrix", "mutation", "soak"}:
            return int(command.main(chosen))
        return int(command.main(chosen, prepare(from_options(chosen))))


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name); return the exit code."""
    chosen = options.parser().parse_args(argv)
    end_on_sigterm()
    try:
        return _do(chosen)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return INTERRUPTED
