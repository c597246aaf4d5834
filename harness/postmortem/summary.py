# SPDX-License-Identifier: GPL-2.0-only
"""What a dump says, as text: drgn reads it (harness/postmortem/core.py).

drgn (the extra ``[vmcore]``) takes a second and hundreds of MB for a kernel's debug information,
and a dump is a guest's: so it is a process of its own, with a time limit.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

_SECONDS = 60.0
_VMLINUX = "VMLINUX"


def read(vmcore: Path, vmlinux: Path | None) -> str | None:
    """Return what is said of the kernel in ``vmcore``, and of what cannot be read.

    ``vmlinux`` has the kernel's debug information; ``$VMLINUX`` names another.  None when there
    is none, or no drgn.
    """
    named = os.environ.get(_VMLINUX)
    path = Path(named) if named else vmlinux
    if path is None or importlib.util.find_spec("drgn") is None:
        return None
    argv = [sys.executable, "-m", "harness.postmortem.core", str(vmcore), str(path)]
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
