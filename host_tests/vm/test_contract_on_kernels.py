# SPDX-License-Identifier: GPL-2.0-only
"""A kernel that is not what the contract says of its version FAILs, whichever way it differs.

The kernel is a real 6.1, called another version: the contract is asked about that one, and the
cases find what 6.1 does.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.host.clock import Clock
from harness.kernels.version import Version
from harness.run.runner import Job, Runner
from harness.suite.catalog import cases
from harness.verdicts.verdict import Verdict


@pytest.fixture
def verdict(plan, tmp_path):
    """Run a case with the kernel called another version, or of another architecture."""

    def run(program, name, memory="", *, version=None, arch=None):
        called = replace(
            plan.kernel,
            version=Version.parse(version) if version else plan.kernel.version,
            arch=arch or plan.kernel.arch,
        )
        path = next(path for path in plan.programs if path.name == program)
        case = next(case for case in cases(path) if case.name == name)
        job = Job(f"guest_tests/{program}.c::{name}[{memory}]", case, memory)
        with Runner(replace(plan, kernel=called), tmp_path, Clock(), "test") as runner:
            record = runner.run(job)
        run.findings = record.findings
        return record.verdict, record.message

    return run


@pytest.mark.parametrize("memory", ["hugetlb-shared", "shmem-shared"])
def test_minor_faults_that_should_not_be_there_yet(verdict, memory):
    """An unexpected pass: nothing is skipped, as of a kernel that has a feature backported."""
    found, message = verdict("refusal", "minor_refused_before_5_13", memory, version="5.12.19")
    assert found is Verdict.FAIL
    assert "EINVAL" in message
    # On the same kernel called by its own name it does not apply, which is no reason to fail.
    assert verdict("refusal", "minor_refused_before_5_13", memory)[0] is Verdict.SKIP


def test_a_feature_bit_that_should_not_be_there(verdict):
    assert verdict("api", "minor_hugetlbfs_reported")[0] is Verdict.PASS
    for called in ({"version": "5.12.19"}, {"arch": "i386"}):
        found, message = verdict("api", "minor_hugetlbfs_reported", **called)
        assert found is Verdict.FAIL, called
        assert "0x200" in message


def test_a_32_bit_kernel_that_takes_what_it_should_refuse(verdict):
    found, _ = verdict("refusal", "minor_refused_32bit", "shmem-shared", arch="i386")
    assert found is Verdict.FAIL


def test_a_feature_bit_that_is_missing_is_no_reason_to_skip(verdict):
    """6.1 called 6.6, 7.3-rc1 and 7.3: without POISON, MOVE, RWP, which these have."""
    for version in ("6.6", "7.3-rc1", "7.3"):
        found, message = verdict("api", "feature_mask", version=version)
        assert found is Verdict.FAIL, version
        assert "0x1fff" in message


def test_a_feature_that_is_missing_is_no_reason_to_skip(verdict):
    found, message = verdict("resolvers_poison", "poison", "shmem-shared", version="6.6")
    assert found is Verdict.FAIL, message
    found, message = verdict("resolvers_poison", "poison", "shmem-shared", version="6.5")
    assert found is Verdict.PASS, message


def test_a_finding_that_is_gone_is_noticed(verdict):
    """A kernel whose known issue was mended: the expectation is what is wrong then, and FAILs."""
    assert verdict("register_memory", "sysv_hugetlb")[0] is Verdict.PASS
    assert verdict.findings == ()
    found, _ = verdict("register_memory", "sysv_hugetlb", version="7.2.13")
    assert found is Verdict.FAIL
    assert verdict.findings == ("sysv-hugetlb",)
