# SPDX-License-Identifier: GPL-2.0-only
"""What is said of whole runs."""

from __future__ import annotations

from bench_data import case, finished, vm

from harness.selftest.bench.suite import outcome
from harness.verdicts.verdict import Verdict


def test_verdicts_are_counted():
    run = finished([case(0, started=1), case(1, started=2, verdict=Verdict.SKIP)])
    assert outcome([run, run]) == "1 PASS, 1 SKIP, 1 VMs"


def test_runs_that_differ_are_told():
    well, ill = (
        finished([case(0, started=1, verdict=verdict)]) for verdict in (Verdict.PASS, Verdict.MISS)
    )
    assert outcome([well, ill]) == "1 PASS, 1 VMs; not so in every run"
    more = finished([case(0, started=1)], [vm(), vm("vm.2")])
    assert outcome([well, more]) == "1 PASS, 1-2 VMs"
