# SPDX-License-Identifier: GPL-2.0-only
"""Questions to git that nobody has to wait for, and that leave the tree as it is."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger("harness")

# Where git finds a repository without looking for it (git(1), "The Git Repository"): a hook, or
# git itself, sets these for a repository of its own.
_ELSEWHERE = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX"),
}

_MOST = 64 << 10  # bytes of an answer that are read


class Git:
    """Git commands that run in the background, all at once.

    A command that fails, or that has not ended in time, has no answer; nothing raises.
    """

    def __init__(self, tree: Path, questions: Mapping[str, Sequence[str]]) -> None:
        """Start the commands ``questions`` (the words after "git") in the folder ``tree``.

        It must be the top of its own repository, or what is in ``tree`` has none: the folders
        around it are not looked at.
        """
        self._answers: dict[str, str] = {}
        # In memory, not a pipe: a command with much to say ends without a reader.
        self._running: dict[str, tuple[subprocess.Popen[bytes], BinaryIO]] = {}
        top = tree.resolve()
        environment = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE}
        environment |= {
            # git status would write what it has found out to the index, and lock that.
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CEILING_DIRECTORIES": str(top.parent),
        }
        for name, words in questions.items():
            # core.fsmonitor names a program that git would start.
            argv = ["git", "-C", str(top), "-c", "core.fsmonitor=false", *words]
            output = os.fdopen(os.memfd_create(f"git {name}"), "w+b")
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            except OSError as error:
                log.debug("no git: %s", error)
                output.close()
            else:
                self._running[name] = process, output

    def answers(self, wait: float = 0.0) -> Mapping[str, str] | None:
        """Return what git said, by question, without blanks around it; None: not yet.

        After ``wait`` seconds, if any, what still runs is ended: then there is always an answer.
        """
        deadline = time.monotonic() + wait
        for name, (process, output) in list(self._running.items()):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                if not wait:
                    return None
                process.kill()
                process.wait()
                log.debug("git %s took too long", name)
            if process.returncode == 0:
                # From the file's start: the descriptor's offset is git's, too.
                said = os.pread(output.fileno(), _MOST, 0)
                self._answers[name] = said.decode(errors="replace").strip()
            output.close()
            del self._running[name]
        return self._answers
