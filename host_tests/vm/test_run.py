# SPDX-License-Identifier: GPL-2.0-only
"""Whole runs as a user makes them, and runs that are cut short. All VMs are real."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from running import Running, harness
from trees import built

from harness.architectures import ROOT
from harness.host.cache import cache_dir
from harness.results.formats.table import table
from harness.results.store import load
from harness.suite.ktap import parse
from harness.verdicts.verdict import Verdict

FEW = "smaps_shows_minor or hole_refused or two_continues"


def cache_without_programs(folder):
    """Make a cache that has what the real one has but for the programs: they are built anew.

    Nor what is remembered: a plan that another test remembered names the real cache's programs.
    """
    folder.mkdir()
    for known in cache_dir().iterdir():
        if known.name not in {"programs", "remembered"}:
            (folder / known.name).symlink_to(known)
    return folder


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def test_a_run_on_two_vms(results):
    run = harness("-k", FEW, "-n", "2", results=results)
    assert run.process.wait(300) == 0, run.said()
    assert not run.family()
    folder = results / "latest-x86_64"
    record = load(folder)
    assert record.complete
    assert {c.verdict for c in record.cases} == {Verdict.PASS}
    names = {c.name for c in record.cases}
    assert names == {"smaps_shows_minor", "hole_refused", "two_continues"}
    assert len({vm.name for vm in record.vms}) >= 2
    assert all(vm.ended is not None for vm in record.vms)
    for vm in record.vms:
        assert Path(vm.qemu).is_file()
        assert vm.kernel_command_line in vm.command
        assert vm.boot_method == "direct"
    assert record.kernel.build is not None
    assert record.kernel.build.compiler_version
    assert load(folder / "cases.jsonl") == load(folder / "results.json") == record
    suite = ET.parse(folder / "junit.xml").getroot()
    assert len(list(suite.iter("testcase"))) == len(record.cases)
    ktap = parse((folder / "results.ktap").read_bytes())
    assert not ktap.errors
    vms = {line.split("]")[1].split(":")[0].strip() for line in
           (folder / "serial.log").read_text().splitlines()}  # fmt: skip
    # And one that was booted to be saved, when this is the first run.
    assert {vm for vm in vms if not vm.endswith("-template")} == {vm.name for vm in record.vms}
    assert all(json.loads(line) for line in (folder / "qmp.jsonl").read_text().splitlines())
    assert (folder / "results.json").stat().st_mode & 0o777 == 0o644


def without_times(folder):
    """Return the records, junit.xml and table of a run, but for times and the names of VMs."""
    record = load(folder)
    cases = [
        replace(case, started=0, duration=0, vm="", console=numberless(case.console),
                diagnostics=numberless(case.diagnostics))
        for case in record.cases
    ]  # fmt: skip
    run = replace(record, id="", started="", finished="", command=(), durations={},
                  clock_zero=None, host=None, cases=tuple(cases), vms=())  # fmt: skip
    xml = re.sub(r'(time|timestamp|id)="[^"]*"', "", (folder / "junit.xml").read_text())
    xml = numberless([xml.replace(str(folder), "")])
    return run, xml, (folder / "results.ktap").read_text(), table(run, "folder")


def numberless(lines):
    """Return ``lines`` without their numbers: the kernel's time, how often a thread won."""
    # With the blanks before a time: from 10 s on there is one less.
    return tuple(re.sub(r"(?<=\[) *\d+|\d+", "N", line) for line in lines)


def test_the_results_are_the_same_whatever_the_number_of_vms(tmp_path):
    """Verdicts, messages, order: also of a program that dies, and of cases that do not apply."""
    kept = []
    for vms in ("1", "2"):
        results = tmp_path / f"vms{vms}" / "results"
        results.parent.mkdir()
        run = harness("-k", f"{FEW} or refusal or handshake", "-n", vms, results=results)
        assert run.process.wait(300) == 0, run.said()
        kept.append(without_times((results / "latest-x86_64").resolve()))
        workers = {vm.name.partition(".")[0] for vm in run.latest().vms}
        assert workers == ({"vm"} if vms == "1" else {"gw0", "gw1"})
    one, two = kept
    assert [case.id for case in one[0].cases] == [case.id for case in two[0].cases]
    assert one == two
    programs = [case.program for case in one[0].cases]
    assert programs == sorted(programs), "in declared order"
    assert {case.verdict for case in one[0].cases} == {Verdict.PASS, Verdict.SKIP}


