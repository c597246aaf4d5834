# SPDX-License-Identifier: GPL-2.0-only
"""Clones of saved VMs: that they come back, what they share, what they must not. Real VMs."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import logging
import os
import resource
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError, HostError
from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.guest.ssh import Ssh, SshError
from harness.host.clock import Clock
from harness.machine import templates
from harness.machine.evidence import EvidenceLog
from harness.run.plan import prepare
from harness.run.settings import Settings
from harness.verdicts import splats

# Longer than the kernel's patience with a CPU (softlockup 20 s, RCU stall 21 s).
AGE = 30


def nursery(plan, keys=None):
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.programs[:1])
    return GuestFactory(contents, keys or Keys(), plan.scale)


@contextlib.contextmanager
def clone(plan, folder, name="vm", keys=None):
    log = EvidenceLog(folder, Clock(), name)
    with nursery(plan, keys).ready(plan.boot("contract", Keys()), log) as guest:
        yield guest
    log.close()


def said(guest, script):
    done = guest.agent.run(["/bin/busybox", "sh", "-c", script], timeout=60)
    assert done.exit_status == 0, done
    return done.stdout.decode().strip()


def started(folder):
    """Names of the VMs that were started, from the log of QMP."""
    lines = (folder / "qmp.jsonl").read_text().splitlines()
    seen = [json.loads(line)["vm"] for line in lines if "query-version" in line]
    return sorted(set(seen))


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    """A store of templates of its own."""
    folder = tmp_path_factory.mktemp("store")
    real = templates.cache_dir
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            templates, "cache_dir", lambda *p: folder if p == ("templates",) else real(*p)
        )
        yield folder


@pytest.fixture(scope="module")
def template(plan, tmp_path_factory):
    """The template that these tests clone; made here, and old enough."""
    folder = tmp_path_factory.mktemp("made")
    with clone(plan, folder) as guest:
        assert guest.stages["renewed"] < guest.stages["ssh"]
    assert started(folder) == ["vm", "vm-template"]
    made = current(plan)
    age = time.time() - made.state.stat().st_mtime
    time.sleep(max(0, AGE - age))
    return made


def current(plan):
    _, full = GuestContents(
        plan.kernel.sha256, plan.image.sha256, plan.programs[:1]
    ).names(plan.boot("contract", Keys()))  # fmt: skip
    return templates.load(full)


def restamp(template):
    """Have the damaged files pass the check that comes first."""
    path = template.folder / "template.json"
    facts = json.loads(path.read_text())
    facts["files"] = {name: templates._stamp(template.folder / name) for name in facts["files"]}
    facts["state_sha256"] = hashlib.sha256(template.state.read_bytes()).hexdigest()
    path.write_text(json.dumps(facts))


def programs(plan):
    """What is in a guest with one program: that, and the binary it is a link to."""
    return [plan.programs[0].name, plan.programs[0].resolve().name]


def test_a_clone_is_fast_and_has_the_programs(plan, template, tmp_path):
    with clone(plan, tmp_path) as guest:
        assert said(guest, "ls /tests").split() == programs(plan)
    assert started(tmp_path) == ["vm"], "nothing was booted"
    booted = float(
        template.console.read_text().rsplit("stage sshd")[0].rsplit("[")[-1].split("]")[0]
    )
    assert guest.stages["ready"] < booted / 2
    assert "harness: stage measured " in template.console.read_text()
    assert guest.slowness == 1.0, "a stock kernel is as slow as a stock kernel"


@pytest.mark.usefixtures("template")
def test_two_clones_share_nothing_they_must_not(plan, tmp_path):
    keys = Keys(), Keys()
    scripts = {
        "random": "head -c 16 /dev/urandom | od -An -tx1",
        "uuid": "cat /proc/sys/kernel/random/uuid",
        "host key": "sha256sum /etc/dropbear/host_key",
        "host name": "hostname",
        "who may log in": "cat /root/.ssh/authorized_keys",
    }
    with (
        clone(plan, tmp_path, "w.1", keys[0]) as one,
        clone(plan, tmp_path, "w.2", keys[1]) as two,
    ):
        found = [
            {what: said(guest, script) for what, script in scripts.items()} for guest in (one, two)
        ]
        # Nobody else's key opens a clone.
        mixed = Keys()
        mixed.host_public = keys[0].host_public
        with pytest.raises(SshError, match="Authentication"):
            Ssh(one.vm.ssh_port, mixed, one.vm.log, timeout=60).__enter__()
    for what in found[0]:
        assert found[0][what] != found[1][what], what
    assert found[0]["host name"] == "w-1"


def test_the_clock_is_right_and_nothing_complains_of_the_pause(plan, template, tmp_path):
    with clone(plan, tmp_path) as guest:
        before = time.time()
        now = float(said(guest, "date +%s"))
        assert before - 2 < now < time.time() + 2
        uptime = [float(said(guest, "cat /proc/uptime").split()[0])]
        time.sleep(3)
        uptime.append(float(said(guest, "cat /proc/uptime").split()[0]))
        # Monotonic time stood still while it was saved, and goes on at its own pace.
        assert 2 < uptime[1] - uptime[0] < 10
        assert uptime[1] < time.time() - template.state.stat().st_mtime + 60
        console = guest.vm.console.since()
        assert not list(splats.find(console))
        assert not [line for line in console if "clocksource" in line or "stall" in line]


def test_no_clone_alters_the_template(plan, template, tmp_path):
    def hashes():
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in template.ram()]

    before = hashes()
    with clone(plan, tmp_path) as guest:
        said(guest, "dd if=/dev/urandom of=/tmp/trace bs=1M count=20 2>&1; sync")
    assert hashes() == before
    with clone(plan, tmp_path) as guest:
        assert said(guest, "ls /tmp") == ""


@pytest.mark.usefixtures("template")
def test_clones_share_memory(plan, tmp_path):
    def pss(guest):
        lines = Path(f"/proc/{guest.vm.pid}/smaps_rollup").read_text().splitlines()
        return {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}

    with clone(plan, tmp_path, "one") as one:
        alone = pss(one)["Pss_File"]
        with clone(plan, tmp_path, "two"):
            assert pss(one)["Pss_File"] < 0.7 * alone


def bad_one_is_thrown_away(plan, folder, caplog):
    """Check that a guest is booted, and that the next one is a clone of a new saved VM."""
    with caplog.at_level(logging.INFO, "harness"), clone(plan, folder, "first") as guest:
        assert said(guest, "echo well") == "well"
        assert "sshd" in guest.stages, "it was booted"
    assert "first: a saved VM does not come back, it is booted: " in caplog.text
    assert "first: the saved VM is thrown away; the next one is new" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "harness"), clone(plan, folder, "second") as guest:
        assert said(guest, "echo well") == "well"
        assert "renewed" in guest.stages, "it is a clone"
    # From the one without the programs: that is not damaged.
    assert "second: putting the programs into a saved VM" in caplog.text
    assert "second-template: init" not in caplog.text


@pytest.mark.usefixtures("template")
def test_a_state_that_does_not_load_is_made_anew(plan, tmp_path, caplog):
    damaged = current(plan)
    damaged.state.chmod(0o600)
    whole = damaged.state.read_bytes()
    damaged.state.write_bytes(whole[: len(whole) // 2])
    restamp(damaged)
    bad_one_is_thrown_away(plan, tmp_path, caplog)


@pytest.mark.usefixtures("template")
def test_memory_that_is_garbage_is_made_anew(plan, tmp_path, caplog):
    damaged = current(plan)
    ram = damaged.ram()[0]
    ram.chmod(0o600)
    with ram.open("r+b") as file:
        file.truncate(0)
        file.truncate(plan.recipe.profiles["contract"].memory_mib << 20)
    restamp(damaged)
    bad_one_is_thrown_away(plan, tmp_path, caplog)


@contextlib.contextmanager
def no_network():
    """Be, and start VMs, where the loopback interface is down: namespaces(7), of this thread."""
    new_net = 0x40000000  # CLONE_NEWNET
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before:
        if libc.unshare(new_net):
            pytest.skip("a network namespace needs root")
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), new_net) == 0


@contextlib.contextmanager
def no_files():
    """Have room for three more open files, fewer than QEMU's connections take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(3):
            os.close(taken.pop())
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize("trouble", [no_network, no_files])
def test_trouble_of_the_host_throws_no_saved_vm_away(plan, tmp_path, trouble):
    names = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.programs[:1]).names(
        plan.boot("contract", Keys())
    )
    before = [templates.load(name) for name in names]
    assert None not in before
    log = EvidenceLog(tmp_path, Clock(), "vm")
    with pytest.raises(HarnessError), trouble(), nursery(plan).ready(
        plan.boot("contract", Keys()), log
    ):  # fmt: skip
        pytest.fail("there is a guest")
    log.close()
    assert [templates.load(name) for name in names] == before


