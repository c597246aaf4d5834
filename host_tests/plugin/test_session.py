# SPDX-License-Identifier: GPL-2.0-only
"""What a session records of its run before the first case."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import architectures
from harness.image.image import Image
from harness.kernels.config import UNKNOWN
from harness.kernels.kernel import Kernel
from harness.kernels.provenance import Build, Provenance
from harness.kernels.version import Version
from harness.plugin import session
from harness.results.record import wall_time
from harness.results.store import load
from harness.run.plan import Plan
from harness.run.settings import Settings


def git(tree, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x"]
    done = subprocess.run(["git", "-C", tree, *who, *words], check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Return a function that has a session prepared for a kernel of some provenance."""
    monkeypatch.setattr(session, "end_on_signals", lambda: None)
    monkeypatch.setattr(session.GuestSession, "current", None)

    def prepare(provenance):
        config = SimpleNamespace(
            option=SimpleNamespace(arch="x86_64", collectonly=False, results=Path("results")),
            invocation_params=SimpleNamespace(dir=tmp_path),
        )
        state = session.GuestSession(config)
        state.plan = Plan(
            settings=Settings("x86_64"),
            recipe=architectures.load("x86_64"),
            kernel=Kernel(
                arch="x86_64", image=Path("/x"), release="6.1", version=Version(6, 1),
                config=UNKNOWN, modules=None, origin="o", sha256="ab",
            ),
            image=Image(Path("/y"), "cd"), choice=None, qemu=None, image_stamp=(), unpacked=None,
            programs=(), compat=(), on_demand=(), durations={}, provenance=provenance,
        )  # fmt: skip
        state.prepare()
        return state.records

    return prepare


def test_the_commit_of_a_build_tree(prepared, tmp_path):
    tree = tmp_path / "linux"
    tree.mkdir()
    git(tree, "init", "-q", "-b", "mm-new")
    git(tree, "commit", "-q", "--allow-empty", "-m", "x")
    git(tree, "tag", "-am", "x", "v6.1")
    records = prepared(Provenance(Build(compiler="gcc 12"), tree=str(tree)))
    records.finish(complete=True)
    kernel = load(records.folder).kernel
    assert kernel.build == Build(compiler="gcc 12")
    assert kernel.source.commit == git(tree, "rev-parse", "HEAD")
    assert (kernel.source.describe, kernel.source.branch) == ("v6.1", "mm-new")
    assert kernel.source.dirty is False


def test_a_kernel_of_no_tree(prepared):
    records = prepared(Provenance())
    records.finish(complete=True)
    assert load(records.folder).kernel.source is None


def test_the_host_the_harness_and_the_clock(prepared):
    records = prepared(Provenance())
    records.finish(complete=True)
    run = load(records.folder)
    assert run.harness_version, "this is a git tree"
    assert run.host.cores >= 1
    # The run was started after its clock.
    assert run.clock_zero <= wall_time(run, 0.0) <= run.finished.replace("Z", ".999Z")
    assert run.clock_zero[:10] == run.started[:10]
