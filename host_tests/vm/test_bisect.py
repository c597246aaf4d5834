# SPDX-License-Identifier: GPL-2.0-only
"""A bisection with real boots: a history whose kernels crash in CONTINUE from one commit on."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from broken_kernel import config_text, crashing, offsets, write_modules

from harness import architectures
from harness.architectures import ROOT
from harness.bisection import state
from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.host.clock import Clock
from harness.kernels.find import find
from harness.machine.evidence import EvidenceLog
from harness.run.plan import prepare
from harness.run.settings import DEFAULT_KERNEL, Settings

SCALE = os.environ.get("TIMEOUT_SCALE", "1")
CASE = "guest_tests/continue.c::hole_refused[shmem-shared]"
# What is "built" is what a commit says; the others stand for a mistake.
MAKEFILE = """\
olddefconfig:
\t@test "$$ARCH" = arm64
Image:
\t@test -e {kernels}/$$(cat source.c) || {{ echo "source.c:1: error: unknown kernel"; exit 1; }}
\tmkdir -p arch/arm64/boot && cp {kernels}/$$(cat source.c) arch/arm64/boot/Image
modules:
\tcp {kernels}/modules/* .
"""
# The mistake and the crash of another kind are where git looks first.
HISTORY = ["good", "good", "nonsense", "elsewhere", "good", "bad", "bad", "bad"]


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Debian's kernel, one that crashes in CONTINUE, and one that crashes in every ioctl."""
    folder = tmp_path_factory.mktemp("kernels")
    recipe = architectures.load("arm64")
    plan = prepare(Settings("arm64", accelerator="tcg", timeout_scale=float(SCALE)))
    kernel = find(DEFAULT_KERNEL, recipe)
    image = kernel.image.read_bytes()
    keys, log = Keys(), EvidenceLog(folder, Clock(), "vm")
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
    factory = GuestFactory(contents, keys, plan.scale)
    with factory.ready(plan.boot("contract", keys), log) as guest:
        functions = offsets(guest, image, "mcopy_continue", "userfaultfd_ioctl")
    log.close()
    (folder / "good").write_bytes(image)
    (folder / "bad").write_bytes(crashing(image, functions["mcopy_continue"]))
    (folder / "elsewhere").write_bytes(crashing(image, functions["userfaultfd_ioctl"]))
    (folder / "modules").mkdir()
    write_modules(kernel, recipe, folder / "modules")
    (folder / "config").write_text(config_text(kernel))
    return folder


@pytest.fixture
def history(kernels, tmp_path):
    """A repository with a commit for each of HISTORY; returns it and the commits."""
    tree = tmp_path / "linux"
    tree.mkdir()

    def git(*words):
        argv = ["git", "-C", str(tree), "-c", "user.name=A Developer"]
        argv += ["-c", "user.email=dev@example.org", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tree / "Makefile").write_text(MAKEFILE.format(kernels=kernels))
    (tree / ".gitignore").write_text("/arch\n*.ko\nmodules.*\n.config\n")
    (tree / ".config").write_text((kernels / "config").read_text())
    commits = []
    for number, name in enumerate(HISTORY):
        (tree / "source.c").write_text(name)
        (tree / "notes").write_text(f"{number}\n")
        git("add", "-A")
        git("commit", "--quiet", "-m", f"c{number}: {name}")
        commits.append(git("rev-parse", "HEAD"))
    return tree, commits


def test_the_commit_that_made_continue_crash(history, tmp_path):
    tree, commits = history
    argv = [sys.executable, "-m", "harness", "bisect", "--arch", "arm64", "--tree", str(tree)]
    argv += ["--good", commits[0], "--bad", commits[-1], "--case", CASE, "--runs", "2"]
    argv += ["--accel", "tcg", "--timeout-scale", SCALE, "--no-vmcore"]
    results = tmp_path / "results"
    done = subprocess.run(
        [*argv, "--results", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"first bad commit: {commits[5]}\n" in done.stdout
    assert "looking for: " + CASE + " fails: oops in mcopy_continue [" in done.stderr
    [folder] = results.glob("bisect-*")
    known = state.load(folder)
    terms = {each.subject: each for each in known.commits.values()}
    assert terms["c0: good"].term == "good"
    assert (terms["c4: good"].term, terms["c4: good"].runs) == ("good", 2)
    assert (terms["c5: bad"].term, terms["c5: bad"].runs) == ("bad", 1)
    assert terms["c3: elsewhere"].term == "skip"
    assert "another failure: " in terms["c3: elsewhere"].why
    assert "(oops in userfaultfd_ioctl [" in terms["c3: elsewhere"].why
    if "c2: nonsense" in terms:
        assert terms["c2: nonsense"].why == "does not build: source.c:1: error: unknown kernel"
    # The evidence is there, and the mail has it.
    evidence = folder / terms["c5: bad"].run
    assert f"evidence     {evidence}\n" in done.stdout
    assert "mcopy_continue" in (evidence / "serial.log").read_text()
    mail = (folder / "mail.txt").read_text()
    assert mail.startswith("To: A Developer <dev@example.org>\nCc: regressions@lists.linux.dev")
    assert 'Subject: [REGRESSION] userfaultfd: oops in mcopy_continue since "c5: bad"\n' in mail
    assert f"\n#regzbot introduced: {commits[5]}\n" in mail
    assert "Expected (CON-04): CONTINUE of a hole gives EFAULT" in " ".join(mail.split())
    assert re.search(r"^\[ *\d+\.\d+\].*Oops - Undefined instruction", mail, re.MULTILINE)
    assert re.search(r"pc : mcopy_continue\+0x14/0x", mail)
    assert f"# first bad commit: [{commits[5]}] c5: bad" in mail
