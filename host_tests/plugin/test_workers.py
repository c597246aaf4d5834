# SPDX-License-Identifier: GPL-2.0-only
"""Which VMs there are and who takes what; real workers are in host_tests/vm/test_run.py."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadScheduling, WorkStealingScheduling

from harness import architectures
from harness.plugin import items, schedule, workers
from harness.plugin.schedule import Host
from harness.plugin.session import STATE

PLAN = SimpleNamespace(
    recipe=architectures.load("x86_64"),
    choice=SimpleNamespace(name="tcg"),
    settings=SimpleNamespace(isolation="vm"),
)


@pytest.fixture(autouse=True)
def host(monkeypatch):
    monkeypatch.setattr(schedule, "this_host", lambda: Host(4, None))


def guest(nodeid, profile="contract"):
    """A guest case as far as its order goes."""
    case = object.__new__(items.GuestCase)
    case._nodeid = nodeid
    case.profile = profile
    return case


@pytest.fixture(autouse=True)
def ids(monkeypatch):
    monkeypatch.setattr(items.GuestCase, "nodeid", property(lambda self: self._nodeid))


@pytest.mark.parametrize(("text", "number"), [("auto", 0), ("1", 1), ("12", 12)])
def test_numbers_of_vms(text, number):
    assert workers.number(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many", "AUTO", " 1"])
def test_what_is_no_number_of_vms(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number of VMs, nor auto"):
        workers.number(text)


@pytest.mark.parametrize(
    ("asked", "cases", "said"),
    [
        (0, 100, "4 VMs: 4 cores"),
        (0, 12, "2 VMs: 4.8 s of cases"),
        (0, 1, "1 VM: 1 case"),
        (0, 0, "1 VM: 0 cases"),
        (9, 100, "9 VMs: as asked for"),
        (9, 3, "3 VMs: 3 cases"),
        (9, 1, "1 VM: 1 case"),
    ],
)
def test_how_many_vms(asked, cases, said):
    selected = [guest(str(number)) for number in range(cases)]
    # What is no guest case needs no VM.
    assert str(workers.wanted(PLAN, asked, [object(), *selected], {})) == said


def test_the_last_runs_times_count():
    selected = [guest(str(number)) for number in range(100)]
    times = {str(number): 0.03 for number in range(100)}
    assert str(workers.wanted(PLAN, 0, selected, times)) == "1 VM: 3.0 s of cases"


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["guest_tests"], False),
        (["guest_tests/api.c"], False),
        (["guest_tests/api.c::handshake"], True),
        (["guest_tests", "guest_tests/api.c::handshake"], True),
    ],
)
def test_an_order_that_the_user_gave(arguments, given):
    assert workers.order_is_given(SimpleNamespace(args=arguments)) is given


def test_cases_are_reordered_among_themselves():
    a, b, c, r = guest("a"), guest("b"), guest("c"), guest("r", "race")
    other, another = object(), object()
    mixed = [a, other, b, c, another, r]
    workers.reorder(mixed, {"a": 1.0, "b": 3.0, "c": 2.0, "r": 0.5})
    assert mixed == [r, other, b, c, another, a]


def config(dist="load", chunk=None, isolation="vm"):
    option = SimpleNamespace(dist=dist, maxschedchunk=chunk, tx=["popen"] * 2)
    return SimpleNamespace(
        option=option,
        stash={STATE: SimpleNamespace(settings=SimpleNamespace(isolation=isolation))},
        getvalue=lambda name: getattr(option, name),
        getoption=lambda name: getattr(option, name),
    )


def test_workers_that_keep_their_vms_steal():
    assert isinstance(workers.scheduler(config(), None), WorkStealingScheduling)


def test_cases_with_vms_of_their_own_are_given_out_one_by_one():
    found = workers.scheduler(config(isolation="case"), None)
    assert isinstance(found, LoadScheduling)
    assert found.maxschedchunk == 1


@pytest.mark.parametrize("options", [{"dist": "loadfile"}, {"dist": "each"}, {"chunk": 5}])
def test_what_the_user_chose_stays(options):
    assert workers.scheduler(config(**options), None) is None
