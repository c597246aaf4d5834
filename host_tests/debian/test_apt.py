# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.debian import apt
from harness.debian.apt import Package, Suite
from harness.errors import HostError, InputError

ROOT = Path(__file__).resolve().parents[2]
# A suite with a small index, and nothing else particular about it.
SMALL = "bookworm-updates"
DEAD = "http://127.0.0.1:9/debian"
FETCH = """
import sys
from harness.debian.apt import Suite
suite = Suite(sys.argv[1], "amd64")
print(suite.fetch(suite.find(sys.argv[2])))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(apt, "_WAITS", (0.1, 0.1, 0.1))
    return tmp_path / "cache"


def smallest(suite: Suite) -> Package:
    packages = [suite.find(name) for name in suite.names("")]
    return min((p for p in packages if p), key=lambda package: package.size)


def grow_old(cache: Path, seconds: float) -> None:
    for index in (cache / "lists").glob(f"{SMALL}_*[!k]"):
        then = time.time() - seconds
        os.utime(index, (then, then))


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.name.startswith(".")]


def test_a_package_is_found_and_fetched(cache):
    suite = Suite("bookworm", "amd64")
    package = suite.find("busybox-static")
    assert package is not None
    assert package.version.startswith("1:1.35")
    assert package.source.startswith("busybox")
    path = suite.fetch(package)
    assert path.stat().st_size == package.size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256
    assert suite.names("busybox-st") == ["busybox-static"]
    for name in (suite.names("")[0], suite.names("")[-1], *suite.names("linux-image-a")):
        assert suite.find(name).name == name
    for name in ("no-such-package", "linux-image", "0", "zzzz"):
        assert suite.find(name) is None
    assert suite.find("busybox-static", "0") is None
    assert leftovers(cache) == []


def test_of_two_versions_the_higher_one_is_found():
    common = {"arch": "all", "suite": "x", "sha256": "", "size": 0, "depends": ""}
    packages = [
        Package(name="x", version=version, source="x", filename="", **common)
        for version in ("7.3~rc7-1", "7.3-1", "7.2.13-1", "7.3~rc10-1")
    ]
    assert apt.newest(packages) == packages[1]
    assert apt.newest([]) is None


@pytest.mark.parametrize("age", [0, 2 * apt.INDEX_LIFE], ids=["fresh index", "old index"])
def test_the_second_time_needs_no_network(cache, monkeypatch, caplog, age):
    suite = Suite(SMALL, "amd64")
    package = smallest(suite)
    path = suite.fetch(package)
    grow_old(cache, age)
    monkeypatch.setenv("DEBIAN_MIRROR", DEAD)
    again = Suite(SMALL, "amd64")
    assert again.find(package.name) == package
    assert again.fetch(package) == path
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert bool(warned) == bool(age)
    # Having failed, the mirror is left alone for a while.
    caplog.clear()
    assert Suite(SMALL, "amd64").find(package.name) == package
    assert not caplog.records


def test_without_network_and_index_apts_own_words_are_reported(monkeypatch):
    monkeypatch.setenv("DEBIAN_MIRROR", DEAD)
    with pytest.raises(HostError, match=r"Could not connect to 127\.0\.0\.1:9"):
        Suite(SMALL, "amd64").find("tzdata")


def test_an_old_index_is_fetched_again(cache, flaky):
    Suite(SMALL, "amd64").names("")
    asked = len(flaky.requests)
    Suite(SMALL, "amd64").names("")
    assert len(flaky.requests) == asked
    grow_old(cache, apt.INDEX_LIFE + 1)
    Suite(SMALL, "amd64").names("")
    assert len(flaky.requests) > asked


@pytest.mark.parametrize("fault", ["refuse", "truncate", "corrupt"])
def test_a_mirror_that_recovers_is_waited_for(flaky, caplog, fault):
    caplog.set_level(logging.INFO, "harness")
    # apt itself tries up to three times what it thinks is the network's fault.
    times = 1 if fault == "corrupt" else 5
    flaky.fail("Packages", fault, times)
    suite = Suite(SMALL, "amd64")
    package = smallest(suite)
    assert "the mirror failed" in caplog.text
    caplog.clear()
    flaky.fail(".deb", fault, times)
    path = suite.fetch(package)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256
    assert "the mirror failed" in caplog.text


@pytest.mark.parametrize("fault", ["refuse", "truncate", "corrupt"])
def test_a_mirror_that_stays_broken_is_reported_and_leaves_nothing(cache, flaky, fault):
    suite = Suite(SMALL, "amd64")
    package = smallest(suite)
    flaky.fail(".deb", fault, times=1000)
    with pytest.raises(HostError, match=f"cannot fetch {package.name}"):
        suite.fetch(package)
    assert leftovers(cache) == []
    assert list(cache.glob("debs/*/*.deb")) == []


def test_a_forged_index_is_refused(flaky):
    flaky.fail("Release", "corrupt", times=1000)
    with pytest.raises(HostError, match=r"signature|signed|Clearsigned"):
        Suite(SMALL, "amd64").find("tzdata")


def test_a_superseded_version_is_found_among_the_cached(cache):
    suite = Suite(SMALL, "amd64")
    package = smallest(suite)
    path = suite.fetch(package)
    index = next((cache / "lists").glob(f"{SMALL}_amd64"))
    index.write_bytes(
        index.read_bytes().replace(
            b"Version: %s\n" % package.version.encode(), b"Version: 99999-1\n"
        )
    )
    later = Suite(SMALL, "amd64")
    assert later.find(package.name).version == "99999-1"
    kept = later.find(package.name, package.version)
    assert kept == package
    assert later.fetch(kept) == path
    assert set(later.versions(package.name)) == {"99999-1", package.version}
    index.write_bytes(b"\n")
    last = Suite(SMALL, "amd64")
    assert last.names("") == [package.name]
    assert last.find(package.name) is None
    assert last.find(package.name, package.version) == package
    # What one suite had is not what another one has.
    (cache / "lists" / "other_amd64").write_bytes(b"\n")
    assert Suite("other", "amd64").find(package.name, package.version) is None


@pytest.mark.parametrize("suite", ["no-such-suite", "../etc", "a b", "Bookworm"])
def test_an_unknown_suite_is_named_with_those_there_are(suite):
    with pytest.raises(InputError, match=f"'{suite}'.*bookworm"):
        Suite(suite, "amd64").find("tzdata")


def test_an_architecture_the_suite_has_not():
    with pytest.raises(InputError, match="'m68k'"):
        Suite(SMALL, "m68k").find("tzdata")


def script(*arguments: str) -> list[str]:
    return [sys.executable, "-c", FETCH, *arguments]


def test_runs_at_the_same_time_share_one_download(flaky):
    name = smallest(Suite(SMALL, "amd64")).name
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    children = [
        subprocess.Popen(script(SMALL, name), env=env, stdout=subprocess.PIPE) for _ in range(4)
    ]
    outputs = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0] * 4
    assert len(outputs) == 1
    assert sum(".deb" in request for request in flaky.requests) == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_download_ends_apt_and_is_made_good(cache, flaky, sign):
    suite = Suite(SMALL, "amd64")
    package = smallest(suite)
    flaky.fail(".deb", "stall", times=1)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(script(SMALL, package.name), env=env, stderr=subprocess.PIPE) as child:
        flaky.stalled.wait(20)
        child.send_signal(sign)
        child.communicate(timeout=20)
    deadline = time.monotonic() + 5
    while running(str(cache)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(str(cache)) == []
    assert list(cache.glob("debs/[!.]*/*.deb")) == []
    assert suite.fetch(package).stat().st_size == package.size
    assert leftovers(cache) == []


def running(word: str) -> list[str]:
    """The apt processes whose environment or arguments mention ``word``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            if word.encode() in about and b"apt" in (folder / "comm").read_bytes():
                found.append(about.decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="everything else runs without root already")
def test_no_root_rights_are_needed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    env["HARNESS_CACHE"] = str(home / "cache")
    name = smallest(Suite(SMALL, "amd64")).name
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*user, *script(SMALL, name)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).owner() == "nobody"
