# SPDX-License-Identifier: GPL-2.0-only
"""The cache: where it is, its locks between real processes, and files that are whole or not."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HostError, InputError
from harness.host.cache import cache_dir, host_errors, locked, new_file, new_folder

ROOT = Path(__file__).resolve().parents[2]
NAME = "uffd-minor-harness"
HOLD = """
import sys, time
from pathlib import Path
from harness.host.cache import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys, time
from pathlib import Path
from harness.host.cache import locked
path = Path(sys.argv[1])
for _ in range(20):
    with locked(path):
        number = int(path.read_text())
        time.sleep(0.001)
        path.write_text(str(number + 1))
"""
# A file system of its own, 64 KiB big, that nobody else sees and that ends with the process.
TINY_DISK = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
FILL = """
import sys
from pathlib import Path
from harness.host.cache import new_file, new_folder
from harness.errors import HostError
folder = Path(sys.argv[1])
old = folder / "old"
old.write_text("old")
for path, big in ((old, lambda p: p), (folder / "new", lambda p: p / "file")):
    try:
        with (new_file if path == old else new_folder)(path) as temporary:
            big(temporary).write_bytes(bytes(1 << 20))
    except HostError as error:
        print(error)
print(old.read_text(), sorted(p.name for p in folder.iterdir()))
"""


def python(code: str, *arguments: object, **more) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HARNESS_CACHE": "own", "XDG_CACHE_HOME": "xdg"}, "own"),
        ({"XDG_CACHE_HOME": "xdg"}, f"xdg/{NAME}"),
        ({"HARNESS_CACHE": "", "XDG_CACHE_HOME": ""}, f"home/.cache/{NAME}"),
        ({}, f"home/.cache/{NAME}"),
    ],
)
def test_where_the_cache_is(tmp_path, monkeypatch, variables, expected):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("HARNESS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value and str(tmp_path / value))
    assert cache_dir("a", "b") == tmp_path / expected / "a/b"
    assert cache_dir("a", "b").is_dir()


def test_a_cache_that_cannot_be_made_is_the_hosts_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    with pytest.raises(HostError, match=r"cannot use the cache .*/file/debs: .*Not a dir"):
        cache_dir("debs")


def test_a_lock_excludes_other_processes(tmp_path):
    path = tmp_path / "number"
    path.write_text("0")
    counters = [python(COUNT, path) for _ in range(4)]
    assert [counter.wait(60) for counter in counters] == [0] * 4
    assert path.read_text() == "80"


def test_a_lock_is_waited_for_and_goes_with_its_killed_holder(tmp_path):
    path = tmp_path / "thing"
    holder, waiter = python(HOLD, path), None
    try:
        assert holder.stdout.readline() == "locked\n"
        waiter = python(HOLD, path)
        assert select.select([waiter.stdout], [], [], 1.0)[0] == []
        holder.send_signal(signal.SIGKILL)
        assert waiter.stdout.readline() == "locked\n"
    finally:
        for process in filter(None, (holder, waiter)):
            process.kill()
            process.communicate()


def test_a_lock_is_free_again_after_an_error_in_its_block(tmp_path):
    def fail():
        with locked(tmp_path / "thing"):
            raise InputError("x")

    with pytest.raises(InputError):
        fail()
    with locked(tmp_path / "thing"):
        pass


def test_a_lock_where_there_is_no_folder(tmp_path):
    with pytest.raises(HostError, match="cannot lock"), locked(tmp_path / "none" / "x"):
        pass


def test_a_file_is_the_old_one_until_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with new_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent  # rename(2) does not cross file systems
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_not_there_until_the_block_ends(tmp_path):
    path = tmp_path / "folder"
    with new_folder(path) as temporary:
        (temporary / "file").write_text("new")
        assert not path.exists()
    assert (path / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [InputError("x"), KeyboardInterrupt(), ValueError("x")])
@pytest.mark.parametrize("kind", [new_file, new_folder])
def test_an_error_in_the_block_leaves_nothing_and_keeps_the_old(tmp_path, kind, error):
    old = tmp_path / "old"
    old.write_text("old")

    def fail(path: Path) -> None:
        with kind(path) as temporary:
            (temporary if kind is new_file else temporary / "part").write_text("half")
            raise error

    for path in (tmp_path / "new", *([old] if kind is new_file else [])):
        with pytest.raises(type(error)):
            fail(path)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text() == "old"


def test_a_folder_that_is_there_is_not_replaced(tmp_path):
    path = tmp_path / "folder"
    (path / "content").mkdir(parents=True)
    with pytest.raises(HostError, match="cannot write"), new_folder(path):
        pass
    assert [each.name for each in tmp_path.rglob("*")] == ["folder", "content"]


def test_a_full_disk_leaves_nothing_and_comes_with_advice(tmp_path):
    mount = f'mount -t tmpfs -o size=64k none "{tmp_path}" && echo mounted && exec "$@"'
    argv = [*TINY_DISK, mount, "sh", sys.executable, "-c", FILL, str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("mounted\n"):
        pytest.skip(f"this host mounts nothing for us: {done.stderr.strip()}")
    _, first, second, left = done.stdout.splitlines()
    assert first.startswith(f"cannot write {tmp_path}/old: [Errno 28] No space left on device")
    assert second.startswith(f"cannot write {tmp_path}/new: [Errno 28] No space left on device")
    for line in (first, second):
        assert line.endswith("; free some space, or set HARNESS_CACHE to another disk")
    assert left == "old ['old']"


def test_only_a_full_disk_comes_with_that_advice():
    for number, advised in ((errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)):
        with pytest.raises(HostError) as caught, host_errors("cannot try"):
            raise OSError(number, os.strerror(number))
        assert ("free some space" in str(caught.value)) == advised
        assert os.strerror(number) in str(caught.value)
