# SPDX-License-Identifier: GPL-2.0-only
"""Read KTAP with KUnit's own parser, from Debian's linux-source where it is there.

Nothing of the kernel's source is kept in this tree.  It is found unpacked, where ``make mutation``
leaves it, or in the tarball that the package linux-source installs.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import os
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.host.cache import cache_dir, locked, new_folder

if TYPE_CHECKING:
    from types import ModuleType

_FOLDER = "tools/testing/kunit"
MISSING = "no linux-source: `make mutation` fetches it, or apt-get install linux-source"


@functools.cache
def folder() -> Path | None:
    """Return the newest ``tools/testing/kunit`` at hand; None without one."""
    trees = [path / "source" for path in cache_dir("mutation").glob("linux-source-*")]
    found = [tree / _FOLDER for tree in trees if (tree / _FOLDER / "kunit_parser.py").is_file()]
    tarballs = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))
    return max(found, default=None) or (_unpacked(tarballs[-1]) if tarballs else None)


def _unpacked(tarball: Path) -> Path:
    size_and_time = f"{tarball.stat().st_size}-{tarball.stat().st_mtime_ns}"
    kept = cache_dir("kunit", f"{tarball.name}-{size_and_time}") / "source"
    with locked(kept):
        if not kept.is_dir():
            with new_folder(kept) as temporary, tarfile.open(tarball) as archive:
                for member in archive:
                    _, found, name = member.name.partition(f"/{_FOLDER}/")
                    if found and name.endswith((".py", ".log")) and member.isfile():
                        file = temporary / _FOLDER / name
                        file.parent.mkdir(parents=True, exist_ok=True)
                        content = archive.extractfile(member)
                        assert content is not None
                        file.write_bytes(content.read())
    return kept / _FOLDER


@functools.cache
def _modules() -> tuple[ModuleType, ModuleType]:
    """Import kunit_parser and the kunit_printer that it imports."""
    found = folder()
    if found is None:
        pytest.skip(MISSING)
    loaded = []
    for name in ("kunit_printer", "kunit_parser"):
        spec = importlib.util.spec_from_file_location(name, found / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        loaded.append(module)
    return loaded[1], loaded[0]


def read(text: str) -> Any:
    """Return kunit_parser's Test of ``text``; skip the test that asks when there is no parser.

    Raises what kunit_parser raises: some input it cannot take.
    """
    parser, printer = _modules()
    lines = text.splitlines()
    with Path(os.devnull).open("w") as nowhere:
        if "printer" in inspect.signature(parser.parse_run_tests).parameters:
            return parser.parse_run_tests(lines, printer.Printer(print=False))
        # That of 6.12 prints as it reads.
        kept, printer.stdout._output = printer.stdout._output, nowhere
        try:
            return parser.parse_run_tests(lines)
        finally:
            printer.stdout._output = kept


def counts(text: str) -> Counter[str]:
    """Return how many of its tests passed, failed, were skipped and never came."""
    found = read(text).counts
    kinds = {"pass": found.passed, "fail": found.failed, "skip": found.skipped}
    return Counter(kinds | {"missing": found.crashed})


def status(text: str) -> str:
    """Return the verdict on all of it: "SUCCESS", "FAILURE", "NO_TESTS" ..."""
    return str(read(text).status.name)


def golden_logs() -> list[Path]:
    """Return KUnit's logs that its own tests read; none without a linux-source."""
    found = folder()
    return sorted((found / "test_data").glob("*.log")) if found else []
