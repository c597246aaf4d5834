# SPDX-License-Identifier: GPL-2.0-only
"""git bisect, in a worktree of its own.

git keeps HEAD, the index and all of a bisection (refs/bisect/, BISECT_LOG) per worktree
(gitrepository-layout(5), git-worktree(1)): whatever the user has in theirs stays as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.bisection.failure import Term

_STEPS = re.compile(r"^Bisecting: (\d+) revisions? left .*\(roughly (\d+) steps?\)", re.MULTILINE)
# How "git bisect log" ends.
_FOUND = re.compile(r"^# first bad commit: \[([0-9a-f]+)\]", re.MULTILINE)
_POSSIBLE = re.compile(r"^# possible first bad commit: \[([0-9a-f]+)\]", re.MULTILINE)
_MERGE_BASE_BAD = 3  # exit code: the bug was fixed between the merge base and the good end


@dataclass(frozen=True)
class Progress:
    """How far a bisection is."""

    # Commit to test next; the last one that was tested when there is none.
    commit: str
    # About how many steps are left, the next one included, as git reckons; None if it is silent.
    steps: int | None = None
    # Once it has ended: the first bad commit, or those that could be it, as all that is left
    # was skipped.
    first_bad: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """True when there is nothing left to test."""
        return bool(self.first_bad or self.candidates)


def git(folder: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> tuple[int, str]:
    """Run git in ``folder``; return its exit code and what it printed (or complained of).

    Raises HostError with git's words for an exit code that is not in ``codes``.
    """
    # In English, whatever called us (a hook sets GIT_DIR); hooks of the user's are for the user.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        child = subprocess.Popen(
            argv,
            env={**clean, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Away from a terminal's Ctrl-C.
            process_group=0,
        )
    except OSError as error:
        raise HostError(f"cannot run git: {error}; install git") from error
    try:
        out, err = child.communicate()
    except BaseException:
        # Not SIGKILL: git removes its lock files (index.lock), which would be in the way later.
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        raise
    said, complaint = (each.decode(errors="replace") for each in (out, err))
    if child.returncode not in codes:
        words = (complaint or said).strip().splitlines()
        command = " ".join(arguments[:3])
        raise HostError(f"git {command}: {'; '.join(words[-3:]) or child.returncode}")
    return child.returncode, said or complaint


@dataclass(frozen=True)
class Repository:
    """The user's repository; nothing in their worktree is changed."""

    folder: Path

    def key(self) -> str:
        """Return what names it whatever worktree of it is meant; InputError when it is none."""
        try:
            _, said = git(self.folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
        except HostError as error:
            raise InputError(f"--tree {self.folder}: expected a git repository: {error}") from error
        return said.strip()

    def resolve(self, name: str, option: str) -> str:
        """Return the commit that ``name`` means; InputError that names ``option``."""
        try:
            _, said = git(self.folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except HostError as error:
            raise InputError(
                f"{option} {name}: {self.folder} has no such commit: "
                "see 'git log', or fetch it ('git fetch --tags')"
            ) from error
        return said.strip()

    def merge_base(self, good: str, bad: str) -> str:
        """Return the commit where both ends parted; InputError when no bisection is possible."""
        code, said = git(self.folder, "merge-base", good, bad, codes=(0, 1))
        base = said.strip()
        if code:
            raise InputError(
                f"--good {good[:12]} and --bad {bad[:12]} have no common ancestor here: "
                "in a shallow clone, 'git fetch --unshallow' first"
            )
        if base == bad:
            raise InputError(
                f"--bad {bad[:12]} is "
                + ("the same commit as" if good == bad else "an ancestor of")
                + f" --good {good[:12]}: are they the wrong way round?"
            )
        return base

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        return git(self.folder, "log", "-1", "--format=%s", commit)[1].strip()

    def show(self, commit: str, *options: str) -> str:
        """Return what ``git show`` says of a commit."""
        return git(self.folder, "show", "--no-color", *options, commit)[1]

    def count(self, good: str, bad: str) -> int:
        """Return how many commits could be the first bad one."""
        return int(git(self.folder, "rev-list", "--count", f"{good}..{bad}")[1])


@dataclass(frozen=True)
class Worktree:
    """A worktree of a repository, with a bisection in it."""

    repository: Repository
    folder: Path
    # Whose it is now: another bisection's state in it is of no use to this one.
    bisection: str

    @property
    def _owner(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.owner")

    def make(self, commit: str) -> bool:
        """Check ``commit`` out in a new worktree; return False if there is one already."""
        if (self.folder / ".git").is_file():
            return False
        # What is left of one whose folder somebody removed.
        git(self.repository.folder, "worktree", "prune")
        shutil.rmtree(self.folder, ignore_errors=True)
        git(self.repository.folder, "worktree", "add", "--detach", str(self.folder), commit)
        return True

    def remove(self) -> None:
        """Remove it, and the bisection with it."""
        if self.folder.exists():
            git(self.repository.folder, "worktree", "remove", "--force", str(self.folder))
        self._owner.unlink(missing_ok=True)

    def check_out(self, commit: str) -> None:
        """Check ``commit`` out, whatever a build changed."""
        git(self.folder, "checkout", "--quiet", "--force", "--detach", commit)

    def start(self, good: str, bad: str) -> Progress:
        """Begin the bisection, or go on with the one there is."""
        git(self.folder, "reset", "--quiet", "--hard")
        owner = self._owner.read_text() if self._owner.is_file() else ""
        if owner == self.bisection and f"\ngit bisect good {good}\n" in self.log():
            return self._progress(0, "")
        self._owner.write_text(self.bisection)
        git(self.folder, "bisect", "start")
        git(self.folder, "bisect", "bad", bad)
        return self._progress(*git(self.folder, "bisect", "good", good, codes=(0, 2, 3)))

    def mark(self, term: Term) -> Progress:
        """Return what the commit that is checked out is; git checks the next one out."""
        # A build may have changed files that git knows: they are in the way of a checkout.
        git(self.folder, "reset", "--quiet", "--hard")
        return self._progress(*git(self.folder, "bisect", str(term), codes=(0, 2, 3)))

    def log(self) -> str:
        """Return the bisection's log, "" when there is none."""
        code, said = git(self.folder, "bisect", "log", codes=(0, 1, 128))
        return "" if code else said

    def _progress(self, code: int, said: str) -> Progress:
        if code == _MERGE_BASE_BAD:
            raise InputError("; ".join(said.strip().splitlines()))
        log = self.log()
        found, left = _FOUND.search(log), _STEPS.search(said)
        return Progress(
            commit=git(self.folder, "rev-parse", "HEAD")[1].strip(),
            steps=int(left[2]) + 1 if left else None,
            first_bad=found[1] if found else "",
            candidates=tuple(_POSSIBLE.findall(log)),
        )
