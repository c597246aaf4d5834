# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin for the runs that the bench starts (``HARNESS_PYTEST_PLUGINS`` names it).

It says when collection was over, on the run's clock, which the run's own record does not; and
it can have one case run many times under different names, through everything a case goes
through: a pytest item, a process in the guest, a verdict, a record.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.plugin.items import GuestCase
from harness.plugin.session import STATE, is_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

# Environment: the file that the moments are written to, and how often to run the first case.
WATCH = "HARNESS_BENCH_WATCH"
REPEAT = "HARNESS_BENCH_REPEAT"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the first case only, ``$HARNESS_BENCH_REPEAT`` times."""
    if count := int(os.environ.get(REPEAT, "0")):
        items[:] = repeated(items, count)


def repeated(items: Sequence[pytest.Item], count: int) -> list[pytest.Item]:
    """Return the first guest case of ``items``, ``count`` times under names of their own."""
    first = next((item for item in items if isinstance(item, GuestCase)), None)
    if first is None:
        return []
    assert first.parent is not None
    return [
        GuestCase.from_parent(
            first.parent,
            name=f"{first.name}~{number}",
            case=first.case,
            memory=first.memory,
            profile=first.profile,
        )
        for number in range(count)
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Note the moment: arguments are parsed, everything is collected."""
    state = session.config.stash.get(STATE, None)
    path = os.environ.get(WATCH)
    if path and state is not None and not is_worker(session.config):
        Path(path).write_text(json.dumps({"collected": state.clock.now()}))
