# SPDX-License-Identifier: GPL-2.0-only
"""What a run leaves behind is found: each kind of it is left behind for real."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from soak_data import BATCH

from harness.errors import HostError
from harness.host.cache import locked
from harness.host.process import end, spawn
from harness.run.settings import Settings
from harness.selftest.soak import child
from harness.selftest.soak.child import run
from harness.selftest.soak.inject import Script
from harness.selftest.soak.kinds import FULL_DISK

SETTINGS = Settings("arm64", accelerator="tcg")
# In the place of a run: a program that reads its script and does what a test says.
BEGIN = """
import json, os, pathlib, socket, subprocess, sys
folder = pathlib.Path(os.environ["HARNESS_SOAK"]).parent
run = folder / "20260702"; run.mkdir(); (folder / "latest-arm64").symlink_to(run)
"""


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """Do a run that does ``what``."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def do(what):
        program = [sys.executable, "-c", BEGIN + what]
        monkeypatch.setattr(child, "_argv", lambda *_: program)
        return run(BATCH, SETTINGS, Path("/x/trouble.ko"), tmp_path / "run")

    return do


def test_a_run_that_leaves_nothing(campaign, tmp_path):
    ended = campaign(
        'note = {"id": "a~1", "when": 1.5}\n'
        '(folder / "strikes.jsonl").write_text(json.dumps(note) + "\\n")\n'
        "sys.exit(3)"
    )
    assert (ended.code, ended.left) == (3, child.Left())
    assert ended.results == tmp_path / "run/20260702"
    assert ended.strikes["a~1"]["when"] == 1.5
    assert Script.read(tmp_path / "run/script.json").steps == BATCH.steps


def test_a_process_that_outlives_its_run(campaign):
    ended = campaign('subprocess.Popen(["sleep", "4713"], start_new_session=True)')
    [found] = ended.left.processes
    pid, _, command = found.partition(" ")
    subprocess.run(["kill", pid], check=True)
    assert command == "sleep 4713"


def test_files_that_are_left(campaign, tmp_path):
    ended = campaign(
        'pathlib.Path(os.environ["TMPDIR"], "uffd-x").mkdir()\n'
        'making = pathlib.Path(os.environ["HARNESS_CACHE"], "templates", ".abc.17")\n'
        "making.mkdir(parents=True)"
    )
    assert set(ended.left.files) == {
        str(tmp_path / "run/tmp/uffd-x"),
        str(tmp_path / "cache/templates/.abc.17"),
    }


def test_what_was_left_before_is_not_this_runs(campaign, tmp_path):
    (tmp_path / "cache/templates/.abc.17").mkdir(parents=True)
    assert campaign("").left.files == ()


def test_what_another_run_is_making_is_not_left(campaign, tmp_path):
    templates = tmp_path / "cache/templates"
    templates.mkdir(parents=True)
    with locked(templates / "abc"):
        ended = campaign(f"pathlib.Path({str(templates)!r}, '.abc.17').mkdir()")
    assert ended.left.files == ()


FORWARD = "TCP[HOST_FORWARD]  12  127.0.0.1 {} 10.0.2.15 22\\r\\n"
LISTENS = f"""
server = socket.create_server(("127.0.0.1", 0))
line = json.dumps({{"reply": "{FORWARD}".format(server.getsockname()[1])}})
(run / "qmp.jsonl").write_text(line)
os.set_inheritable(server.fileno(), True)
subprocess.Popen(["sleep", "4714"], start_new_session=True, close_fds=False)
"""


def test_a_port_that_is_left(campaign):
    ended = campaign(LISTENS)
    [found] = ended.left.processes
    subprocess.run(["kill", found.partition(" ")[0]], check=True)
    assert len(ended.left.ports) == 1


def test_a_port_that_somebody_else_has_by_now_is_his(campaign):
    with socket.create_server(("127.0.0.1", 0)) as mine:
        line = json.dumps({"reply": FORWARD.replace("\\r\\n", "").format(mine.getsockname()[1])})
        ended = campaign(f'(run / "qmp.jsonl").write_text({line!r})')
    assert ended.left.ports == ()


def test_the_command_line():
    argv = child._argv(BATCH, SETTINGS, Path("/results"))
    assert argv[1:4] == ["-m", "harness", "run"]
    assert argv[-2:] == [
        "guest_tests/race.c::waiters[shmem-shared]", "guest_tests/api.c::handshake",
    ]  # fmt: skip
    assert "--no-vmcore" in argv


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Return the command line of a run on a small disk in tmp_path; it is a shell script."""
    full = replace(BATCH, steps=(replace(BATCH.steps[0], kind=FULL_DISK),))
    assert (full.small_disk, BATCH.small_disk) == (True, False)
    try:
        child.needs_small_disk(tmp_path)
    except HostError as error:
        pytest.skip(str(error))
    (tmp_path / "disk").mkdir()

    def argv(script):
        monkeypatch.setattr(
            child, "_run_argv", lambda _, __, folder: ["sh", "-c", script, "sh", str(folder)]
        )
        return child._argv(full, SETTINGS, tmp_path)

    return argv


def test_a_run_whose_disk_can_be_full(on_disk, tmp_path):
    """What is written there is kept, and nothing else can fill up."""
    program = 'cd "$1"; echo kept > small; (head -c 20m /dev/zero > large) 2>&1; rm large; exit 3'
    done = subprocess.run(on_disk(program), capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "No space left on device" in done.stdout
    assert (tmp_path / "small").read_text() == "kept\n"
    assert list((tmp_path / "disk").iterdir()) == []


def test_a_run_on_a_small_disk_ends_in_order_when_it_is_told_to(on_disk, tmp_path):
    told = 'cd "$1"; trap "sleep 0.3; echo ended > kept; exit 5" TERM; echo up;'
    running = spawn(on_disk(f"{told} while :; do sleep 0.1; done"), stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"up\n"
    assert end(running, 20) == 5
    assert (tmp_path / "kept").read_text() == "ended\n"


def test_a_run_on_a_small_disk_does_not_outlive_what_started_it(on_disk):
    running = spawn(on_disk("echo $$; exec sleep 4714"), stdout=subprocess.PIPE)
    pid = int(running.stdout.readline())
    running.kill()
    running.wait()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_small_disk_is_said_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "_UNSHARE", ("false",))
    with pytest.raises(HostError, match=r"no user namespaces.*--kinds nothing,panic,.* leaves"):
        child.needs_small_disk(tmp_path)
