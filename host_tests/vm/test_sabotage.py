# SPDX-License-Identifier: GPL-2.0-only
"""Every case is seen to fail: programs that see a kernel wrong in one way, in a real VM.

``guest_tests/sabotage/expected`` says which cases must FAIL with which sabotage.  Here
as few sabotages are run as show each case failing once; ``make sabotage`` runs all of them.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness import architectures
from harness.guest.guest import FOLDER
from harness.host.clock import Clock
from harness.run.runner import Job, Runner
from harness.selftest import sabotages
from harness.suite import programs
from harness.suite.catalog import cases, name_of
from harness.verdicts.verdict import Verdict

# What Debian's current x86_64 kernel is, in the words of harness/selftest/sabotages.py.
KERNELS = ("minor", "compat")


def expected(kernel):
    table = sabotages.expected()
    return {name: set(entry[kernel]) for name, entry in table.items() if kernel in entry}


def cover(table):
    """Return few sabotages, each with cases, such that every case is there once (greedy)."""
    left = set().union(*table.values())
    chosen = {}
    while left:
        name = max(sorted(table), key=lambda name: len(table[name] & left))
        chosen[name] = table[name] & left
        left -= chosen[name]
    return chosen


CHOSEN = {
    kernel: expected(kernel) if os.environ.get("SABOTAGES") == "all" else cover(expected(kernel))
    for kernel in KERNELS
}


@pytest.fixture(scope="module")
def runner(plan, tmp_path_factory):
    with Runner(plan, tmp_path_factory.mktemp("sabotage"), Clock(), "sabotage") as ready:
        yield ready


@pytest.fixture(scope="module")
def jobs(plan):
    """All jobs by the kernel and their name: ``continue/hole_refused[hugetlb-shared]``."""
    return {
        (kernel, f"{path.name}/{name_of(case, memory)}"): Job(
            f"guest_tests/{path.name}.c::{case.name}",
            case,
            f"{memory}-compat".lstrip("-") if kernel == "compat" else memory,
        )
        for kernel in KERNELS
        for path in plan.programs
        for case in cases(path)
        for memory in sabotages.tried_on(case.memory)
    }


def test_every_case_that_runs_here_is_seen_to_fail(runner, jobs, plan):
    kernel = plan.kernel
    contract = runner.contract
    apply = {
        name
        for (kind, name), job in jobs.items()
        if kind == "minor" and contract.for_case(
            job.case, kernel.arch, kernel.version, kernel.config, job.memory
        ).skip is None
    }  # fmt: skip
    assert apply == set().union(*expected("minor").values())


@pytest.mark.parametrize(
    ("kind", "sabotage"), [(kind, name) for kind, names in CHOSEN.items() for name in sorted(names)]
)
def test_the_cases_notice(runner, jobs, plan, kind, sabotage):
    chosen = [jobs[kind, name] for name in CHOSEN[kind][sabotage]]
    wanted, compat = {job.case.program.name for job in chosen}, kind == "compat"
    recipe = architectures.load(plan.recipe.compat.arch) if compat else plan.recipe
    binaries = programs.build(recipe, sabotage=sabotage, only=wanted, compat=compat)
    built = {path.name.partition(".")[0]: path for path in binaries}
    pushed = set()
    missed = {}
    for job in sorted(chosen, key=lambda job: (runner.profile(job), job.label)):
        guest = runner.fleet.get(runner.profile(job))
        program = job.case.program.name
        if (guest.vm.log.vm, program) not in pushed:
            guest.ssh.push([built[program]], FOLDER, timeout=120)
            pushed.add((guest.vm.log.vm, program))
        # As one that is not dirty: else its guest is a fresh one, which has the programs as they
        # are.  The sabotages that such cases are named with keep the guest whole.
        record = runner.run(replace(job, case=replace(job.case, dirty=False)))
        if record.verdict is not Verdict.FAIL:
            missed[job.label] = (record.verdict, record.message)
    assert not missed
