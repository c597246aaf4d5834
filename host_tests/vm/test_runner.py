# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of cases that meet trouble: each is provoked in a real VM."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from harness.guest.ssh import Ssh, SshError
from harness.host.clock import Clock
from harness.image import initramfs
from harness.kernels.config import UNKNOWN
from harness.run.runner import Job, Runner
from harness.suite.catalog import cases
from harness.verdicts.verdict import Verdict


@pytest.fixture
def runner(plan, tmp_path):
    with Runner(plan, tmp_path, Clock(), "test") as ready:
        yield ready


def job(plan, program, name, memory="hugetlb-shared"):
    path = next(p for p in plan.programs if p.name == program)
    case = next(c for c in cases(path) if c.name == name)
    return Job(f"guest_tests/{program}.c::{name}[{memory}]", case, memory)


def in_mid_case(runner, task, trouble):
    """Run ``task``; once its program is running, do ``trouble(guest)``; return the record."""
    records = []
    thread = threading.Thread(target=lambda: records.append(runner.run(task)))
    thread.start()
    deadline = time.monotonic() + 120
    while task.case.profile not in runner.fleet.running and time.monotonic() < deadline:
        time.sleep(0.05)
    guest = runner.fleet.running[task.case.profile]
    began = guest.vm.console.wait_for(
        lambda line: f"uffd-harness: begin {task.label}" in line, since=0, timeout=60
    )
    assert began, "the case says on the console that it begins"
    trouble(guest)
    thread.join(120)
    assert records
    return records[0]


def shell(guest, script):
    """Run ``script`` in the guest over a connection of its own."""
    try:
        with Ssh(guest.vm.ssh_port, guest.keys, guest.vm.log, timeout=20) as ssh:
            ssh.run(["sh", "-c", script], timeout=10)
    except SshError:
        pass


def long_case(plan):
    return job(plan, "race", "many_waiters_one_continue")


def test_a_kernel_that_crashes_in_a_case_is_blamed(plan, runner):
    task = long_case(plan)
    crash = "echo c > /proc/sysrq-trigger"
    record = in_mid_case(runner, task, lambda guest: shell(guest, crash))
    assert record.verdict is Verdict.FAIL
    assert "sysrq triggered crash" in record.message
    assert any("Kernel panic" in line for line in record.console)
    # The run goes on, in a fresh VM.
    again = runner.run(task)
    assert (again.verdict, again.message) == (Verdict.PASS, "")
    assert again.vm != record.vm


def test_a_splat_is_a_failure_whatever_the_case_says(plan, runner):
    task = long_case(plan)
    # A real line of a real bug, as the kernel prints it: through the kernel's own log.
    splat = "BUG: Bad rss-counter state mm:00000000c1e9e9f0 type:MM_FILEPAGES val:1"
    record = in_mid_case(runner, task, lambda guest: shell(guest, f"echo '{splat}' > /dev/kmsg"))
    assert record.verdict is Verdict.FAIL
    assert "rss-counter" in record.message
    assert record.splats


def test_a_splat_between_two_cases_is_not_lost(plan, runner):
    task = job(plan, "continue", "hole_refused")
    assert runner.run(task).verdict is Verdict.PASS
    splat = "BUG: Bad rss-counter state mm:00000000c1e9e9f0 type:MM_FILEPAGES val:1"
    shell(runner.fleet.running["contract"], f"echo '{splat}' > /dev/kmsg; sleep 1")
    record = runner.run(task)
    assert record.verdict is Verdict.FAIL
    assert "rss-counter" in record.message


def test_a_splat_behind_a_flood_is_not_lost(plan, runner):
    task = job(plan, "continue", "hole_refused")
    assert runner.run(task).verdict is Verdict.PASS
    guest = runner.fleet.running["contract"]
    splat = "BUG: Bad rss-counter state mm:00000000c1e9e9f0 type:MM_FILEPAGES val:1"
    # More lines than are kept of a console.
    shell(guest, f"echo '{splat}' > /dev/kmsg; seq 20100 > /dev/console")
    assert guest.vm.console.wait_for(lambda line: line == "20100", since=0, timeout=60)
    record = runner.run(task)
    assert record.verdict is Verdict.FAIL
    assert "rss-counter" in record.message
    assert [one.kind for one in record.splats] == ["bad rss-counter"]
    assert any("of which only splats are kept" in line for line in record.console)


