# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin for the runs that a campaign starts (``HARNESS_PYTEST_PLUGINS`` names it).

``$HARNESS_SOAK`` is the file of a ``Script``: which cases to run in which order, some of them
more than once under names of their own, and which trouble meets each.  Everything else is the
run of a user: workers, guests, verdicts, records.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.items import GuestCase
from harness.plugin.session import STATE
from harness.selftest.soak import provoke
from harness.selftest.soak.kinds import limit, pace
from harness.selftest.soak.provoke import Strike

if TYPE_CHECKING:
    from collections.abc import Sequence

# Environment: the script's file.
SCRIPT = "HARNESS_SOAK"
# Beside it: a line of JSON for each case that met, or was to meet, its trouble.
STRIKES = "strikes.jsonl"
# One CPU: when that stands still, all does.
_PROFILE = "contract"
# For a trouble to be over after its case is: a command that hangs with its guest.
_AFTER_SECONDS = 30.0

_STRIKE: pytest.StashKey[Strike] = pytest.StashKey()


@dataclass(frozen=True)
class Step:
    """One case of a run."""

    # Id of a case that the run was given.
    case: str
    # Added to its name, to tell it from others of the same case.
    suffix: str = ""
    # Name of the trouble that it meets; "": none, and nobody watches.
    kind: str = ""
    # Seconds from its begin to the trouble.
    delay: float = 0.0

    @property
    def id(self) -> str:
        """The id of the item."""
        return self.case + self.suffix


@dataclass(frozen=True)
class Script:
    """What happens in one run."""

    steps: tuple[Step, ...]
    # Path of trouble.ko.
    module: str

    def write(self, path: Path) -> None:
        """Write it for read()."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Script:
        """Return what write() wrote to ``path``."""
        value = json.loads(path.read_text())
        return cls(tuple(Step(**step) for step in value["steps"]), value["module"])


class _Troubled(GuestCase):
    """A case that meets trouble."""

    step: Step


def arrange(items: Sequence[pytest.Item], script: Script) -> list[pytest.Item]:
    """Return the items of ``script``, made from those of ``items`` that it names."""
    known = {item.nodeid: item for item in items if isinstance(item, GuestCase)}
    made: list[pytest.Item] = []
    for step in script.steps:
        item = known[step.case]
        if not step.kind:
            made.append(item)
            continue
        assert item.parent is not None
        plan = item.config.stash[STATE].plan
        assert plan is not None
        case = replace(item.case, profile=_PROFILE, timeout=limit(item.case, plan))
        troubled: _Troubled = _Troubled.from_parent(
            item.parent,
            name=item.name + step.suffix,
            nodeid=step.id,
            case=case,
            memory=item.memory,
            profile=_PROFILE,
        )
        troubled.step = step
        made.append(troubled)
    return made


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the run's cases into the order of its script."""
    items[:] = arrange(items, _script())


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have the runner meet the trouble of ``item``, and of no other case."""
    if STATE not in item.config.stash:
        return
    state = item.config.stash[STATE]
    runner = state.runner()
    runner.before_case = None
    if isinstance(item, _Troubled):
        assert state.plan is not None
        runner.patience = pace(state.plan)
        trouble = provoke.troubles(Path(_script().module))[item.step.kind]
        item.stash[_STRIKE] = runner.before_case = Strike(trouble, item.step.delay)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note what became of the trouble."""
    if not isinstance(item, _Troubled) or _STRIKE not in item.stash:
        return
    strike = item.stash[_STRIKE]
    strike.wait(_AFTER_SECONDS)
    # Where it is not known whether it was made, a case that passed tells nothing.
    late = strike.late or not strike.done
    _note({"id": item.nodeid, "when": strike.when, "late": late, "failed": strike.failed})


def _note(entry: dict[str, Any]) -> None:
    """Append one line, whole, whichever worker writes another."""
    path = Path(os.environ[SCRIPT]).with_name(STRIKES)
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(number, (json.dumps(entry) + "\n").encode())
    finally:
        os.close(number)


def _script() -> Script:
    return Script.read(Path(os.environ[SCRIPT]))
