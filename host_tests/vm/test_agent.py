# SPDX-License-Identifier: GPL-2.0-only
"""The agent in a real VM: what Ssh.run promises, and what a restored guest renews."""

from __future__ import annotations

import json
import re
import secrets
import time

import pytest

from harness.guest.agent import Agent
from harness.guest.guest import booted
from harness.guest.keys import Keys
from harness.guest.ssh import Ssh, SshError

BUSYBOX = "/bin/busybox"


@pytest.fixture
def agent(guest):
    with Agent(guest.ssh) as started:
        yield started


@pytest.fixture
def doomed(guest):
    """An agent to spoil, on a connection of its own."""
    with Ssh(guest.vm.ssh_port, guest.keys, guest.vm.log, timeout=30) as ssh, Agent(ssh) as started:
        yield started


def run(agent, script, timeout=30, **more):
    return agent.run([BUSYBOX, "sh", "-c", script], timeout=timeout, **more)


def processes(ssh, words):
    """The command lines in the guest that begin with ``words``."""
    lines = ssh.run(["ps", "-o", "args"], timeout=30).stdout.decode().splitlines()
    assert lines[0].strip() == "COMMAND"
    return [line for line in lines if line.startswith(words)]


def test_output_and_status_come_back_whole(agent):
    done = run(agent, "printf 'a\\0b\\n'; echo trouble >&2; exit 7")
    assert (done.stdout, done.stderr, done.exit_status) == (b"a\0b\n", b"trouble\n", 7)
    assert [done.timed_out, done.lost, done.flooded, done.signal] == [False, False, False, None]
    assert done.started < done.ended


def test_a_signal_is_told_from_a_status(agent):
    done = run(agent, "kill -SEGV $$")
    assert (done.signal, done.exit_status, done.lost) == ("SEGV", None, False)
    assert run(agent, "exit 139").exit_status == 139
    assert run(agent, "kill -40 $$").signal == "40"


def test_arguments_are_not_read_by_a_shell(agent):
    hostile = "$(reboot); `reboot` 'x' \"y\" \\ * \n;"
    done = agent.run([BUSYBOX, "printf", "%s", hostile, ""], timeout=30)
    assert done.stdout.decode() == hostile


def test_what_cannot_be_executed_says_why(agent):
    for path, why in [("/nothing", "No such file"), ("/etc/passwd", "Permission denied")]:
        done = agent.run([path], timeout=30)
        assert (done.exit_status, done.stdout) == (127, b"")
        assert done.stderr.startswith(f"agent: cannot run {path}: {why}".encode())
    assert run(agent, "exit 3").exit_status == 3


@pytest.mark.parametrize("argv", [["x" * 70000], ["/bin/busybox"] * 2000, ["a\0b"]])
def test_what_the_agent_does_not_take_is_refused_here(agent, argv):
    with pytest.raises(SshError, match="agent cannot run"):
        agent.run(argv, timeout=5)
    assert run(agent, "exit 3").exit_status == 3


def test_as_many_arguments_as_it_takes(agent):
    done = agent.run([BUSYBOX, "echo", *["x" * 60] * 1020], timeout=30)
    assert len(done.stdout) == 61 * 1020
    assert done.stderr == b""


def test_what_a_command_finds(agent):
    """A session of its own as sshd gives it, no signal ignored, an input that is at its end."""
    done = run(agent, "cat; cut -d' ' -f1,5,6 /proc/$$/stat; ls -l /proc/$$/fd")
    lines = done.stdout.decode().splitlines()
    pid, group, session = lines[0].split()
    assert pid == group == session
    files = [line.split(" ")[-3:] for line in lines if "->" in line]
    assert [number for number, _, _ in files if int(number) < 10] == ["0", "1", "2"]
    assert files[0][2] == "/dev/null"
    # Not of a shell: busybox's ignores SIGQUIT itself.
    status = agent.run([BUSYBOX, "cat", "/proc/self/status"], timeout=30).stdout.decode()
    masks = dict(line.split() for line in status.splitlines() if line.startswith("Sig"))
    assert masks["SigIgn:"] == masks["SigBlk:"] == "0000000000000000"


def test_output_streams(agent):
    seen = []
    began = time.monotonic()
    script = "echo one; sleep 2; echo two"
    run(agent, script, on_output=lambda data: seen.append((time.monotonic() - began, data)))
    assert [data for _, data in seen] == [b"one\n", b"two\n"]
    assert seen[1][0] - seen[0][0] > 1