def test_a_killed_qemu_is_not_the_kernels_fault(plan, runner):
    record = in_mid_case(
        runner, long_case(plan), lambda guest: os.kill(guest.vm.pid, signal.SIGKILL)
    )
    assert record.verdict is Verdict.MISS
    assert "SIGKILL" in record.message


def test_a_killed_program_is_an_error(plan, runner):
    task = long_case(plan)
    kill = f"killall -9 {task.case.program.name}"
    record = in_mid_case(runner, task, lambda guest: shell(guest, kill))
    assert record.verdict is Verdict.ERROR


def test_a_lost_sshd_is_not_the_kernels_fault(plan, runner):
    record = in_mid_case(runner, long_case(plan), lambda guest: shell(guest, "killall dropbear"))
    assert record.verdict is Verdict.MISS


def test_a_kernel_that_does_not_boot(plan, tmp_path):
    broken = replace(
        plan,
        recipe=replace(plan.recipe, cmdline="rdinit=/nonexistent"),
        settings=replace(plan.settings, vmcore=False),
    )
    with Runner(broken, tmp_path, Clock(), "test") as runner:
        records = [runner.run(long_case(plan)) for _ in range(4)]
    assert [r.verdict for r in records] == [Verdict.FAIL] * 2 + [Verdict.MISS] * 2
    assert records[0].phase == "boot"
    assert "Kernel panic" in records[0].message
    assert records[0].console
    assert "the last 2 boots failed" in records[3].message
    # QEMU was still there when it was looked at.
    assert records[0].evidence[0] == "evidence/boot-test.1-template/registers.txt"
    assert "RIP=" in (tmp_path / records[0].evidence[0]).read_text()


def test_a_guest_without_its_devices_is_not_the_kernels_fault(plan, tmp_path):
    image = tmp_path / "bare.cpio"
    image.write_bytes(initramfs.assemble(plan.recipe, replace(plan.kernel, modules=None)))
    bare = replace(plan, image=replace(plan.image, path=image, sha256="of another image"))
    with Runner(bare, tmp_path, Clock(), "test") as runner:
        record = runner.run(long_case(plan))
    assert record.verdict is Verdict.MISS
    assert "no network device" in record.message


def test_each_case_in_a_vm_of_its_own(plan, tmp_path):
    """With --isolation case no case sees anything of another."""
    task = job(plan, "continue", "hole_refused")
    settings = replace(plan.settings, isolation="case")
    each_command = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done"
    traces = {
        "a file": ("echo x >/tmp/trace", "cat /tmp/trace"),
        "a process": (
            "/bin/busybox sleep 1234 >/dev/null 2>&1 </dev/null & true",
            f"{each_command} | grep -c '^/bin/busybox sleep 1234'",
        ),
        "the hugepage pool": ("echo 3 >/proc/sys/vm/nr_hugepages", "cat /proc/sys/vm/nr_hugepages"),
        "a sysctl": ("sysctl -w vm.swappiness=7", "cat /proc/sys/vm/swappiness"),
        "a mount": ("mkdir -p /x; mount -t tmpfs trace /x", "grep -c trace /proc/mounts"),
        "the kernel's log": ("echo trace >/dev/kmsg", "dmesg | grep -c trace"),
        "a namespace": ("hostname trace", "hostname"),
        "page cache": ("dd if=/dev/zero of=/dev/shm/x bs=1M count=9 2>&1", "ls /dev/shm | wc -l"),
    }

    def look(guest):
        return {
            what: guest.ssh.run(["sh", "-c", script], timeout=60).stdout
            for what, (_, script) in traces.items()
        }

    with Runner(replace(plan, settings=settings), tmp_path, Clock(), "test") as runner:
        guest = runner.fleet.get("contract")
        before = look(guest)
        for leave, _ in traces.values():
            guest.ssh.run(["sh", "-c", leave], timeout=60)
        left = look(guest)
        assert [what for what in traces if left[what] == before[what]] == []
        first = runner.run(task)
        assert not runner.fleet.running, "its guest went with it"
        after = look(runner.fleet.get("contract"))
        second = runner.run(task)
    changed = {what for what in traces if after[what] != before[what]}
    assert changed == {"a namespace"}, "only what is renewed differs"
    assert after["a namespace"] == b"test-2\n"
    # What was done to the first one's guest is noticed; the second one's is as new.
    assert first.verdict is Verdict.FAIL
    assert first.message.startswith("after the case: ")
    assert second.verdict is Verdict.PASS
    assert first.vm != second.vm


