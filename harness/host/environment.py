# SPDX-License-Identifier: GPL-2.0-only
"""What the user's environment says that has no part in a run, or would change its meaning.

Everything a run starts (workers, QEMU, compilers) inherits what is settled here, and some of it
runs in another folder.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

# Of pytest's variables, those that pytest and pytest-xdist set for whatever a test starts.
_SET_BY_PYTEST = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "PYTEST_XDIST_")
_PATHS = ("HARNESS_CACHE", "TMPDIR", "VMLINUX")


def settle(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Make the paths in ``environment`` absolute and drop what is meant for other programs.

    pytest's variables (PYTEST_ADDOPTS, PYTEST_PLUGINS, ...) and PYTHONWARNINGS are those of the
    user's own projects.  Returns the names of the dropped ones that could have changed a run.
    """
    settle_paths(environment)
    dropped = sorted(name for name in environment if name.startswith("PYTEST_"))
    for name in dropped:
        del environment[name]
    if environment.pop("PYTHONWARNINGS", None) is not None:
        dropped.append("PYTHONWARNINGS")
        warnings.resetwarnings()
        sys.warnoptions.clear()
    return [name for name in dropped if not name.startswith(_SET_BY_PYTEST)]


def settle_paths(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make the paths in ``environment`` absolute: they are relative to where the user stands.

    HARNESS_CACHE, TMPDIR, VMLINUX, the parts of PATH, and the program of a CC_<arch>.
    """
    for name in _PATHS:
        if value := environment.get(name):
            environment[name] = str(absolute(value))
    if path := environment.get("PATH"):
        # An empty part is the current folder.
        environment["PATH"] = ":".join(str(Path(part).absolute()) for part in path.split(":"))
    for name in [name for name in environment if name.startswith("CC_")]:
        environment[name] = _command(environment[name])


def absolute(path: str) -> Path:
    """Return ``path``, with ``~`` and ``~user`` at its start expanded, made absolute.

    A ``~`` whose folder is not known stays as it is.
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        return Path(path).absolute()


def _command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        return command  # who uses it says what is wrong with it
    if not words or "/" not in words[0]:
        return command
    return shlex.join([str(absolute(words[0])), *words[1:]])
