# SPDX-License-Identifier: GPL-2.0-only
"""Which cases an id on the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.plugin.items import GuestCase

if TYPE_CHECKING:
    import pytest


def keep_exact(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out of ``items`` what is only a variant of a case that is named by its whole id.

    To pytest ``x.c::name`` means ``x.c::name[anything]`` as well (parameters).  Where a case of
    just that name exists, its id is that one's: the line in a record runs one case, not two.
    """
    if not all("::" in argument for argument in config.args):
        return
    named = {argument.rpartition("/")[2] for argument in config.args}
    there = {_name(item) for item in items}
    dropped = [
        item
        for item in items
        if isinstance(item, GuestCase)
        and _name(item) not in named
        and _name(item).partition("[")[0] in named & there
    ]
    if dropped:
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)


def _name(item: pytest.Item) -> str:
    return item.nodeid.rpartition("/")[2]
