# SPDX-License-Identifier: GPL-2.0-only
"""README's examples of kernels of one's own, each as it stands there, with real boots."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from trees import built

from harness import architectures
from harness.errors import HostError
from harness.host.cache import cache_dir
from harness.kernels.find import find
from harness.results.store import load
from harness.run.plan import prepare
from harness.run.settings import Settings
from harness.verdicts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
# What an example does not say itself: a case or two will do to see its kernel boot and answer.
FEW = "second_handshake or feature_mask"
DEB = "linux-image-7.0.0_arm64.deb"


def examples():
    """The commands below "Your own kernel", but for the bisection, which has its own test."""
    section = (ROOT / "README.md").read_text().partition("## Your own kernel")[2]
    section = section.partition("\n## ")[0]
    found = re.findall(r"^    ((?:make|\.venv/bin/\S+) .*?)(?:  +#.*)?$", section, re.MULTILINE)
    assert len(found) >= 8
    return found


def runs():
    """Those that boot one; others say something of it, and the bisection has a test of its own."""
    return [
        line for line in examples() if not re.search(r"-m harness (?:bisect|config|kernel) ", line)
    ]


@pytest.fixture(scope="module")
def home(plan, tmp_path_factory):
    """A home with a tree, and the harness where its user stands, with what lies there."""
    folder = tmp_path_factory.mktemp("home")
    built(folder / "linux", plan.kernel.image)
    harness = folder / "harness"
    harness.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {".git", "results"}:
            (harness / path.name).symlink_to(path)
    artifacts = harness / "tuxmake-artifacts"
    artifacts.mkdir()
    shutil.copyfile(plan.kernel.image, artifacts / "bzImage")
    shutil.copyfile(plan.kernel.image.parent / "config", artifacts / "config")
    with tarfile.open(artifacts / "modules.tar.xz", "w:xz", preset=0) as archive:
        where = f"lib/modules/{plan.kernel.release}"
        archive.add(plan.kernel.image.parent / "modules.builtin", f"{where}/modules.builtin")
        for module in (plan.kernel.image.parent / "modules").glob("*.ko"):
            archive.add(module, f"{where}/kernel/{module.name}")
    return folder


@pytest.fixture(scope="module")
def deb():
    """Debian's package of the arm64 kernel, as apt keeps it in the cache."""
    kernel = prepare(Settings("arm64", accelerator="tcg")).kernel
    return next(cache_dir("debs").glob(f"*/linux-image-{kernel.release}_*_arm64.deb"))


@pytest.mark.parametrize(
    "line", [line for line in examples() if re.search(r"-m harness (?:config|kernel) ", line)]
)
def test_what_is_said_of_a_kernel(home, line):
    environment = {**os.environ, "HOME": str(home), "HARNESS_CACHE": str(cache_dir())}
    done = subprocess.run(
        ["sh", "-c", line], cwd=home / "harness", env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (home / "harness" / "uffd.config").unlink(missing_ok=True)
    # Debian's configuration has all that the suite needs.
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", runs())
def test_an_example(home, line, request):
    if DEB in line and not (home / "harness" / DEB).exists():
        shutil.copyfile(request.getfixturevalue("deb"), home / "harness" / DEB)
    arch = re.search(r"(?:test-|--arch )(\w+)", line)[1]
    if spec := re.search(r"debian:\S+", line):
        try:
            find(spec[0], architectures.load(arch))
        except HostError as error:
            pytest.skip(f"no mirror: {error}")
    own = "TESTS=" in line or " -k " in line
    environment = {**os.environ, "HOME": str(home), "HARNESS_CACHE": str(cache_dir())}
    environment |= {"ACCEL": "tcg"} | ({} if own else {"TESTS": FEW})
    cwd, results = home / "harness", home / "harness" / "results"
    shutil.rmtree(results, ignore_errors=True)
    if "/pytest " in line:
        # Its plugin is that of where the harness is installed, and so must the cases be.
        cwd = ROOT
        environment["PYTEST_ADDOPTS"] = f"--results={results} -o cache_dir={home}/pytest"
    done = subprocess.run(
        ["sh", "-c", line], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    run = load(results / f"latest-{arch}")
    assert run.complete
    assert {case.verdict for case in run.cases} <= {Verdict.PASS, Verdict.SKIP}
