# SPDX-License-Identifier: GPL-2.0-only
"""The command line as a user has it: a process of its own, and what it says of bad input."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.host.cache import cache_dir

ROOT = Path(__file__).resolve().parents[1]


# What is only needed once a VM starts, or a program or a kernel is new.
HEAVY = {
    *("asyncio", "cryptography", "elftools", "hypothesis", "multiprocessing", "paramiko"),
    *("qemu.qmp", "tarfile", "unittest", "xdist.dsession", "zstandard"),
}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str
    # Processor time, and time on the wall, which other work on this machine prolongs.
    cpu: float
    wall: float


def harness(*arguments: object, **variables: str) -> Done:
    argv = [sys.executable, "-m", "harness", *map(str, arguments)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Done(done.returncode, done.stdout, done.stderr, cpu, wall)


def run(tmp_path, *arguments: object, arch: str = "x86_64", **variables: str) -> Done:
    results = tmp_path / "results"
    return harness("run", "--arch", arch, "--results", results, *arguments, **variables)


def durations(tmp_path) -> dict[str, float]:
    """Seconds of each stage of the newest run."""
    record = json.loads((tmp_path / "results" / "latest-x86_64" / "results.json").read_text())
    return record["durations"]


@pytest.fixture
def warm(tmp_path):
    """Have the caches as the second run of a user has them; some runs are needed.

    What changed less than 2 s ago is not remembered (harness.host.memo), and whoever works on
    the harness changes it while its tests run.
    """
    for _ in range(5):
        assert run(tmp_path, "-k", "no_such_case").code == 200
        if "kernel" not in durations(tmp_path):
            return
        time.sleep(1)
    pytest.fail("nothing is remembered from one run to the next")


def refused(done: Done, message: str) -> None:
    """Check that it ended with the exit code of bad input and one line that says why."""
    assert done.code == 200, done
    assert done.out == ""
    assert re.fullmatch(rf"harness: {message}.*\n", done.err), done.err


@pytest.fixture
def inputs(tmp_path):
    """Things that are no kernels."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("# notes\nnothing to boot\n")
    (tmp_path / "empty").touch()
    (tmp_path / "zeros").write_bytes(bytes(1 << 20))
    (tmp_path / "cut").write_bytes(b"MZ")
    (tmp_path / "fake.deb").write_bytes(b"!<arch>\nhello")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("command", [[], ["run"], ["shell"], ["kernel"]])
def test_help(command):
    done = harness(*command, "--help")
    assert done.code == 0
    assert done.out.startswith("usage: python -m harness")
    assert done.err == ""
    if command in ([], ["run"]):
        assert "exit codes:" in done.out
        assert "git bisect run" in done.out
    if command:
        assert {"--arch", "--kernel", "--accel", "--timeout-scale"} <= set(
            re.findall(r"--[a-z-]+", done.out)
        )
        assert "arm64, armhf, i386, x86_64" in done.out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", r"there is no '.*/nothing': expected debian:SUITE"),
        ("folder", r".*/folder is a folder without a kernel: expected a kernel's build tree"),
        ("text", r".*/text is not a kernel image that QEMU boots: it is text, starting '# notes"),
        ("empty", r".*/empty is not a kernel image that QEMU boots: it is empty"),
        ("zeros", r".*/zeros is not a kernel image that QEMU boots: "),
        ("cut", r".*/cut is not a kernel image that QEMU boots: "),
        ("fake.deb", r".*/fake\.deb .*"),
        ("pipe", r".*/pipe is neither a file nor a folder but a pipe: expected"),
    ],
)
def test_a_kernel_that_is_none_is_refused_at_once(inputs, name, message):
    done = run(inputs, "--kernel", inputs / name)
    refused(done, message)
    assert done.cpu < 2.0
    assert done.wall < 20.0  # 2 s on a machine with nothing else to do
    assert not (inputs / "results").exists()


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("words", "times"),
    [
        (["guest_tests/api.c"], 1.6),
        # 800 cases are 0.05 s of pytest's own work more.
        ([], 2.2),
    ],
    ids=["a program", "all of them"],
)
def test_a_start_takes_little_more_than_pytests_own(tmp_path, words, times):
    """From the process's start until all cases are collected, with one VM (no xdist).

    The measure is Python importing pytest, in turn, so that a slow machine slows both: 0.16 s
    on an idle one, where a start takes 0.24 s.  It was 1.4 s, seven times as much.
    """
    bare, starts = [], []
    while len(bare) < 5 or min(starts) >= times * min(bare):
        # The least of each counts: what disturbs a process can only make it slower.  Where
        # much does, it takes more rounds until both have been undisturbed.
        assert len(bare) < 25, (starts, bare)
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "import pytest"], check=True)
        bare.append(time.monotonic() - began)
        run(tmp_path, "-k", "no_such_case", "-n", "1", *words)
        stages = durations(tmp_path)
        starts.append(stages["startup"] + stages["collection"])


