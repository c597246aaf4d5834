# SPDX-License-Identifier: GPL-2.0-only
"""How a session's cases get to several VMs: xdist's workers, and which of them takes what."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from harness import architectures
from harness.errors import HarnessError
from harness.machine import accel
from harness.plugin import schedule
from harness.plugin.items import GuestCase
from harness.plugin.schedule import Jobs
from harness.plugin.session import STATE, wants_guests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.run.plan import Plan

# What "-n auto" came to, for the header.
AUTO: pytest.StashKey[Jobs] = pytest.StashKey()


def number(text: str) -> int:
    """Return what ``--vms`` says, 0 for "auto"; argparse reports what is raised."""
    if text == "auto":
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of VMs, nor auto")
    return int(text)


def wanted(
    plan: Plan, asked: int, items: Sequence[pytest.Item], times: Mapping[str, float]
) -> Jobs:
    """Return how many VMs to run for the cases among ``items``; ``asked`` is as in number().

    ``times`` are the seconds that cases took before, by their ids.
    """
    guests = [item for item in items if isinstance(item, GuestCase)]
    if asked:
        return schedule.limited(Jobs(asked, "as asked for"), len(guests))
    profiles = [guest.profile for guest in guests] or list(plan.recipe.profiles)
    host = schedule.this_host()
    most = schedule.room(profiles, plan.recipe.profiles, plan.choice.name, host)
    names, isolation = [guest.nodeid for guest in guests], plan.settings.isolation
    most = schedule.worthwhile(most, schedule.work(names, times, isolation))
    return schedule.limited(most, len(guests))


def auto(config: pytest.Config) -> int | None:
    """Return what ``-n auto`` means for guests; None where pytest-xdist is to decide.

    It is asked before anything is collected, so that all cases count.
    """
    if not wants_guests(config):
        return None
    try:
        arch = config.option.arch
        recipe = architectures.load(arch) if arch else architectures.for_host()
        choice = accel.choose(recipe, config.option.accelerator)
    except HarnessError:
        return None  # the session cannot start for the same reason, and will say so
    shapes = recipe.profiles
    found = schedule.room(list(shapes), shapes, choice.name, schedule.this_host())
    config.stash[AUTO] = found
    return found.count


def order_is_given(config: pytest.Config) -> bool:
    """Return True if the user named cases one by one: they run in that order."""
    return any("::" in argument for argument in config.args)


def reorder(items: list[pytest.Item], times: Mapping[str, float]) -> None:
    """Put the cases among ``items`` into the order in which workers take them.

    What is no guest case keeps its place.
    """
    guests = [item for item in items if isinstance(item, GuestCase)]
    places = [place for place, item in enumerate(items) if isinstance(item, GuestCase)]
    known = [(guest.nodeid, guest.profile) for guest in guests]
    for place, index in zip(places, schedule.order(known, times), strict=True):
        items[place] = guests[index]


def scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (xdist's own types)
    """Return the scheduler for guests; None where the user chose one with ``--dist``."""
    # Here, because one VM needs no xdist.
    from xdist.scheduler import LoadScheduling, WorkStealingScheduling  # noqa: PLC0415

    state = config.stash[STATE]
    if config.option.dist != "load" or config.option.maxschedchunk is not None:
        return None
    if state.settings.isolation == "case":
        config.option.maxschedchunk = 1
        return LoadScheduling(config, log)
    return WorkStealingScheduling(config, log)


def run(session: pytest.Session, count: int) -> bool:
    """Run the session's cases on ``count`` workers, as ``-n`` does.

    pytest-xdist's controller starts them before anything is collected; it is set up here by
    hand so that nobody starts more of them than there are cases, or one for a single case.
    """
    from xdist.dsession import DSession  # noqa: PLC0415 (as in scheduler)

    config = session.config
    config.option.dist, config.option.tx = "load", ["popen"] * count
    controller = DSession(config)
    config.pluginmanager.register(controller, "dsession")
    if reporter := config.pluginmanager.getplugin("terminalreporter"):
        reporter.showfspath = False
    controller.pytest_sessionstart(session)
    done: bool = controller.pytest_runtestloop()
    return done
