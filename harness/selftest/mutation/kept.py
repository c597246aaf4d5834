# SPDX-License-Identifier: GPL-2.0-only
"""Results kept from run to run, so that a campaign goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import InputError
from harness.host.cache import cache_dir, new_file
from harness.host.codec import from_json, to_json
from harness.selftest.mutation.trial import Outcome  # noqa: TC001 (codec resolves the annotations)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What became of one mutant, or of the kernel without any."""

    outcome: Outcome
    # What it says something about: a hash of the kernel that was built ...
    kernel: str
    # ... and of the cases that were run on it.
    suite: str
    date: str  # ISO 8601, UTC
    seconds: float  # building and running
    cases: int = 0  # how many the suite had


def suite_digest(folder: Path = architectures.GUEST_TESTS) -> str:
    """Return a hash of what the cases are made of and what they expect.

    Mutants and sabotages are no part of that.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] not in {"mutants", "sabotage"}:
            digest.update(f"{inside}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _file(name: str) -> Path:
    return cache_dir("mutation", "results") / f"{name}.json"


def find(name: str) -> Result | None:
    """Return the result kept of the mutant ``name``; None when there is none to be read."""
    try:
        return from_json(Result, json.loads(_file(name).read_text()))
    except (OSError, ValueError, InputError):
        return None


def keep(name: str, result: Result) -> None:
    """Keep ``result`` as that of the mutant ``name``, in place of an older one."""
    with new_file(_file(name)) as temporary:
        temporary.write_text(json.dumps(to_json(result), indent=1) + "\n")