def test_the_longest_of_the_last_run_come_first(results):
    """Whatever kernel it was of; and each worker takes its cases in that order."""
    names = ["handshake", "second_handshake_refused[hugetlb-shared]", "feature_mask"]
    names += ["nothing_before_handshake[hugetlb-shared]", "minor_hugetlbfs_reported"]
    times = {f"guest_tests/api.c::{name}": 9.0 - n for n, name in enumerate(reversed(names))}
    (results / "old").mkdir(parents=True)
    (results / "latest-x86_64").symlink_to("old")
    record = {"cases": [{"id": name, "duration": took} for name, took in times.items()]}
    (results / "old" / "results.json").write_text(json.dumps(record))
    run = harness("-k", "handshake or feature_mask or reported", "-n", "2", results=results)
    assert run.process.wait(300) == 0, run.said()
    cases = sorted(run.latest().cases, key=lambda case: case.started)
    assert set(times) <= {case.id for case in cases}
    for vm in {case.vm for case in cases}:
        taken = [times[case.id] for case in cases if case.vm == vm and case.id in times]
        assert taken == sorted(taken, reverse=True), (vm, taken)


def test_a_vm_that_is_slow_to_start_holds_up_nobody(results):
    """One worker's VM stands still while it starts: the other takes all but two of its cases."""
    names = ["api.c::handshake", "api.c::feature_mask", "api.c::minor_hugetlbfs_reported"]
    names += [f"continue.c::hole_refused[hugetlb-{kind}]" for kind in ("shared", "private")]
    names += [f"register.c::smaps_shows_minor[hugetlb-{kind}]" for kind in ("shared", "private")]
    ids = [f"guest_tests/{name}" for name in names]
    run = harness(*ids, "-n", "2", results=results)
    slow = b"PYTEST_XDIST_WORKER=gw0"

    def of_slow_worker():
        return [p for p in run.family("qemu") if slow in Path(f"/proc/{p}/environ").read_bytes()]

    run.wait_until(of_slow_worker)
    [qemu] = of_slow_worker()
    os.kill(qemu, signal.SIGSTOP)
    try:
        # xdist's workers have the next case in hand while one runs: two wait.
        run.wait_until(lambda: len(run.cases()) == len(ids) - 2, seconds=90)
        assert {case.vm for case in run.cases()} == {"gw1.1"}
    finally:
        os.kill(qemu, signal.SIGCONT)
    assert run.process.wait(120) == 0, run.said()
    assert sorted(case.vm for case in run.latest().cases) == ["gw0.1"] * 2 + ["gw1.1"] * 5
    assert {case.id for case in run.latest().cases} == set(ids)


def test_each_case_has_a_vm_of_its_own(results):
    run = harness("-k", "hole_refused or handshake", "--isolation", "case", results=results)
    assert run.process.wait(300) == 0, run.said()
    record = run.latest()
    vms = [case.vm for case in record.cases]
    assert len(vms) > 3
    assert len(set(vms)) == len(vms)
    assert {vm.name for vm in record.vms} == set(vms)


def test_one_case_gets_no_worker(results):
    run = harness("guest_tests/api.c::handshake", "-n", "8", results=results)
    assert run.process.wait(300) == 0, run.said()
    assert "1 VM: 1 case" in run.said()
    assert [case.vm for case in run.latest().cases] == ["vm.1"]
    assert "workers" not in run.latest().durations


