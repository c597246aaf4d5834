# SPDX-License-Identifier: GPL-2.0-only
"""What these tests share."""

from __future__ import annotations

import pytest

from harness.machine.exits import ExitKind  # noqa: F401 (resolved by the codec)
from harness.results.record import CaseRecord, KernelRecord, Run
from harness.selftest.mutation.mutants import Edit, Mutant
from harness.selftest.mutation.source import Tree
from harness.verdicts.verdict import Verdict

EDIT = Edit("mm/a.c", "if (x)\n\treturn 1;\n", "return 1;\n")


@pytest.fixture
def mutant():
    def make(name="wrong-errno", edits=(EDIT,), **more):
        facts = {"breaks": "it is wrong", "rows": ("CON-04", "DLV-01"), "arch": "x86_64"}
        return Mutant(name=name, edits=tuple(edits), equivalent="", **(facts | more))

    return make


@pytest.fixture
def tree(tmp_path):
    """A source of one file."""
    (tmp_path / "tree" / "source" / "mm").mkdir(parents=True)
    (tmp_path / "tree" / "source" / "mm" / "a.c").write_text("/* a */\nif (x)\n\treturn 1;\n")
    return Tree(tmp_path / "tree", "linux-source-6.12 6.12.1-1")


def case(number, verdict, *, phase="case", message="", rows=("CON-04",)):
    """A record of one case."""
    return CaseRecord(
        id=f"guest_tests/continue.c::case_{number}[shmem]",
        name=f"case_{number}",
        program="continue",
        memory="shmem",
        rows=tuple(rows),
        verdict=verdict,
        message=message,
        started=1.0,
        duration=1.0,
        vm="vm.1",
        phase=phase,
    )


@pytest.fixture
def record():
    """Make the record of a run: a list of verdicts, or of ready cases."""

    def make(*cases, complete=True):
        cases = [
            case(number, each) if isinstance(each, Verdict) else each
            for number, each in enumerate(cases, 1)
        ]
        kernel = KernelRecord("build tree", "6.12.1", "6.12.1", "ab" * 32, True, "/bzImage")
        return Run(
            id="run", started="2026-11-24T00:00:00Z", command=(), arch="x86_64", kernel=kernel,
            image_sha256="cd" * 32, complete=complete, cases=tuple(cases),
        )  # fmt: skip

    return make


@pytest.fixture
def make_case():
    return case