def test_much_output_comes_whole(agent):
    script = f"{BUSYBOX} seq 1 100000; {BUSYBOX} seq 1 100000 >&2"
    done = run(agent, script, timeout=60)
    expected = "".join(f"{n}\n" for n in range(1, 100001)).encode()
    assert done.stdout == expected
    assert done.stderr == expected


def test_what_a_command_leaves_behind_does_not_hold_it_up(agent):
    """The end is the command's own; who still has the pipe open may even write for ever."""
    began = time.monotonic()
    done = run(agent, "sleep 60 & (while :; do echo x; done) & echo before; exit 5")
    assert done.exit_status == 5
    assert b"before\n" in done.stdout
    assert time.monotonic() - began < 20
    done = run(agent, "echo fresh")
    assert done.stdout == b"fresh\n"
    run(agent, "killall sleep sh")


def test_what_was_in_the_pipes_at_the_end_is_not_lost(agent):
    for _ in range(20):
        done = run(agent, "printf %60000s x; printf %60000s y >&2; kill -KILL $$")
        assert (len(done.stdout), len(done.stderr), done.signal) == (60000, 60000, "KILL")


def test_a_slow_command_times_out_and_ends_with_the_agent(guest, doomed):
    began = time.monotonic()
    seen = []
    done = run(
        doomed, "sleep 4711 & echo early; sleep 4711", timeout=4,
        on_output=lambda _: seen.extend(processes(guest.ssh, "sleep 4711")),
    )  # fmt: skip
    assert seen
    assert time.monotonic() - began < 10
    assert done.timed_out
    assert (done.exit_status, done.signal, done.stdout) == (None, None, b"early\n")
    assert not done.lost
    with pytest.raises(SshError, match="timed out"):
        run(doomed, "true")
    assert processes(guest.ssh, "sleep 4711"), "to be looked at"
    doomed.close()
    deadline = time.monotonic() + 20
    while processes(guest.ssh, "sleep 4711") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes(guest.ssh, "sleep 4711") == []


def test_a_flood_is_cut(doomed):
    done = run(doomed, "cat /dev/zero", timeout=120)
    assert done.flooded
    assert 4 << 20 < len(done.stdout) < 5 << 20
    assert not done.lost
    with pytest.raises(SshError, match="too much"):
        run(doomed, "true")


def test_a_host_that_reads_late_loses_nothing(agent):
    """Nobody reads for a while: more comes than all buffers on the way hold."""
    pauses = [3.0]
    done = run(
        agent, f"{BUSYBOX} seq 1 500000", timeout=120,
        on_output=lambda _: time.sleep(pauses.pop()) if pauses else None,
    )  # fmt: skip
    assert done.stdout == "".join(f"{n}\n" for n in range(1, 500001)).encode()
    assert done.exit_status == 0


def test_an_agent_that_dies_is_a_loss(guest, doomed):
    done = run(doomed, "kill -KILL $PPID; sleep 4712", timeout=30)
    assert done.lost
    assert (done.exit_status, done.signal, done.timed_out) == (None, None, False)
    with pytest.raises(SshError, match="closed"):
        run(doomed, "true")
    guest.ssh.run(["killall", "sleep"], timeout=30)


def test_one_after_the_other_on_one_connection(guest):
    for number in range(20):
        with Agent(guest.ssh) as agent:
            assert run(agent, f"exit {number}").exit_status == number


def test_each_command_is_logged(guest, agent):
    run(agent, "exit 9")
    line = (guest.vm.log.folder / "ssh.jsonl").read_text().splitlines()[-1]
    entry = json.loads(line)
    assert entry["via"] == "agent"
    assert entry["exit_status"] == 9
    assert entry["command"] == [BUSYBOX, "sh", "-c", "exit 9"]
    assert set(entry) == {
        "t", "vm", "command", "exit_status", "signal", "timed_out", "lost", "seconds", "via"
    }  # fmt: skip


def renewed(guest, keys, token, *, seed=None, hostname="renewed", now_ns=None):
    """Send the line; return what the guest says to it."""
    mark = guest.vm.console.mark()
    line = keys.renewal(token, now_ns or time.time_ns(), seed or secrets.token_bytes(32), hostname)
    guest.vm.console.send(line)
    found = guest.vm.console.wait_for(
        lambda text: "harness: stage renewed" in text or "harness: trouble" in text,
        since=mark, timeout=30,
    )  # fmt: skip
    assert found is not None
    return found[1].partition("harness: ")[2]


@pytest.fixture
def own_guest(plan, keys, evidence):
    with booted(plan.boot("contract", keys), keys, (), evidence, plan.scale) as ready:
        yield ready


