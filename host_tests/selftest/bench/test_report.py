# SPDX-License-Identifier: GPL-2.0-only
"""The bench's table and JSON."""

from __future__ import annotations

import json
import textwrap

import pytest

from harness import architectures
from harness.errors import HostError
from harness.host.machine import Host
from harness.selftest.bench import report
from harness.selftest.bench.figures import figure, missing
from harness.selftest.bench.run import PARTS


@pytest.fixture
def found():
    return report.Report(
        date="2026-11-22T12:00:00Z",
        host=Host("A CPU @ 2.80GHz", 2, 24105, "6.18.44", 0.31),
        harness="v1-3-gabcdef",
        arch="x86_64",
        kernel="6.1.0-50-amd64 (debian:bookworm)",
        qemu="7.2.22",
        accelerator="tcg: there is no /dev/kvm",
        rounds=3,
        figures=[
            figure("warm.first_case", "collected to first case", "s", [0.7, 0.5, 0.6001]),
            figure("warm.harness", "start-up", "s", [0.39]),
            figure("memory.ram", "RAM of 8 clones", "MiB", [812.3, 799, 950], "idle for 2 s"),
            missing("peers.vng", "virtme-ng", "s", "there is no x86_64 host here"),
        ],
    )


def test_the_table(found):
    assert report.table(found) == textwrap.dedent("""\
        x86_64: 6.1.0-50-amd64 (debian:bookworm)
        qemu 7.2.22, tcg: there is no /dev/kvm
        harness v1-3-gabcdef, 2026-11-22T12:00:00Z, 3 rounds
        A CPU @ 2.80GHz, 2 cores, 24105 MiB, load 0.3 at the start

        warm                                                 median    least     most   n   at most
          collected to first case                          0.60 s       0.50     0.70   3   0.60 MISSED
          start-up                                         0.39 s                       1   0.40 ok

        memory                                               median    least     most   n   at most
          RAM of 8 clones                                   812 MiB      799      950   3
            (idle for 2 s)

        peers                                                median    least     most   n   at most
          virtme-ng                                               -
            (there is no x86_64 host here)
        """)  # noqa: E501


def test_a_target_holds_up_to_its_last_digit(found):
    found.figures[0] = figure("warm.first_case", "x", "s", [0.6])
    assert "0.60 ok" in report.table(found)


def test_json_has_everything(found, tmp_path):
    path = tmp_path / "bench.json"
    report.write_json(found, path)
    read = json.loads(path.read_text())
    assert read["schema"] == 1
    assert read["host"] == {
        "cpu": "A CPU @ 2.80GHz", "cores": 2, "memory_mib": 24105, "kernel": "6.18.44",
        "load": 0.31,
    }  # fmt: skip
    first, *_, last = read["figures"]
    assert first == {
        "key": "warm.first_case", "name": "collected to first case", "unit": "s",
        "values": [0.7, 0.5, 0.6001], "note": "", "median": 0.6001, "at_most": 0.6,
    }  # fmt: skip
    assert (last["median"], last["at_most"]) == (None, None)
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_that_cannot_be_written(found, tmp_path):
    with pytest.raises(HostError, match="cannot write"):
        report.write_json(found, tmp_path / "no" / "such" / "bench.json")


def test_targets_by_architecture():
    assert report.targets("x86_64")["warm.first_case"] == 0.6
    assert report.targets("armhf")["warm.first_case"] == 1.0
    assert "overhead.each" not in report.targets("arm64")


@pytest.mark.parametrize("arch", architectures.names())
def test_a_target_is_for_a_part_there_is(arch):
    assert {key.partition(".")[0] for key in report.targets(arch)} <= set(PARTS)
