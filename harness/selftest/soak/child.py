# SPDX-License-Identifier: GPL-2.0-only
"""One run of a campaign: started as a user starts it, and what it left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.errors import HostError
from harness.host.cache import cache_dir, locked_if_free
from harness.host.process import end, spawn
from harness.selftest.soak.inject import SCRIPT, STRIKES, Script
from harness.selftest.soak.kinds import FULL_DISK, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.run.settings import Settings
    from harness.selftest.soak.draw import Batch

_OUTPUT = "output.txt"
_EXECVE_SECONDS = 1.0
# Bytes, as mount(8) has them: the records of a run without dumps are 1 MB.
_DISK = "16m"
_MOUNTED = "disk"
# In namespaces of its own anybody may mount.  To enter them clears the parent-death signal, which
# setpriv sets again.
_TIED = ("setpriv", "--pdeathsig", "KILL")
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", *_TIED, "sh", "-c")
# $1 is the disk, what was on it is in $2 afterwards.  The run is told to end when this is, and a
# signal ends a wait: what follows it is the wait for that end.
_ON_DISK = f"""mount -t tmpfs -o size={_DISK},mode=755 none "$1" || exit
disk=$1 kept=$2; shift 2
{" ".join(_TIED)} "$@" & run=$!
trap 'kill $run' TERM
wait $run; code=$?
while kill -0 $run 2>/dev/null; do wait $run; code=$?; done
cp -a "$disk/." "$kept"; exit $code"""
_TOKEN = "HARNESS_SOAK_RUN"
# QEMU's "info usernet", in qmp.jsonl; the port is the host's.
_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")
_LISTEN = "0A"  # proc(5), net/tcp: TCP_LISTEN of include/net/tcp_states.h


@dataclass(frozen=True)
class Left:
    """What a run left behind that it should not have."""

    # Command lines of processes, paths, ports of 127.0.0.1.
    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ended:
    """A run that came to its end."""

    # Its exit code, and the folder with its records; None when it made none.
    code: int
    results: Path | None
    # What became of each trouble, by the case's id (harness.selftest.soak.inject).
    strikes: Mapping[str, Mapping[str, object]]
    left: Left


def needs_small_disk(folder: Path) -> None:
    """Raise HostError where no small disk can be made (in ``folder``)."""
    mount = 'mount -t tmpfs none "$1"'
    if subprocess.run([*_UNSHARE, mount, "sh", str(folder)], check=False).returncode:
        raise HostError(
            "no user namespaces here, so that no disk can be made full without root's rights: "
            f"--kinds {','.join(name for name in KINDS if name != FULL_DISK)} leaves that out"
        )


def run(batch: Batch, settings: Settings, module: Path, folder: Path) -> Ended:
    """Run ``batch`` in the new folder ``folder``, with trouble.ko in ``module``; wait for it."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    if batch.small_disk:
        (folder / _MOUNTED).mkdir()
    script = folder / "script.json"
    Script(batch.steps, str(module)).write(script)
    token = f"{_TOKEN}={uuid.uuid4()}"
    before = _half_made()
    with (folder / _OUTPUT).open("wb") as output:
        process = spawn(
            _argv(batch, settings, folder),
            env=_environment(script, temporary, token),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            code = process.wait()
        finally:
            end(process)
    results = next((path.resolve() for path in folder.glob("latest-*")), None)
    left = Left(
        tuple(family(token)),
        (*map(str, temporary.rglob("*")), *map(str, filter(_left, _half_made() - before))),
        tuple(_ports(results)) if results else (),
    )
    return Ended(code, results, _strikes(folder), left)


def _argv(batch: Batch, settings: Settings, folder: Path) -> list[str]:
    if not batch.small_disk:
        return _run_argv(batch, settings, folder)
    disk = folder / _MOUNTED
    return [*_UNSHARE, _ON_DISK, "sh", str(disk), str(folder), *_run_argv(batch, settings, disk)]


def _run_argv(batch: Batch, settings: Settings, folder: Path) -> list[str]:
    words = replace(settings, arch=batch.arch).to_argv()
    argv = [sys.executable, "-m", "harness", "run", *words, "--results", str(folder)]
    argv += ["-n", "2", "--isolation", batch.isolation, "--retries", str(batch.retries)]
    argv += [] if batch.vmcore else ["--no-vmcore"]
    return argv + list(dict.fromkeys(step.case for step in batch.steps))


def _environment(script: Path, temporary: Path, token: str) -> Mapping[str, str]:
    name, _, value = token.partition("=")
    return {
        **os.environ,
        "PYTHONPATH": str(architectures.ROOT),
        "PYTEST_PLUGINS": "harness.selftest.soak.inject",
        "TMPDIR": str(temporary),
        SCRIPT: str(script),
        name: value,
    }


def family(token: str) -> Iterator[str]:
    """Yield the command lines of live processes that inherited ``token``, ``NAME=VALUE``."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = token.encode() in _environ(folder).split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mine:
            yield f"{folder.name} {command.strip()}"


def _environ(folder: Path) -> bytes:
    """Return a process's environment, of which there is none in the middle of its execve(2)."""
    deadline = time.monotonic() + _EXECVE_SECONDS
    while True:
        if found := (folder / "environ").read_bytes():
            return found
        # It fails for a thread of the kernel and for one that has ended: they have none.
        (folder / "exe").readlink()
        if time.monotonic() > deadline:
            return b""
        time.sleep(0.01)


def _half_made() -> set[Path]:
    """Return what somebody began to make in the cache: ``.NAME.ANYTHING``."""
    return set(cache_dir().glob("*/.*.*"))


def _left(path: Path) -> bool:
    """Return True if nobody is making ``path`` any more: who does, holds its lock."""
    with locked_if_free(path.with_name(path.name.split(".")[1])) as nobodys:
        return nobodys


def _ports(results: Path) -> set[int]:
    """Return the ports that led to the guests of a run and that somebody still listens on.

    Not those that belong to a process by now that is none of the run's: the kernel gives them
    out again.
    """
    log = results / "qmp.jsonl"
    text = log.read_text(errors="replace") if log.exists() else ""
    used = {int(port) for port in _FORWARD.findall(text)}
    open_now = {port: inode for port, inode in _listening().items() if port in used}
    return {port for port, inode in open_now.items() if not _belongs_to_others(inode)}


def _listening() -> dict[int, str]:
    """Return the TCP ports that somebody listens on, with the inodes of their sockets."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16): row[9] for row in rows if row[3] == _LISTEN}


def _belongs_to_others(inode: str) -> bool:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) == f"socket:[{inode}]":
                environment = (link.parents[1] / "environ").read_bytes()
                return _TOKEN.encode() + b"=" not in environment
    return False


def _strikes(folder: Path) -> Mapping[str, Mapping[str, object]]:
    path = folder / STRIKES
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return {entry["id"]: entry for entry in entries}