def test_a_renewed_guest_has_everything_anew(own_guest):
    guest = own_guest
    keys = Keys()
    then = 2_000_000_000
    said = renewed(guest, keys, "t-1", hostname="clone-7", now_ns=then * 10**9)
    assert said == "stage renewed t-1"
    # Its own connections are gone with the old keys.
    with pytest.raises(SshError):
        Ssh(guest.vm.ssh_port, guest.keys, guest.vm.log, timeout=30).__enter__()
    with Ssh(guest.vm.ssh_port, keys, guest.vm.log, timeout=30) as ssh:
        script = "hostname; date +%s; stat -c %a /etc/dropbear/host_key /root/.ssh/authorized_keys"
        words = ssh.run(["sh", "-c", script], timeout=30).stdout.decode().split()
        assert words[0] == "clone-7"
        assert then <= int(words[1]) < then + 60
        assert words[2:] == ["600", "600"]
        # The server and this connection.
        assert len(processes(ssh, "dropbear -r")) == 2
    # And once more, with the same line, as often as one likes.
    assert renewed(guest, keys, "t-2") == "stage renewed t-2"
    assert renewed(guest, keys, "t-2") == "stage renewed t-2"
    with Ssh(guest.vm.ssh_port, keys, guest.vm.log, timeout=30) as ssh:
        assert ssh.run(["hostname"], timeout=30).stdout == b"renewed\n"


def test_random_numbers_are_renewed_before_anybody_takes_one(own_guest):
    """Seen by the kernel's function tracer: of two clones alike, chance tells them apart too."""
    guest = own_guest
    script = """cd /sys/kernel/tracing
        echo random_ioctl crng_reseed crng_make_state >set_ftrace_filter
        echo function >current_tracer && echo >trace"""
    assert guest.ssh.run(["sh", "-e", "-c", script], timeout=60).exit_status == 0
    keys = Keys()
    assert renewed(guest, keys, "t") == "stage renewed t"
    with Ssh(guest.vm.ssh_port, keys, guest.vm.log, timeout=30) as ssh:
        trace = ssh.run(["cat", "/sys/kernel/tracing/trace"], timeout=60).stdout.decode()
    calls = re.findall(r"^ *(\S+)-[0-9]+ .*: (\w+) <-(\w+)$", trace, re.MULTILINE)
    agents = [call for call in calls if call[0] == "console"]  # images/init/console.c
    # RNDADDENTROPY, then RNDRESEEDCRNG.
    assert [function for _, function, _ in agents[:3]] == [
        "random_ioctl", "random_ioctl", "crng_reseed"
    ]  # fmt: skip
    assert agents[2][2] == "random_ioctl"
    servers = [place for place, call in enumerate(calls) if call[0] == "dropbear"]
    assert servers
    assert servers[0] > calls.index(agents[2])


def test_nothing_that_is_typed_is_echoed_and_garbage_is_ignored(own_guest):
    guest = own_guest
    mark = guest.vm.console.mark()
    for garbage in (
        b"hello\n",
        b"\x03\x04\x1a\x13\n",
        b"renew x\n",
        b"y" * 20000,
        b"\n\n",
        b"renew " + b"z" * 9000 + b"\n",
        b"renew a b c d e f g\n",
        bytes(range(256)),
    ):
        guest.vm.console.send(garbage + b"\n")
    # The end of a line that is too long is no line.
    good = guest.keys.renewal("smuggled", time.time_ns(), bytes(32), "h")
    guest.vm.console.send(b"y" * 8192 + good)
    guest.vm.console.send(b"y" * 4096 + good)
    assert "trouble: renew: the line: " in renewed_raw(guest, b"renew t x 00 h 00 00\n")
    assert renewed(guest, guest.keys, "fine") == "stage renewed fine"
    said = guest.vm.console.since(mark)
    assert all(line.startswith("[") for line in said), said
    assert len(said) < 10, said
    assert not [line for line in said if "smuggled" in line]


def renewed_raw(guest, line):
    mark = guest.vm.console.mark()
    guest.vm.console.send(line)
    found = guest.vm.console.wait_for(lambda text: "harness:" in text, since=mark, timeout=30)
    return found[1] if found else None


def test_what_fails_is_said(own_guest):
    guest = own_guest
    guest.ssh.run(["sh", "-c", "rm -r /root/.ssh; touch /root/.ssh"], timeout=30)
    said = renewed(guest, guest.keys, "x")
    assert said == "trouble: renew: /root/.ssh/authorized_keys: Not a directory"
