# SPDX-License-Identifier: GPL-2.0-only
"""A git repository of "kernels" that make builds, and the command run on it."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import options
from harness.bisection.trial import Trials
from harness.commands import bisect

FAKE = (sys.executable, str(Path(__file__).with_name("fake_harness.py")))

MAKEFILE = """\
olddefconfig:
\t@echo '# fitted' >>.config
bzImage:
\t@! grep nonsense kernel || { echo 'kernel:1: error: nonsense'; exit 1; }
\t@echo "$$ARCH $$CROSS_COMPILE" >arch.txt
\tmkdir -p arch/x86/boot && cp kernel arch/x86/boot/bzImage
"""


class Repo:
    """The user's repository."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main", str(folder), where=folder.parent)
        self.git("config", "user.name", "A Developer")
        self.git("config", "user.email", "dev@example.org")
        (folder / "Makefile").write_text(MAKEFILE)
        (folder / ".gitignore").write_text("/arch\n/arch.txt\n.config\n")
        (folder / ".config").write_text("CONFIG_USERFAULTFD=y\n")

    def git(self, *words, where=None):
        argv = ["git", "-C", str(where or self.folder), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, *lines, subject=None):
        """Commit a kernel; every one is another image."""
        count = len(list((self.folder / ".git/objects").glob("??/*")))
        (self.folder / "kernel").write_text("\n".join([*lines, f"# {count}"]) + "\n")
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", subject or "; ".join(lines))
        return self.git("rev-parse", "HEAD")

    def looks(self):
        """Everything of the user's that a bisection must leave alone."""
        files = {path: path.stat().st_mtime_ns for path in self.folder.iterdir()}
        files.pop(self.folder / ".git")
        seen = [self.git(*words.split()) for words in ("status --porcelain", "for-each-ref")]
        seen += [(self.folder / ".git/HEAD").read_text(), self.git("worktree", "list")]
        return [*seen, files, (self.folder / ".git/index").read_bytes()]


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "linux").mkdir()
    return Repo(tmp_path / "linux")


class Bisect:
    """The command, with runs of fake_harness.py."""

    def __init__(self, repo, results, capsys, caplog):
        self.repo, self.results = repo, results
        self._capsys, self._caplog = capsys, caplog
        self.out = self.said = ""

    def words(self, good, bad, *more):
        words = ["bisect", "--arch", "x86_64", "--tree", str(self.repo.folder)]
        return [*words, "--good", good, "--bad", bad, "--results", str(self.results), *more]

    def __call__(self, good, bad, *more):
        self._caplog.clear()
        self._caplog.set_level("INFO", "harness")
        try:
            return bisect.main(options.parser().parse_args(self.words(good, bad, *more)))
        finally:
            self.out, self.said = self._capsys.readouterr().out, self._caplog.text

    @property
    def folder(self):
        return max(self.results.glob("bisect-*"), key=lambda path: path.stat().st_mtime_ns)

    def runs(self):
        """Return what was run: the commit's folder, the cases, the isolation."""
        return [line.split() for line in (self.folder / "runs").read_text().splitlines()]

    def steps(self):
        """Return the subjects of the commits that were tested between the ends."""
        return re.findall(r"step \d+.*?: [0-9a-f]{12} (.*): building", self.said)


@pytest.fixture
def bisection(repo, tmp_path, capsys, caplog, monkeypatch):
    monkeypatch.setattr(bisect, "Trials", functools.partial(Trials, harness=FAKE))
    return Bisect(repo, tmp_path / "results", capsys, caplog)