def test_pytests_own_workers(results):
    """-n auto of plain pytest: the host's number of VMs, and the last run's times."""
    run = Running(
        "pytest", "guest_tests", "--arch", "x86_64", "--accel", "tcg", "-n", "auto",
        "-k", FEW, "--results", str(results), results=results,
    )  # fmt: skip
    assert run.process.wait(300) == 0, run.said()
    cores = len(os.sched_getaffinity(0))
    assert re.search(rf"^\d+ VMs?: {cores} cores?$|MiB of memory free", run.said(), re.MULTILINE)
    cases = run.latest().cases
    assert {case.verdict for case in cases} == {Verdict.PASS}
    assert {case.vm.partition(".")[0] for case in cases} <= {f"gw{n}" for n in range(cores)}
    assert set(run.latest().durations) >= {"startup", "collection"}


def test_failures_are_run_again_in_vms_of_their_own(results, tmp_path):
    """--lf, after a run in which somebody killed every VM."""
    options = ("--arch", "x86_64", "--accel", "tcg", "--results", str(results))
    options += ("-o", f"cache_dir={tmp_path / 'pytest'}")
    first = Running("pytest", "guest_tests", "-k", "two_continues", *options, results=results)
    while first.process.poll() is None:
        for pid in first.family("qemu-system"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    lost = first.latest().cases
    assert [case.verdict for case in lost] == [Verdict.MISS] * 2, first.said()
    assert all("--isolation case" in case.rerun for case in lost)
    again = Running("pytest", "guest_tests", "--lf", *options, results=results)
    assert again.process.wait(300) == 0, again.said()
    cases = again.latest().cases
    assert [case.id for case in cases] == [case.id for case in lost]
    # The same machine profile: with --isolation vm they would share one.
    assert len({case.vm for case in cases}) == 2


def test_plain_pytest(results, tmp_path):
    xml = tmp_path / "own.xml"
    run = Running(
        "pytest", "guest_tests", "--arch", "x86_64", "--accel", "tcg", "-m", "race",
        "-k", "two_continues", "--results", str(results), "--junitxml", str(xml),
        results=results,
    )  # fmt: skip
    assert run.process.wait(300) == 0, run.said()
    assert [c.name for c in run.latest().cases] == ["two_continues"] * 2
    assert len(list(ET.parse(xml).getroot().iter("testcase"))) == 2


def test_cases_are_listed_without_a_vm(results):
    run = Running(
        "pytest", "guest_tests", "--arch", "arm64", "--collect-only", "-q",
        "--results", str(results), results=results,
    )  # fmt: skip
    assert run.process.wait(120) == 0
    assert "guest_tests/continue.c::hole_refused[hugetlb-shared]" in run.said()
    assert not results.exists()


def break_entry(image):
    """Damage the code behind a bzImage's payload, which unpacks it: no check can tell."""
    start = (image[0x1F1] + 1) * 512
    payload, length = struct.unpack_from("<II", image, 0x248)
    code = start + payload + length
    broken = bytearray(image)
    broken[code : code + 16384] = bytes(16384)
    return bytes(broken)


def test_a_kernel_that_does_not_boot_is_a_failure(plan, results, tmp_path):
    broken = tmp_path / "bzImage"
    broken.write_bytes(break_entry(plan.kernel.image.read_bytes()))
    tree = built(tmp_path / "linux", plan.kernel.image, broken)
    run = harness("--kernel", str(tree), "-k", FEW, "--boot", "image", results=results)
    assert run.process.wait(300) == 1, run.said()
    record = run.latest()
    # Records are in the order of declarations; after two boots that failed the rest is a MISS.
    first = min(record.cases, key=lambda case: case.started)
    assert (first.verdict, first.phase) == (Verdict.FAIL, "boot")
    assert "the guest reset itself" in first.message
    assert "FAIL" in run.said()


def cut(run, moment, number):
    """Send signal ``number`` at ``moment``; return seconds until the harness was gone."""
    match moment:
        case "preparing":
            # The programs are being compiled.
            run.wait_until(lambda: run.family("cc1"))
        case "booting":
            run.wait_until(lambda: run.family("qemu-system"))
        case "running":
            run.wait_until(lambda: len(run.cases()) >= 2)
    began = time.monotonic()
    run.process.send_signal(number)
    run.process.wait(60)
    return time.monotonic() - began


def left_over(run, seconds=20.0):
    """Return what is left of the run's processes, ``seconds`` at the most after its end."""
    deadline = time.monotonic() + seconds
    while (left := run.family()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["preparing", "booting", "running"])
@pytest.mark.parametrize("vms", ["1", "2"])
def test_a_run_that_is_cut_short(results, tmp_path, moment, number, vms):
    if vms == "2" and moment == "preparing":
        pytest.skip("workers start after the preparation: the same as with one VM")
    environment = {}
    if moment == "preparing":
        environment["HARNESS_CACHE"] = str(cache_without_programs(tmp_path / "cache"))
    run = harness("-n", vms, results=results, **environment)
    seconds = cut(run, moment, number)
    assert seconds < 20, run.said()
    # A worker that must be killed has 5 s (execnet); QEMU goes with it.
    assert not left_over(run), run.said()
    expected = -signal.SIGKILL if number == signal.SIGKILL else 130
    assert run.process.returncode == expected, run.said()
    if moment != "preparing":
        record = run.latest()
        assert not record.complete
    if moment == "running":
        assert len(record.cases) >= 2
        assert all(case.verdict in {Verdict.PASS, Verdict.SKIP} for case in record.cases)
        ET.parse(results / "latest-x86_64" / "junit.xml")
        report = [sys.executable, "-m", "harness", "report", results / "latest-x86_64"]
        done = subprocess.run(
            [*report, "--format", "json"], check=True, capture_output=True, cwd=ROOT
        )
        assert len(json.loads(done.stdout)["cases"]) == len(record.cases)
        assert "Bail out!" in (results / "latest-x86_64" / "results.ktap").read_text()


@contextlib.contextmanager
def in_terminal(results, *words, ignored=False):
    """Start a run in a terminal of its own; gives its process and what closes the terminal."""
    results.mkdir(exist_ok=True)
    ours, theirs = os.openpty()

    def before():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)

    argv = [sys.executable, "-m", "harness", "run", "--arch", "x86_64", "--accel", "tcg"]
    process = subprocess.Popen(
        [*argv, "--results", str(results), *words], stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=before, env={**os.environ, "TMPDIR": str(results.parent)},  # noqa: PLW1509
    )  # fmt: skip
    os.close(theirs)
    drained = threading.Thread(target=drain, args=(ours, process, results), daemon=True)
    drained.start()
    try:
        yield process, drained
    finally:
        process.kill()
        process.wait()


