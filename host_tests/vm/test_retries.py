# SPDX-License-Identifier: GPL-2.0-only
"""Failures are run again in fresh VMs.  The kernel is made to look wrong by the compiler."""

from __future__ import annotations

import signal
import stat
import xml.etree.ElementTree as ET

import pytest
from running import harness

from harness.architectures import GUEST_TESTS
from harness.verdicts.flakiness import HowOften, recurrence
from harness.verdicts.verdict import Verdict

# CONTINUE refuses nothing while this holds, which depends on the guest: clones are named
# vm-1, retry-1, retry-2 and so on.
SABOTAGE = """
#include <unistd.h>
#include "{lib}/uapi.h"
#include <sys/ioctl.h>
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{{
	int ret = __real_ioctl(fd, request, arg);
	char name[65] = "";
	gethostname(name, sizeof(name) - 1);
	if (request == UFFDIO_CONTINUE && ret && ({when}))
		return 0;
	return ret;
}}
"""
CASE = "guest_tests/continue.c::hole_refused[hugetlb-shared]"


@pytest.fixture
def wrong_kernel(tmp_path, monkeypatch):
    """Have the programs see a kernel that is wrong where the C expression holds."""

    def build(when):
        source = tmp_path / "wrong.c"
        source.write_text(SABOTAGE.format(lib=GUEST_TESTS / "lib", when=when))
        wrapper = tmp_path / "cc"
        wrapper.write_text(
            "#!/bin/sh\n"
            'case " $* " in\n'
            '*" -c "*|*" --version "*) exec x86_64-linux-gnu-gcc "$@" ;;\n'
            f'*) exec x86_64-linux-gnu-gcc "$@" -Wl,--wrap=ioctl {source} ;;\n'
            "esac\n"
        )
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CC_x86_64", str(wrapper))

    return build


@pytest.mark.parametrize(
    ("when", "verdicts", "recurs"),
    [
        ("1", [Verdict.FAIL] * 3, HowOften.ALWAYS),
        ("name[6] != '2'", [Verdict.FAIL, Verdict.PASS, Verdict.FAIL], HowOften.SOMETIMES),
        ("name[0] == 'v'", [Verdict.PASS] * 3, HowOften.NOT_AGAIN),
    ],
)
def test_a_failure_is_run_again(wrong_kernel, tmp_path, when, verdicts, recurs):
    wrong_kernel(when)
    results = tmp_path / "results"
    run = harness(CASE, "guest_tests/api.c::handshake", "-n", "1", results=results)
    assert run.process.wait(300) == 1, run.said()
    record = run.latest()
    assert record.complete
    [case, other] = sorted(record.cases, key=lambda case: case.verdict)
    assert case.verdict is Verdict.FAIL, "the first verdict stands"
    assert [each.verdict for each in case.retries] == verdicts
    began = [case.started, *(each.started for each in case.retries)]
    assert began == sorted(began)
    assert recurrence(verdicts).recurs is recurs
    assert str(recurs) in run.said()
    assert (other.verdict, other.retries) == (Verdict.PASS, ())
    vms = [case.vm, *(each.vm for each in case.retries)]
    assert len(set(vms)) == 4
    assert set(vms) <= {vm.name for vm in record.vms}
    folder = results / "latest-x86_64"
    [failure] = ET.parse(folder / "junit.xml").getroot().iter("failure")
    assert str(recurs) in failure.text
    assert str(recurs) in (folder / "results.ktap").read_text()


def test_an_interrupt_ends_the_retries_and_loses_nothing(wrong_kernel, tmp_path):
    wrong_kernel("1")
    run = harness(CASE, "-n", "1", "--retries", "1000", results=tmp_path / "results")
    run.wait_until(lambda: run.cases() and run.cases()[0].retries)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(60) == 130, run.said()
    assert not run.family()
    [case] = run.latest().cases
    assert case.verdict is Verdict.FAIL
    assert case.retries
    assert run.latest().complete


def test_no_retries(wrong_kernel, tmp_path):
    wrong_kernel("1")
    run = harness(CASE, "--retries", "0", "-n", "1", results=tmp_path / "results")
    assert run.process.wait(300) == 1, run.said()
    assert [case.retries for case in run.latest().cases] == [()]
    assert "--retries 0" in run.latest().cases[0].rerun
