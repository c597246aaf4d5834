# SPDX-License-Identifier: GPL-2.0-only
"""What a dump says of the tasks that do not go on, as text: drgn reads it.

drgn (the extra ``[vmcore]``) takes a second and hundreds of MB for a kernel's debug information,
and a dump is a guest's: so it is a process of its own, ``python -m harness.aftermath.stacks
VMCORE VMLINUX``, with a time limit.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Of one guest: 60 tasks without its kernel threads.
_MOST_TASKS = 40
_SECONDS = 60.0
_VMLINUX = "VMLINUX"


def summary(vmcore: Path, vmlinux: Path | None) -> str | None:
    """Return what is said of the tasks in ``vmcore``, and of what cannot be read.

    ``vmlinux`` has the kernel's debug information; ``$VMLINUX`` names another.  None when there
    is none, or no drgn.
    """
    named = os.environ.get(_VMLINUX)
    path = Path(named) if named else vmlinux
    if path is None or importlib.util.find_spec("drgn") is None:
        return None
    argv = [sys.executable, "-m", "harness.aftermath.stacks", str(vmcore), str(path)]
    try:
        done = subprocess.run(
            argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_SECONDS, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        said = error.stdout if isinstance(error.stdout, str) else ""
        return f"{said}\ndrgn took more than {_SECONDS:.0f} s"
    except OSError as error:
        return f"drgn was not started: {error}"
    ended = f"\ndrgn ended with {done.returncode}" if done.returncode else ""
    return done.stdout + ended


def _main(vmcore: str, vmlinux: str) -> None:
    import drgn  # noqa: PLC0415 (it may not be there)

    program = drgn.Program()
    program.set_core_dump(vmcore)
    try:
        program.load_debug_info([vmlinux])
    except drgn.MissingDebugInfoError as error:
        print(f"not all debug information is there (modules' is not needed): {error}\n")
    _print_tasks(program)


def _print_tasks(program: Any) -> None:  # noqa: ANN401 (drgn's)
    """Print the tasks that wait for the kernel or run, the others by name alone."""
    from drgn.helpers.linux.pid import for_each_task  # noqa: PLC0415 (as in _main)
    from drgn.helpers.linux.sched import task_state_to_char  # noqa: PLC0415

    shown, others = 0, []
    for task in for_each_task(program):
        name = f"{task.comm.string_().decode('utf-8', 'replace')} {task.pid.value_()}"
        state = task_state_to_char(task)
        if state not in "DRT" or shown == _MOST_TASKS:
            others.append(f"{name} ({state})")
            continue
        shown += 1
        print(f"{name}: state {state}")
        print(_stack(program, task), end="\n\n")
    print("the others:", ", ".join(others) or "none")


def _stack(program: Any, task: Any) -> str:  # noqa: ANN401 (drgn's)
    try:
        return str(program.stack_trace(task))
    except Exception as error:  # noqa: BLE001 (whatever it is: it is said, and the next one follows)
        return f"its stack cannot be read: {error}"


if __name__ == "__main__":
    _main(*sys.argv[1:])
