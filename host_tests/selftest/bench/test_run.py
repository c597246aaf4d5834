# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the bench, one after the other, and what becomes of one that breaks off."""

from __future__ import annotations

import json
import logging

import pytest

from harness.errors import InputError
from harness.run.settings import Settings
from harness.selftest.bench import run
from harness.selftest.bench.figures import BenchError, figure


@pytest.fixture
def plan(monkeypatch, tmp_path):
    """No more of a plan than the report asks for, and a cache of its own."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    class Plan:
        settings = Settings("x86_64")

        class recipe:  # noqa: N801
            arch, qemu = "x86_64", "true"

        class kernel:  # noqa: N801
            release, origin = "6.1", "somewhere"

        class choice:  # noqa: N801
            name, why = "tcg", "asked for"

    return Plan


def well(bench):
    bench.say("measuring")
    logging.getLogger("harness").info("a VM's own progress")
    yield figure("well.a", "a", "s", [bench.rounds])


def broken(_):
    yield figure("broken.first", "first", "s", [1])
    raise BenchError("no guest\nwith details")


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(run, "PARTS", {"well": well, "broken": broken})


@pytest.mark.usefixtures("parts")
def test_one_that_breaks_off_does_not_stop_the_others(plan, tmp_path, caplog):
    path = tmp_path / "bench.json"
    with caplog.at_level(logging.INFO, "harness"):
        found = run.measure(plan, ["broken", "well"], 3, path)
    assert [(each.key, each.values, each.note) for each in found.figures] == [
        ("broken.first", (1,), ""),
        ("broken.broke", (), "no guest"),
        ("well.a", (3,), ""),
    ]
    assert "bench: broken broke off: no guest" in caplog.text
    assert "bench: measuring" in caplog.text
    assert "a VM's own progress" not in caplog.text
    assert len(json.loads(path.read_text())["figures"]) == 3
    assert not list((tmp_path / "cache" / "bench").iterdir()), "it leaves nothing behind"


def test_an_interrupt_leaves_nothing_but_what_is_written(plan, tmp_path, monkeypatch):
    def interrupted(bench):
        (bench.folder / "something").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "PARTS", {"well": well, "interrupted": interrupted})
    path = tmp_path / "bench.json"
    with pytest.raises(KeyboardInterrupt):
        run.measure(plan, ["well", "interrupted"], 1, path)
    assert len(json.loads(path.read_text())["figures"]) == 1
    assert not list((tmp_path / "cache" / "bench").iterdir())


def test_the_parts_that_are_asked_for():
    assert run.chosen("warm, cold,") == ["warm", "cold"]
    with pytest.raises(InputError, match="no part 'colder': expected cold, warm"):
        run.chosen("warm,colder")


@pytest.mark.usefixtures("parts")
def test_no_rounds_measure_nothing(plan):
    with pytest.raises(InputError, match="0 rounds"):
        run.measure(plan, ["well"], 0)
