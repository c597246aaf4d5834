# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of a bisection, ``bisect.json``: written whole after every step."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 (codec resolves the annotations)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.bisection.failure import Failure, Term  # noqa: TC001
from harness.errors import InputError
from harness.host.cache import new_file
from harness.host.codec import from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

STATE = "bisect.json"
SCHEMA = 1


@dataclass(frozen=True)
class Tested:
    """One commit, and what was learned of it."""

    term: Term
    why: str  # one line
    subject: str
    runs: int  # of the case; 0 when it could not be built
    run: str  # folder of the last run, below the bisection's; "" without one
    built: float  # seconds
    ran: float  # seconds
    image: str = ""  # sha256 of the kernel's image, hex


@dataclass(frozen=True)
class Outcome:
    """What a bisection came to."""

    first_bad: str  # "" when git cannot tell
    candidates: tuple[str, ...]  # those that could be it then
    log: str  # of git bisect


@dataclass(frozen=True)
class State:
    """A bisection as far as it is."""

    arch: str
    good: str  # commits
    bad: str
    build: str  # the command, as the shell takes it
    started: str  # ISO 8601, UTC, seconds
    failure: Failure | None = None
    failed: int = 0  # of ``tried`` runs of the case at the bad end
    tried: int = 0
    candidates: tuple[str, ...] = ()  # cases that fail at the bad end, the quickest first
    runs: int = 0  # without the failure, that a good verdict takes; 0 until it is known
    commits: Mapping[str, Tested] = field(default_factory=dict)
    seconds: float = 0.0  # that it has taken, pauses left out
    outcome: Outcome | None = None
    schema: int = SCHEMA


def save(state: State, folder: Path) -> None:
    """Write ``state`` to ``folder``; HostError when that cannot be done."""
    with new_file(folder / STATE) as temporary:
        temporary.write_text(json.dumps(to_json(state), indent=1) + "\n", encoding="utf-8")
        temporary.chmod(0o644)


def load(folder: Path) -> State | None:
    """Return the state in ``folder``, None when there is none; InputError if it is not ours."""
    path = folder / STATE
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; remove it to begin anew") from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise InputError(f"{path}: this harness reads schema {SCHEMA}; remove it to begin anew")
    return from_json(State, value)
