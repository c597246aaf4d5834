# SPDX-License-Identifier: GPL-2.0-only
"""SSH and the guest itself, in a real VM."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import paramiko
import pytest

from harness.architectures import ROOT
from harness.guest.keys import Keys
from harness.guest.ssh import Ssh, SshError


def run(guest, script, timeout=30, **more):
    return guest.ssh.run(["sh", "-c", script], timeout=timeout, **more)


def test_output_and_status_come_back_whole(guest):
    done = run(guest, "printf 'a\\0b\\n'; echo trouble >&2; exit 7")
    assert (done.stdout, done.stderr, done.exit_status) == (b"a\0b\n", b"trouble\n", 7)
    assert [done.timed_out, done.lost, done.flooded, done.signal] == [False, False, False, None]


def test_a_signal_is_told_from_a_status(guest):
    done = run(guest, "kill -SEGV $$")
    assert (done.signal, done.exit_status, done.lost) == ("SEGV", None, False)
    assert run(guest, "exit 139").exit_status == 139


def test_arguments_are_not_read_by_a_shell(guest):
    hostile = "$(reboot); `reboot` 'x' \"y\" \\ * \n;"
    done = guest.ssh.run(["printf", "%s", hostile], timeout=30)
    assert done.stdout.decode() == hostile


def test_a_slow_command_times_out(guest):
    began = time.monotonic()
    done = run(guest, "echo early; sleep 60", timeout=2)
    assert done.timed_out
    assert (done.exit_status, done.stdout) == (None, b"early\n")
    assert time.monotonic() - began < 10


def test_a_flood_is_cut(guest):
    done = run(guest, "cat /dev/zero", timeout=120)
    assert done.flooded
    assert 4 << 20 < len(done.stdout) < 5 << 20


def test_output_streams(guest):
    seen = []
    began = time.monotonic()
    run(
        guest,
        "echo one; sleep 2; echo two",
        on_output=lambda data: seen.append((time.monotonic() - began, data)),
    )
    assert [data for _, data in seen] == [b"one\n", b"two\n"]
    assert seen[1][0] - seen[0][0] > 1


def test_input_reaches_the_command(guest):
    data = os.urandom(300_000)
    done = guest.ssh.run(["sha256sum"], timeout=60, stdin=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_programs_are_pushed_whole(guest, plan):
    program = plan.programs[0]
    done = guest.ssh.run(["sha256sum", f"/tests/{program.name}"], timeout=30)
    assert done.stdout.split()[0].decode() == hashlib.sha256(program.read_bytes()).hexdigest()


def test_push_to_a_full_file_system_fails(guest, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2 << 20))
    run(guest, "mkdir -p /tiny; mount -t tmpfs -o size=1m tmpfs /tiny")
    with pytest.raises(SshError, match="cannot push"):
        guest.ssh.push([big], "/tiny", timeout=60)


def test_only_the_runs_keys_are_accepted(guest, evidence):
    with pytest.raises(SshError, match="host key"):
        Ssh(guest.vm.ssh_port, Keys(), evidence, timeout=30).__enter__()
    mixed = Keys()
    mixed.host_public = guest.keys.host_public
    with pytest.raises(SshError, match="Authentication"):
        Ssh(guest.vm.ssh_port, mixed, evidence, timeout=30).__enter__()


def test_passwords_are_not_accepted(guest):
    with socket.create_connection(("127.0.0.1", guest.vm.ssh_port)) as sock:
        transport = paramiko.Transport(sock)
        transport.start_client(timeout=30)
        with pytest.raises(paramiko.BadAuthenticationType):
            transport.auth_password("root", "")
        transport.close()


def test_the_guest_reaches_nothing(guest):
    """restrict=on: not even the host, at the address user networking gives it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run(guest, f"echo hello | timeout 5 nc 10.0.2.2 {port}")
        assert done.exit_status != 0
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_everything_the_cases_need_is_mounted(guest):
    mounts = run(guest, "cat /proc/mounts").stdout.decode()
    kinds = {line.split()[2] for line in mounts.splitlines()}
    assert {
        "proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "hugetlbfs", "debugfs", "tracefs"
    } <= kinds  # fmt: skip
    assert run(guest, "cat /proc/sys/vm/nr_hugepages").stdout == b"64\n"


def test_only_the_needed_modules_are_there(guest):
    loaded = {
        line.split()[0]
        for line in run(guest, "cat /proc/modules").stdout.decode().split("\n")
        if line
    }
    assert "virtio_net" in loaded
    # virtio_net's, and pvpanic's, which on x86 needs a word with the firmware's device.
    needed = ("virtio", "failover", "pvpanic", "qemu_fw_cfg")
    assert all(any(word in name for word in needed) for name in loaded), loaded


def test_several_commands_at_once(guest):
    outcomes = {}

    def one(number):
        with Ssh(guest.vm.ssh_port, guest.keys, guest.vm.log, timeout=60) as ssh:
            outcomes[number] = ssh.run(["sh", "-c", f"sleep 1; echo {number}"], timeout=60).stdout

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {n: f"{n}\n".encode() for n in range(4)}


def test_one_clock_for_all_logs(guest):
    run(guest, "echo 'harness test: now' > /dev/kmsg; sleep 0.2")
    folder = guest.vm.log.folder
    ssh = json.loads((folder / "ssh.jsonl").read_text().splitlines()[-1])
    serial = (folder / "serial.log").read_text().splitlines()[-1]
    assert "harness test: now" in serial
    stamp = float(serial[1:].split("]")[0])
    assert 0 <= ssh["t"] - stamp < 5
    qmp = [json.loads(line) for line in (folder / "qmp.jsonl").read_text().splitlines()]
    assert [q["t"] for q in qmp] == sorted(q["t"] for q in qmp)
    assert any(q.get("command", {}).get("execute") == "cont" for q in qmp)


def test_a_shell_without_a_terminal():
    """What ``make shell-x86_64`` does, with commands on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "shell", "--arch", "x86_64", "--accel", "tcg"],
        input=b"echo I am $((40 + 2)); exit 5\n", capture_output=True, timeout=300, check=False,
        cwd=ROOT,
    )  # fmt: skip
    assert b"I am 42" in done.stdout
    assert done.returncode == 5
