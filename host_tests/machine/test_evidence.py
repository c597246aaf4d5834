# SPDX-License-Identifier: GPL-2.0-only
"""Logs that several processes write to."""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host.clock import Clock
from harness.machine.evidence import EvidenceLog

ROOT = Path(__file__).resolve().parents[2]
WRITE = """
import pickle, sys
from pathlib import Path
from harness.machine.evidence import EvidenceLog
clock = pickle.loads(sys.stdin.buffer.read())
log = EvidenceLog(Path(sys.argv[1]), clock, sys.argv[2])
for number in range(300):
    log.serial(sys.argv[2] * 3000, clock.now())
    log.ssh(number=number, text=sys.argv[2] * 3000)
"""
PROCESSES = "abcd"


@pytest.fixture
def log(tmp_path):
    evidence = EvidenceLog(tmp_path, Clock(), "vm0")
    yield evidence
    evidence.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_of_several_processes_stay_whole(tmp_path):
    clock = pickle.dumps(Clock())
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(tmp_path), name], cwd=ROOT, stdin=subprocess.PIPE
        )
        for name in PROCESSES
    ]
    for writer in writers:
        writer.stdin.write(clock)
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0] * len(PROCESSES)
    lines = (tmp_path / "serial.log").read_text().splitlines()
    assert len(lines) == 300 * len(PROCESSES)
    for line in lines:
        found = re.fullmatch(r"\[ *\d+\.\d{6}\] ([a-d]): (.*)", line)
        assert found
        assert found[2] == found[1] * 3000
    for name in PROCESSES:
        own = [e for e in entries(tmp_path / "ssh.jsonl") if e["vm"] == name]
        assert [e["number"] for e in own] == list(range(300))
        assert {e["text"] for e in own} == {name * 3000}
        assert [e["t"] for e in own] == sorted(e["t"] for e in own)


def test_what_the_files_look_like(log, tmp_path):
    log.serial("[    0.000000] Linux", 1.5)
    log.qmp("command", {"execute": "cont"})
    log.qmp("event", {"event": "SHUTDOWN"})
    log.ssh(command="x", code=0)
    assert (tmp_path / "serial.log").read_text() == "[    1.500000] vm0: [    0.000000] Linux\n"
    command, event = entries(tmp_path / "qmp.jsonl")
    assert command["command"] == {"execute": "cont"}
    assert event["event"] == {"event": "SHUTDOWN"}
    [ssh] = entries(tmp_path / "ssh.jsonl")
    assert 0 <= ssh.pop("t") < 60
    assert ssh == {"vm": "vm0", "command": "x", "code": 0}
    assert {path.name for path in tmp_path.iterdir()} == {"serial.log", "qmp.jsonl", "ssh.jsonl"}


def test_each_line_of_a_block_has_its_time_and_its_vm(log, tmp_path):
    length = log.serial("one\ntwo", 1.5)
    written = (tmp_path / "serial.log").read_text()
    assert written == "[    1.500000] vm0: one\n[    1.500000] vm0: two\n"
    assert length == len(written)


def test_any_text_and_any_value_is_one_line(log, tmp_path):
    log.ssh(text="a\nb\u2028c\udcff\0", path=Path("/x"), error=ValueError("y"))
    log.serial("\udcff", 0.0)
    [entry] = entries(tmp_path / "ssh.jsonl")
    assert entry["text"] == "a\nb\u2028c\udcff\0"
    assert (entry["path"], entry["error"]) == ("/x", "y")
    assert len((tmp_path / "ssh.jsonl").read_bytes().splitlines()) == 1
    assert (tmp_path / "serial.log").read_bytes().endswith(b" vm0: ?\n")


def test_the_length_of_a_serial_line_is_in_bytes(log, tmp_path):
    total = sum(log.serial(text, 0.0) for text in ("", "x", "\u20ac" * 10))
    assert total == (tmp_path / "serial.log").stat().st_size


def test_a_log_goes_on_where_it_stopped(log, tmp_path):
    log.serial("one", 0.0)
    log.close()
    log.close()
    log.serial("two", 0.0)
    assert len((tmp_path / "serial.log").read_text().splitlines()) == 2


def test_closing_leaves_no_file_open(tmp_path):
    before = open_files()
    log = EvidenceLog(tmp_path, Clock(), "vm0")
    log.serial("x", 0.0)
    log.ssh(x=1)
    assert open_files() == before + 2
    log.close()
    assert open_files() == before


def test_children_do_not_inherit_the_files(log):
    log.serial("x", 0.0)
    [number] = log._files.values()
    assert not os.get_inheritable(number)


def test_a_full_disk_is_warned_of_once(log, tmp_path, caplog):
    (tmp_path / "qmp.jsonl").symlink_to("/dev/full")
    for _ in range(3):
        log.qmp("event", {})
    log.ssh(x=1)
    assert [r.getMessage() for r in caplog.records] == [
        f"{tmp_path}/qmp.jsonl lacks lines of vm0: No space left on device"
    ]
    assert len(entries(tmp_path / "ssh.jsonl")) == 1


def test_no_half_line_is_left_where_there_is_no_more_room(log, tmp_path, caplog):
    """The next line, of whichever VM, must not stand behind it; a real short write."""
    log.serial("whole", 1.0)
    size = (tmp_path / "serial.log").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        log.serial("too long for what is left", 2.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    other = EvidenceLog(tmp_path, log.clock, "vm1")
    other.serial("there is room again", 3.0)
    other.close()
    lines = (tmp_path / "serial.log").read_text().splitlines()
    assert [line.partition("] ")[2] for line in lines] == ["vm0: whole", "vm1: there is room again"]
    assert "lacks lines of vm0" in caplog.text
