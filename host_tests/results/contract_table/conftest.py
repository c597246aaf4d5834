# SPDX-License-Identifier: GPL-2.0-only
"""A small contract, its cases, and runs of them, as hostile as a guest may make them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.contract import reader
from harness.results import contract_table
from harness.results.record import CaseRecord, KernelRecord, Run
from harness.suite import catalog
from harness.verdicts.verdict import Verdict

CONTRACT = """
[R-01]
statement = "Something holds on <b>all</b> & sundry."
source = "a < b"
memory = ["hugetlb", "shmem"]
expect = [
    { arch = ["i386", "armhf"], skip = "not on 32-bit" },
    { until = "5.13", skip = "not yet", why = "7677f7fd8b" },
    { since = "7.2", finding = "oops" },
]
[R-02]
statement = "Nobody has looked at this yet."
memory = ["shmem-private"]
pages = ["1G"]
expect = [
    { since = "6.12", value = "1" },
    { until = "6.2", memory = ["shmem-private"], task = "compat", value = "0" },
]
[R-03]
statement = "This cannot be seen."
unverified = "it is dark"
"""
OTHER = """
[S-01]
statement = "This depends on how it was built."
expect = [{ config = "CONFIG_X=n", skip = "no X" }]
"""
# What a guest could try: markup, escape sequences, a line's end, a direction override.
HOSTILE = "<script>alert(1)</script> &amp; \"'>\x1b[31m\x1b]0;title\x07\nnext\u202e\ud800\x00line"


def case(name="one", *, rows=("R-01",), memory=("hugetlb-shared",), program="area"):
    return catalog.Case(
        program=Path(program), name=name, desc="", rows=rows, memory=memory, needs=(),
        profile="contract", timeout=1.0, dirty=False, file=f"{program}.c", line=1,
    )  # fmt: skip


def record(verdict=Verdict.PASS, *, name="one", message="", **more):
    facts = {
        "id": f"guest_tests/area.c::{name}", "name": name, "program": "area",
        "memory": "hugetlb-shared", "rows": ("R-01",), "verdict": verdict, "message": message,
        "started": 1.0, "duration": 1.0, "vm": "vm.1", "phase": "case",
    }  # fmt: skip
    return CaseRecord(**(facts | more))


def run(*cases, started="2026-07-02T12:00:00Z", arch="x86_64", version="6.1.176", **more):
    kernel = KernelRecord(
        origin="o", release=more.pop("release", f"{version}-test"), version=version,
        sha256="", config_known=True, image="",
    )  # fmt: skip
    facts = {
        "id": f"run-{started}", "started": started, "command": (), "arch": arch,
        "kernel": kernel, "image_sha256": "", "cases": cases,
    }  # fmt: skip
    return Run(**(facts | more))


@pytest.fixture(scope="session")
def make():
    return SimpleNamespace(case=case, record=record, run=run, hostile=HOSTILE)


@pytest.fixture(scope="session")
def rules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    (folder / "area.toml").write_text(CONTRACT)
    (folder / "other.toml").write_text(OTHER)
    return reader.load(folder)


@pytest.fixture
def entries(rules):
    """Return the entries of the small contract for some cases and runs, by their rows."""

    def gather(cases, *runs):
        return {entry.row.id: entry for entry in contract_table.entries(rules, cases, runs)}

    return gather


@pytest.fixture
def hostile(entries):
    """The entries after a run in which everything that can be hostile is."""
    bad = record(Verdict.FAIL, message=HOSTILE, memory=HOSTILE)
    other = run(bad, arch=HOSTILE, version=HOSTILE, release=HOSTILE, id=HOSTILE, started=HOSTILE)
    return list(entries([case()], run(bad, release=HOSTILE), other).values())