def drain(terminal, process, results):
    """Read what is said, and close the terminal once two cases have their verdicts."""
    while process.poll() is None:
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)
        with contextlib.suppress(Exception):
            if len(load(results / "latest-x86_64").cases) >= 2:
                break
    os.close(terminal)


@pytest.mark.parametrize(("vms", "ignored"), [("1", False), ("2", False), ("2", True)])
def test_a_terminal_that_is_closed(results, vms, ignored):
    """SIGHUP comes to all of its processes, and nothing can be printed; nohup goes on."""
    words = ("-n", vms, "-k", FEW if ignored else "continue")
    with in_terminal(results, *words, ignored=ignored) as (process, _):
        assert process.wait(300) == (0 if ignored else 130)
    record = load(results / "latest-x86_64")
    assert record.complete is ignored
    assert record.finished
    assert {case.verdict for case in record.cases} <= {Verdict.PASS, Verdict.SKIP}
    assert [path for path in results.parent.iterdir() if path.name.startswith("uffd")] == []


def test_a_disk_that_fills_up_keeps_what_there_was(results):
    """Results on a file system of 1 MiB; somebody else takes the rest of it in mid-run."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", results], check=True)
    try:
        run = harness("-k", "continue", results=results)
        run.wait_until(lambda: len(run.cases()) >= 2)
        with (results / "filler").open("wb") as filler:
            try:
                while filler.write(bytes(65536)):
                    filler.flush()
            except OSError:
                pass
        code = run.process.wait(300)
        assert code == 125, run.said()
        assert "No space left" in run.said()
        assert len(run.latest().cases) >= 2
    finally:
        subprocess.run(["umount", "-l", results], check=True)
    assert not left_over(run)