def test_what_does_not_apply_is_skipped_without_a_vm(plan, runner):
    record = runner.run(job(plan, "refusal", "minor_refused_32bit"))
    assert record.verdict is Verdict.SKIP
    assert "32-bit" in record.message
    assert record.vm == ""


def test_a_guest_shows_what_is_not_known_of_its_kernel(plan, tmp_path):
    """Nobody has its configuration: the cases are what they are with it, and none is a MISS."""
    unknown = replace(plan, kernel=replace(plan.kernel, config=UNKNOWN))
    with Runner(unknown, tmp_path, Clock(), "t") as r:
        record = r.run(job(plan, "resolvers", "writeprotect_resolves_nothing"))
        assert (record.verdict, record.message) == (Verdict.PASS, "")
        learned = r._config
        r.run(job(plan, "api", "handshake"))
        assert r._config is learned
    assert not learned.whole
    known = plan.kernel.config
    # Pages of 4 KiB are no option on x86, and only arm64's rows ask.
    symbols = set(learned) - {"CONFIG_ARM64_4K_PAGES"}
    assert {s: learned.has(s) for s in symbols} == {s: known.has(s) for s in symbols}
    # What has a probe and was not seen is a driver that no case has loaded yet.
    assert set(r.contract.probes) - set(learned) == set(learned.lost)
    assert set(learned.lost) <= set(plan.recipe.drivers.values())


def test_what_a_guest_cannot_show_stays_unknown(plan, tmp_path):
    """Without its probe, that is; and then its cases cannot be decided."""
    unknown = replace(plan, kernel=replace(plan.kernel, config=UNKNOWN))
    with Runner(unknown, tmp_path, Clock(), "t") as r:
        r.contract = replace(r.contract, probes={})
        record = r.run(job(plan, "resolvers", "writeprotect_resolves_nothing"))
    assert record.verdict is Verdict.MISS
    assert "CONFIG_PTE_MARKER_UFFD_WP" in record.message


def test_a_driver_whose_module_is_missing_is_no_reason_to_skip(plan, tmp_path):
    lost = replace(plan.kernel.config, lost={"CONFIG_BLK_DEV_RAM": "there is no brd.ko"})
    with Runner(
        replace(plan, kernel=replace(plan.kernel, config=lost)), tmp_path, Clock(), "t"
    ) as r:
        record = r.run(job(plan, "pages_swap", "continue_brings_back"))
    assert (record.verdict, record.message) == (Verdict.MISS, "there is no brd.ko")


def test_the_record_is_complete(plan, runner, tmp_path):
    task = job(plan, "continue", "hole_refused")
    record = runner.run(task)
    assert record.verdict is Verdict.PASS
    assert record.rows
    assert record.vm == "test.1"
    assert record.duration > 0
    assert record.rerun.endswith("'guest_tests/continue.c::hole_refused[hugetlb-shared]'")
    assert any(f"begin {task.label}" in line for line in record.console)
    assert any(f"end {task.label}" in line for line in record.console)
    (vm,) = runner.fleet.records
    stages = [vm.boot_stages[name] for name in ("restored", "renewed", "ssh", "ready")]
    assert stages == sorted(stages)
    assert vm.template
    assert "Linux version" in (tmp_path / "boot-contract.log").read_text()
    assert vm.command[0] == "qemu-system-x86_64"