@pytest.mark.usefixtures("template")
def test_what_was_touched_is_not_even_started(plan, tmp_path, caplog):
    touched = current(plan)
    touched.ram()[0].chmod(0o600)
    touched.ram()[0].open("r+b").write(b"\0")
    with caplog.at_level(logging.INFO, "harness"), clone(plan, tmp_path) as guest:
        assert said(guest, "echo well") == "well"
    assert "ram-0 was changed" in caplog.text
    assert "does not come back" not in caplog.text


@pytest.mark.usefixtures("template")
def test_several_workers_make_it_once(plan, tmp_path):
    templates.discard(current(plan))
    seen = []

    def one(number):
        with clone(plan, tmp_path, f"w{number}") as guest:
            seen.append(said(guest, "hostname"))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == ["w0", "w1", "w2"]
    assert len([name for name in started(tmp_path) if "template" in name]) == 1


def test_where_no_template_can_be_kept_it_boots(plan, tmp_path, caplog, monkeypatch):
    @contextlib.contextmanager
    def refuse(*_):
        raise HostError("cannot write ram-0: No space left on device")
        yield

    monkeypatch.setattr(templates, "building", refuse)
    monkeypatch.setattr(templates, "load", lambda _: None)
    with caplog.at_level(logging.INFO, "harness"), clone(plan, tmp_path) as guest:
        assert said(guest, "ls /tests").split() == programs(plan)
    assert "it is booted: cannot write ram-0: No space left on device" in caplog.text
    assert "sshd" in guest.stages


@pytest.mark.parametrize("arch", ["arm64", "armhf", "i386"])
def test_every_architecture(tmp_path, arch):
    plan = prepare(Settings(arch, accelerator="tcg"))
    with clone(plan, tmp_path, "first") as guest:
        first = said(guest, "head -c 16 /dev/urandom | od -An -tx1")
    with clone(plan, tmp_path, "second") as guest:
        assert said(guest, "head -c 16 /dev/urandom | od -An -tx1") != first
        assert abs(float(said(guest, "date +%s")) - time.time()) < 3
    assert started(tmp_path) == ["first", "first-template", "second"]


def test_two_cpus_and_two_nodes(plan, tmp_path):
    profile = replace(plan.recipe.profiles["race"], nodes=2)
    boot = replace(plan.boot("race", Keys()), profile=profile)
    for name in ("first", "second"):
        log = EvidenceLog(tmp_path, Clock(), name)
        with nursery(plan).ready(boot, log) as guest:
            seen = said(guest, "nproc; ls -d /sys/devices/system/node/node*")
        log.close()
        assert seen.split() == ["2", *(f"/sys/devices/system/node/node{n}" for n in range(2))]