@pytest.mark.usefixtures("warm")
def test_a_run_without_a_vm_imports_nothing_for_one(tmp_path):
    done = run(tmp_path, "-k", "no_such_case", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
    assert {"pytest", "harness.run.plan", "xdist.plugin"} <= imported
    assert not HEAVY & imported


@pytest.mark.usefixtures("warm")
def test_the_stages_of_a_start_add_up(tmp_path):
    done = run(tmp_path, "-k", "no_such_case")
    stages = durations(tmp_path)
    assert set(stages) == {"startup", "collection", "accelerator"}
    assert 0.05 < stages["startup"] < done.wall
    assert 0.01 < stages["collection"] < done.wall
    assert stages["startup"] + stages["collection"] < done.wall + 0.02


@pytest.mark.parametrize(
    "spec",
    ["debian:", "debian:sid=", "debian::amd64", "debian:sid:", "debian:a:b:c", "debian:../x"],
)
def test_a_suite_that_is_misspelt(tmp_path, spec):
    done = run(tmp_path, "--kernel", spec)
    refused(done, f".*'?{re.escape(spec.removeprefix('debian:'))}")
    assert done.cpu < 2.0


def test_a_suite_without_its_prefix(tmp_path):
    done = run(tmp_path, "--kernel", "bookworm")
    refused(done, r"there is no '.*/bookworm': .*; did you mean debian:bookworm\?")


@pytest.mark.parametrize("command", ["run", "shell", "kernel"])
def test_an_unknown_architecture(command):
    done = harness(command, "--arch", "mips")
    refused(done, "unknown architecture 'mips': expected one of arm64, armhf, i386, x86_64")


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf"])
def test_a_timeout_scale_that_is_none(tmp_path, scale):
    done = run(tmp_path, f"--timeout-scale={scale}")
    refused(done, f"the timeout scale must be positive, not {float(scale)}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run"], "required: --arch"),
        (["run", "--arch", "x86_64", "--timeout-scale", "fast"], "invalid float value: 'fast'"),
        (["run", "--arch", "x86_64", "--accel", "hvf"], "invalid choice: 'hvf'"),
        (["run", "--arch", "x86_64", "-n", "0"], "'0' is not a number of VMs, nor auto"),
        (["run", "--arch", "x86_64", "-n", "many"], "'many' is not a number of VMs, nor auto"),
        (["run", "--arch", "x86_64", "--isolation", "host"], "invalid choice: 'host'"),
        (["run", "--arch", "x86_64", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["kernel", "--arch", "x86_64", "-k", "x"], "unrecognized arguments: -k x"),
        (["matrix", "-n", "0"], "'0' is not a number of VMs, nor auto"),
    ],
)
def test_usage(arguments, message):
    done = harness(*arguments)
    assert done.code == 200
    assert done.out == ""
    assert message in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_kernel_of_another_architecture(tmp_path):
    found = harness("kernel", "--arch", "arm64")
    assert found.code == 0, found.err
    image = re.search(r"image: +(.*)", found.out)[1]
    done = run(tmp_path, "--kernel", image)
    refused(done, r".*arm64.*x86_64 needs")


def test_what_is_known_of_a_kernel():
    done = harness("kernel", "--arch", "x86_64")
    assert done.code == 0
    values = dict(line.split(":", 1) for line in done.out.splitlines() if line[0] != " ")
    assert list(values) == [
        *("release", "version", "origin", "image", "format", "sha256", "config", "modules"),
        *("network", "symbols", "verdict"),
    ]
    assert values["release"].strip().endswith("-amd64")
    assert Path(values["image"].strip()).is_file()
    assert re.fullmatch(r" +the config in the package, \d+ options", values["config"])
    assert "these fit the image" in values["modules"]
    assert "can be tested" in values["verdict"]


def test_an_expression_that_selects_nothing_needs_no_guest(tmp_path):
    done = run(tmp_path, "--accel", "tcg", "-k", "no_such_case")
    assert done.code == 200
    assert done.err.splitlines()[-1].startswith("harness: no case matches")
    assert "Traceback" not in done.out + done.err
    [folder] = [p for p in (tmp_path / "results").iterdir() if not p.is_symlink()]
    assert not (folder / "serial.log").exists()


