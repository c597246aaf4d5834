# SPDX-License-Identifier: GPL-2.0-only
"""A campaign's record: written after each run, and what is in it is not run again."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.run.settings import Settings
from harness.selftest.soak import campaign as module
from harness.selftest.soak import report
from harness.selftest.soak.campaign import Campaign, Order
from harness.selftest.soak.child import Ended, Left
from harness.selftest.soak.pulse import Pulse

ORDER = Order(seed=3, starts=25, arches=("x86_64", "arm64"), kinds=())
SETTINGS = Settings("x86_64")


@pytest.fixture
def runs(monkeypatch):
    """The numbers of the runs that were done; each leaves a dump, and a process."""
    done = []

    def run(batch, settings, trouble, folder):
        assert settings is SETTINGS
        assert trouble == Path("/x/trouble.ko")
        if batch.number in interrupts:
            interrupts.remove(batch.number)
            raise KeyboardInterrupt
        folder.mkdir(parents=True)
        (folder / "vmcore").touch()
        done.append(batch.number)
        return Ended(125, None, {}, Left(processes=("17 qemu",)))

    interrupts = []
    monkeypatch.setattr(module.child, "run", run)
    monkeypatch.setattr(Campaign, "_module", lambda *_: Path("/x/trouble.ko"))
    return done, interrupts


def test_an_interrupted_campaign_goes_on(runs, tmp_path):
    done, interrupts = runs
    interrupts.append(3)
    first = Campaign(ORDER, SETTINGS, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert done == [1, 2]
    assert [run.number for run in first.checked] == [1, 2]
    second = Campaign(ORDER, SETTINGS, tmp_path)
    assert second.checked == first.checked
    second.run()
    assert done == [1, 2, 3, 4]
    assert Campaign(ORDER, SETTINGS, tmp_path).checked == second.checked
    value = json.loads((tmp_path / "soak.json").read_text())
    assert value["order"]["seed"] == 3
    assert len(value["runs"]) == 4
    assert any("left behind: 17 qemu" in text for text in value["runs"][0]["complaints"])


def test_dumps_stay_where_something_is_wrong(runs, tmp_path, monkeypatch):
    Campaign(ORDER, SETTINGS, tmp_path / "wrong").run()
    assert len(list((tmp_path / "wrong").rglob("vmcore"))) == 4
    monkeypatch.setattr(
        module, "check", lambda batch, _: module.Checked(batch.number, batch.arch, 0, {}, [])
    )
    Campaign(ORDER, SETTINGS, tmp_path / "well").run()
    assert list((tmp_path / "well").rglob("vmcore")) == []
    assert runs[0] == [1, 2, 3, 4] * 2


def test_another_campaign_in_the_same_folder_is_refused(runs, tmp_path):
    Campaign(ORDER, SETTINGS, tmp_path).run()
    assert runs[0]
    with pytest.raises(InputError, match="remove it"):
        Campaign(Order(3, 26, ("arm64",), ()), SETTINGS, tmp_path)


def test_a_run_that_stood_still_is_done_again(runs, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "_STILL_SECONDS", 0.0)
    campaign = Campaign(Order(3, 1, ("arm64",), ()), SETTINGS, tmp_path)
    campaign.run()
    assert runs[0] == [1] * 4, "three times, and then it counts"
    [run] = campaign.checked
    assert len(run.set_aside) == 3
    assert "left behind: 17 qemu" in "".join(run.complaints)
    assert "run 1 is done again: the campaign stood still for " in caplog.text
    assert "run 1 was done again: the campaign stood still for " in report.table(campaign.checked)
    assert Campaign(Order(3, 1, ("arm64",), ()), SETTINGS, tmp_path).checked == campaign.checked


def test_pulse():
    with Pulse() as pulse:
        time.sleep(0.6)
    assert 0.4 < pulse.longest < 30
    held = threading.Event()
    with Pulse() as pulse:
        pulse._over.wait = lambda _: time.sleep(1.5) or held.is_set()
        time.sleep(0.7)
        held.set()
    assert pulse.longest >= 1.4
