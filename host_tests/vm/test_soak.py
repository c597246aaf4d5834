# SPDX-License-Identifier: GPL-2.0-only
"""A small campaign: real runs, real trouble; and one in which the harness is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

from harness.architectures import ROOT
from harness.run.settings import Settings
from harness.selftest.soak import child, report
from harness.selftest.soak.campaign import Campaign, Order

SCALE = os.environ.get("TIMEOUT_SCALE", "1")


def soak(tmp_path, *words):
    argv = [sys.executable, "-m", "harness", "soak", "--arch", "x86_64", "--accel", "tcg"]
    argv += ["--timeout-scale", SCALE, "--seed", "7", "--results", str(tmp_path), *words]
    return subprocess.run(argv, check=False, capture_output=True, text=True, cwd=ROOT, timeout=400)


def test_nothing_is_lost_when_vms_break(tmp_path):
    done = soak(tmp_path, "--starts", "4", "--kinds", "power-off,qemu-killed,nothing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 7, 4 starts" in done.stdout
    assert "\n4 cases met trouble in 1 runs" in done.stdout
    assert "nothing is wrong" in done.stdout
    record = json.loads((tmp_path / "seed-7/soak.json").read_text())
    [run] = record["runs"]
    assert run["vms"] >= 3
    assert not any(count["late"] or count["faults"] for count in run["counts"].values())
    # The same again is done already.
    again = soak(tmp_path, "--starts", "4", "--kinds", "power-off,qemu-killed,nothing")
    assert again.stdout == done.stdout


BROKEN = """
import subprocess
from dataclasses import replace
from harness.run import runner
from harness.verdicts.verdict import Verdict

right = runner.judge

def wrong(seen):
    judgement = right(seen)
    blamed = "shut down" in judgement.message
    return replace(judgement, verdict=Verdict.MISS) if blamed else judgement

runner.judge = wrong
subprocess.Popen(["sleep", "4715"], start_new_session=True)
"""


def test_a_harness_that_is_wrong_is_caught(tmp_path, monkeypatch):
    """One that takes a guest's power-off for the host's doing, and leaves a process behind."""
    (tmp_path / "broken_harness.py").write_text(BROKEN)
    right = child._environment

    def environment(*arguments):
        found = dict(right(*arguments))
        found["PYTEST_PLUGINS"] += ",broken_harness"
        found["PYTHONPATH"] += f":{tmp_path}"
        return found

    monkeypatch.setattr(child, "_environment", environment)
    settings = Settings("x86_64", accelerator="tcg", timeout_scale=float(SCALE))
    campaign = Campaign(Order(7, 3, ("x86_64",), ("power-off",)), settings, tmp_path)
    campaign.run()
    complaints = "\n".join(campaign.checked[0].complaints)
    for pid in re.findall(r"left behind: (\d+) sleep 4715$", complaints, re.MULTILINE):
        os.kill(int(pid), signal.SIGKILL)
    assert "power-off: wrong: " in complaints
    assert "expected FAIL" in complaints
    assert "orphans: left behind: " in complaints
    assert report.faults(campaign.checked) >= 2
