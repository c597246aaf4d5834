# SPDX-License-Identifier: GPL-2.0-only
"""The command line: ``python -m harness run``, ``rerun``, ``matrix``, ``soak`` and others."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness import options
from harness.errors import Exit, HarnessError, HostError
from harness.host import output
from harness.host.clock import since_process_start
from harness.host.process import end_on_signals
from harness.run.plan import prepare
from harness.run.settings import from_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence


log = logging.getLogger("harness")

# Commands whose output is all that they make: it is a failure of theirs when it is lost.
_PRINTS_ALONE = frozenset({"config", "contract", "goldens", "kernel", "report"})


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """Show the harness's log on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("harness: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _say(dropped: Sequence[str]) -> None:
    if dropped:
        log.info("%s: set for other programs, they have no part in this", ", ".join(dropped))


def _do(chosen: argparse.Namespace, dropped: Sequence[str]) -> int:
    """Carry out the command; each is imported by itself: no two need the same."""
    command = importlib.import_module(f"harness.commands.{chosen.command}")
    replay = None
    if chosen.command == "rerun":
        replay = command.Replay(chosen)
        chosen = options.parser("run").parse_args(replay.words())
        command = importlib.import_module(f"harness.commands.{chosen.command}")
    if chosen.command == "run":
        # Before pytest, which would wrap what is wrong with the input in words of its own.
        with _progress():
            _say(dropped)
            plan = prepare(from_options(chosen))
            if replay is not None:
                replay.check(plan)
        plan.durations["startup"] = since_process_start()
        return int(command.main(chosen, plan))
    gc.enable()
    with _progress():
        _say(dropped)
        if chosen.command not in {"bench", "shell"}:
            return int(command.main(chosen))
        return int(command.main(chosen, prepare(from_options(chosen))))


def main(argv: Sequence[str], dropped: Sequence[str] = ()) -> int:
    """Run the command line ``argv`` (without the program's name); return the exit code.

    ``dropped`` are variables of the environment that were meant for other programs.
    """
    chosen = options.parser(argv[0] if argv else None).parse_args(argv)
    end_on_signals()
    try:
        _needs_proc()
        code = _do(chosen, dropped)
        if chosen.command in _PRINTS_ALONE and (error := output.lost()):
            raise HostError(f"not all of the output could be written: {error.strerror}")
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    return code


def _needs_proc() -> None:
    """Raise HostError where proc(5) is not mounted: times and processes are read from it."""
    if not Path("/proc/self/stat").exists():
        raise HostError("/proc is not mounted: mount -t proc proc /proc")
