# SPDX-License-Identifier: GPL-2.0-only
"""Whole runs of the harness, as a user starts them, and what their records say."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.host.cache import cache_dir
from harness.host.process import end, spawn
from harness.results.store import load
from harness.selftest.bench.figures import BenchError
from harness.selftest.bench.watch import REPEAT, WATCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.results.record import Run, VmRecord
    from harness.selftest.bench.bench import Bench

_OUTPUT = "output.txt"
_TAIL_LINES = 15
# Exit codes of a run that came to its end: 0, FAIL, ERROR (README).
_COMPLETE = (0, 1, 3)


@dataclass(frozen=True)
class Finished:
    """A run that came to its end."""

    # From the start of the process to its end.
    seconds: float
    code: int
    run: Run
    folder: Path
    # When collection was over, on the run's clock.
    collected: float

    @property
    def first_vm(self) -> VmRecord:
        """The VM that was started first, and is not one that a template is made from."""
        return min(self.run.vms, key=lambda vm: vm.started)

    @property
    def first_done(self) -> float | None:
        """Seconds from the start of the process to its first case's end; None: not recorded."""
        parts = [self.run.durations.get(stage) for stage in ("startup", "collection")]
        ends = [case.started + case.duration - self.collected for case in self.run.cases]
        return None if None in parts else sum(filter(None, parts)) + min(ends)

    @property
    def first_case(self) -> float:
        """Seconds from the end of collection to the moment its guest could run the first case."""
        vm = self.first_vm
        return vm.started + vm.boot_stages["ready"] - self.collected


def run(bench: Bench, *words: str, cache: Path | None = None, repeat: int = 0) -> Finished:
    """Run ``python -m harness run`` with ``words`` added; wait for it.

    ``cache`` is another cache than this process's; with ``repeat`` the first case alone is run
    so often.  Compiled modules are kept for the next run wherever a user's Python would keep
    them: in the bench's own folder here, whatever PYTHONDONTWRITEBYTECODE says.

    Raises BenchError when it does not come to its end.
    """
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
    settings = bench.plan.settings
    argv = [sys.executable, "-m", "harness", "run", *settings.to_argv(), "--results", str(folder)]
    argv += [*words] if "-n" in words else ["-n", "1", *words]
    environment = _environment(bench, folder / "watch.json", cache, repeat)
    began = time.monotonic()
    with (folder / _OUTPUT).open("wb") as file:
        # Relative paths of kernels are those of this process.
        process = spawn(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            code = process.wait()
        finally:
            end(process)
    return _finished(time.monotonic() - began, code, folder, argv)


def _finished(seconds: float, code: int, folder: Path, argv: Sequence[str]) -> Finished:
    """Read what the run left in ``folder``; BenchError when it did not come to its end."""
    watch = folder / "watch.json"
    results = next(folder.glob("latest-*"), None)
    if code not in _COMPLETE or results is None or not watch.exists():
        tail = (folder / _OUTPUT).read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        said = "\n".join(f"  | {line}" for line in tail)
        raise BenchError(f"a run of the harness ended with {code}: {' '.join(argv)}\n{said}")
    collected = json.loads(watch.read_text())["collected"]
    return Finished(seconds, code, load(results), results.resolve(), collected)


def _environment(bench: Bench, watch: Path, cache: Path | None, repeat: int) -> Mapping[str, str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPATH": str(architectures.ROOT),
        "PYTHONPYCACHEPREFIX": str(bench.folder / "pycache"),
        "PYTEST_PLUGINS": "harness.selftest.bench.watch",
        WATCH: str(watch),
        REPEAT: str(repeat),
    }
    if cache is not None:
        environment["HARNESS_CACHE"] = str(cache)
    return environment


@contextlib.contextmanager
def no_templates(bench: Bench) -> Iterator[Path]:
    """Give a cache that has everything but saved VMs; the user's own are left alone."""
    with tempfile.TemporaryDirectory(prefix="cache-", dir=bench.folder) as name:
        folder = Path(name)
        for entry in cache_dir().iterdir():
            if entry.name not in {"templates", bench.folder.parent.name}:
                (folder / entry.name).symlink_to(entry)
        yield folder