@pytest.mark.parametrize("case", ["guest_tests/no_such.c::x", "guest_tests/continue.c::no_such"])
def test_a_case_that_does_not_exist(tmp_path, case):
    done = run(tmp_path, "--accel", "tcg", case)
    assert done.code == 200
    assert f"not found: {ROOT}/{case}" in done.out + done.err
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize(
    ("results", "why"), [("file/results", "file is no folder"), ("link", "which is not there")]
)
def test_results_that_can_be_no_folder(inputs, results, why):
    (inputs / "file").touch()
    (inputs / "link").symlink_to("gone")
    done = harness(
        "run", "--arch", "x86_64", "--accel", "tcg", "--results", inputs / results, "-k", "x"
    )
    assert (done.code, done.out) == (200, "")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"harness: no results can be kept in {inputs / results}: ")
    assert last.endswith(why)


def test_results_that_cannot_be_written_leave_nothing(inputs):
    done = run(inputs, "-k", "x", "--results", "/proc/results")
    assert done.code == 125
    assert "cannot make a folder for the results in /proc/results" in done.out
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize("command", [["run"], ["shell"], ["kernel"], ["matrix"], []])
def test_a_usage_error_stops_a_bisection(command):
    done = harness(*command, "--nonsense")
    assert done.code == 200
    assert done.err.startswith("usage: python -m harness")


def test_variables_for_other_projects_are_named_and_have_no_part(tmp_path):
    done = run(tmp_path, "-k", "no_such_case", PYTEST_ADDOPTS="-n 4", PYTEST_PLUGINS="nosuch")
    assert done.code == 200
    assert done.err.startswith("harness: PYTEST_ADDOPTS, PYTEST_PLUGINS: set for other programs, ")
    assert "no case matches" in done.err


def test_paths_are_relative_to_where_the_user_stands(tmp_path):
    """An empty cache, a compiler and a QEMU by relative paths, in another folder."""
    (tmp_path / "bin").mkdir()
    for name in ("qemu-system-x86_64", "x86_64-linux-gnu-gcc"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    known = cache_dir()
    (tmp_path / "cache").mkdir()
    for part in known.iterdir():
        if part.name not in {"programs", "remembered", "native"}:
            (tmp_path / "cache" / part.name).symlink_to(part)
    variables = {"HARNESS_CACHE": "cache", "CC_x86_64": "bin/x86_64-linux-gnu-gcc"}
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--arch", "x86_64", "--results", "results",
         "--accel", "tcg", "-n", "1", "guest_tests/api.c::handshake"],
        cwd=tmp_path, env={**os.environ, **variables, "PATH": f"bin:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    record = json.loads((tmp_path / "results" / "latest-x86_64" / "results.json").read_text())
    assert [case["verdict"] for case in record["cases"]] == ["PASS"]


def test_an_error_of_its_own(tmp_path):
    """Injected before pytest is there, and within it; Python's and pytest's codes are 1 and 3."""
    code = "import runpy, harness.cli as c; c.prepare = lambda _: 1 / 0; "
    code += "runpy.run_module('harness', run_name='__main__', alter_sys=True)"
    argv = [sys.executable, "-c", code, "run", "--arch", "x86_64"]
    cache = {"HARNESS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **cache}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 125
    found = re.fullmatch(
        r"harness: an error of its own: ZeroDivisionError: division by zero; traceback in (.*)\n",
        done.stderr,
    )
    assert "ZeroDivisionError: division by zero" in Path(found[1]).read_text()
    (tmp_path / "breaks.py").write_text("def pytest_collection_finish(): 1 / 0\n")
    plugin = {"PYTHONPATH": str(tmp_path), "HARNESS_PYTEST_PLUGINS": "breaks"}
    within = run(tmp_path, "-n", "1", "-k", "handshake", **plugin)
    assert within.code == 125
    assert within.err.splitlines()[-1].startswith("harness: an error of its own: ZeroDivisionError")


def test_a_cache_that_cannot_be_used_is_the_hosts_fault(tmp_path):
    (tmp_path / "file").touch()
    done = harness("kernel", "--arch", "x86_64", HARNESS_CACHE=str(tmp_path / "file"))
    assert done.code == 125
    assert re.fullmatch(r"harness: cannot use the cache .*\n", done.err.splitlines(True)[-1])
    assert "Traceback" not in done.err
