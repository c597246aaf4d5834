# SPDX-License-Identifier: GPL-2.0-only
"""git bisect run with the harness: README's recipe word for word, and trouble at each step.

A real repository, real boots of a good kernel and of one with a planted bug.  Whatever goes wrong,
no innocent commit is named: git finds the right one, says that it cannot tell, or stops.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from trees import built, with_bug

from harness.errors import Exit
from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.host.cache import cache_dir
from harness.host.clock import Clock
from harness.machine.evidence import EvidenceLog

ROOT = Path(__file__).resolve().parents[2]
COMMITS = 8
FIRST_BAD = 6
# Of eight commits, the first good and the last bad, git tries the 4th, the 6th and the 5th.
STEPS = (1, 2, 3)
MAKEFILE = """\
STORE := {store}/$(shell cat code)
bzImage:
\tmkdir -p arch/x86/boot
\tcp $(STORE)/arch/x86/boot/bzImage arch/x86/boot/
modules:
\tcp -r $(STORE)/.config $(STORE)/drivers $(STORE)/modules.order $(STORE)/modules.builtin .
"""


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    """What the commits' builds come to: a good kernel, and one that panics in its initcalls."""
    folder = tmp_path_factory.mktemp("store")
    log = EvidenceLog(folder, Clock(), "symbols")
    keys = Keys()
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, ())
    with GuestFactory(contents, keys, plan.scale).ready(plan.boot("contract", keys), log) as guest:
        said = guest.ssh.run(["grep", " userfaultfd_init$", "/proc/kallsyms"], timeout=60).stdout
    log.close()
    image = plan.kernel.image
    bug = with_bug(image.read_bytes(), plan.unpacked.read_bytes(), int(said.split()[0], 16))
    (folder / "bug").write_bytes(bug)
    built(folder / "good", image)
    built(folder / "bad", image, folder / "bug")
    return folder


def git(tree, *words, **more):
    return subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words],
        cwd=tree, text=True, check=True, stdout=subprocess.PIPE, **more,
    ).stdout  # fmt: skip


@pytest.fixture
def tree(store, tmp_path):
    """A repository of eight commits, being bisected."""
    folder = tmp_path / "linux"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "Makefile").write_text(MAKEFILE.format(store=store))
    (folder / ".gitignore").write_text("/arch\n/drivers\n/.config\n/modules.*\n/results\n")
    for number in range(1, COMMITS + 1):
        (folder / "code").write_text("bad" if number >= FIRST_BAD else "good")
        (folder / "number").write_text(str(number))
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", f"commit {number}")
    git(folder, "bisect", "start", "main", f"main~{COMMITS - 1}")
    return folder


@pytest.fixture
def home(tmp_path):
    """A home with the harness in it, where README has it; the cache is the usual one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "uffd-minor-harness").symlink_to(ROOT)
    return {**os.environ, "HOME": str(tmp_path / "home"), "HARNESS_CACHE": str(cache_dir())}


def named(tree, said):
    """Return the number of the commit that git names; None when it names none."""
    found = re.search(r"^([0-9a-f]{40}) is the first bad commit$", said, re.MULTILINE)
    return int(git(tree, "show", f"{found[1]}:number")) if found else None


def recipe():
    """README's, with what it is run with."""
    text = (ROOT / "README.md").read_text()
    [found] = re.findall(r"^    (git bisect run .*?)\n\n", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.timeout(1800)
def test_the_recipe(tree, home):
    done = subprocess.run(
        ["sh", "-c", recipe()], cwd=tree, env=home, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert named(tree, done.stdout) == FIRST_BAD, done.stdout[-4000:]
    assert done.returncode == 0
    runs = [path for path in (tree / "results").iterdir() if not path.is_symlink()]
    assert len(runs) == len(STEPS)


# --- trouble ---

HARNESS = f"{shlex.quote(sys.executable)} -m harness"
QUICK = "--accel tcg -k second_handshake --retries 0 --no-vmcore"
RUN = f"{HARNESS} run --arch x86_64 --kernel . -n 1 {QUICK}"
TWO = f"{HARNESS} run --arch x86_64 --kernel . -n 2 {QUICK.replace('second_', '')}"
# Kills the children that are called $1 of what it starts, as soon as there are any.
KILL = """\
import os, signal, subprocess, sys, time
name, *argv = sys.argv[1:]
run = subprocess.Popen(argv)
while run.poll() is None:
    said = subprocess.run(["pgrep", "-P", str(run.pid), name], capture_output=True, text=True)
    for pid in said.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    time.sleep(0.05)
sys.exit(run.returncode)
"""
# Sends the signal $1 to what it starts, once that has a child called $2.
SIGNAL = """\
import signal, subprocess, sys, time
name, child, *argv = sys.argv[1:]
run = subprocess.Popen(argv)
while run.poll() is None:
    if subprocess.run(["pgrep", "-P", str(run.pid), child], capture_output=True).returncode == 0:
        run.send_signal(signal.Signals[name])
        break
    time.sleep(0.02)
sys.exit(run.wait())
"""
# Something of the harness's own breaks before pytest is there, and then within it.
BREAK = """\
import runpy, sys
import harness.cli
def broken(*_): raise ZeroDivisionError("injected")
harness.cli.prepare = broken
runpy.run_module("harness", run_name="__main__", alter_sys=True)
"""
PLUGINS = {
    "breaks_pytest": "def pytest_collection_finish(): raise ZeroDivisionError('injected')\n",
    "breaks_worker": "def pytest_runtest_setup(): raise ZeroDivisionError('injected')\n",
    "broken_import": "import nosuch\n",
    "only_errors": """\
from dataclasses import replace
from harness.run import runner
from harness.verdicts.verdict import Verdict
def broken(right):
    return lambda *seen: replace(right(*seen), verdict=Verdict.ERROR, message="injected")
runner.judge, runner._of_boot = broken(runner.judge), broken(runner._of_boot)
""",
}
SCRIPTS = {"killer.py": KILL, "signaller.py": SIGNAL, "breaker.py": BREAK}
SCRIPTS |= {f"{name}.py": code for name, code in PLUGINS.items()}

RIGHT, SKIP, STOP = "right", "skip", "stop"


def plugin(name):
    return f"PYTHONPATH=$TROUBLE HARNESS_PYTEST_PLUGINS={name} {RUN}"


def script(name, *words):
    return f'{shlex.quote(sys.executable)} "$TROUBLE/{name}" {" ".join(words)}'


def qemu(code):
    """A run with a QEMU that is a script before the real one."""
    script = f"#!/bin/sh\n{code}\n"
    make = f"mkdir -p q; printf %s {shlex.quote(script)} > q/qemu-system-x86_64; chmod +x q/*"
    return f"{make}; PATH=$PWD/q:$PATH {RUN}"


# What goes wrong, as a shell's line, and what must come of it.
KINDS = {
    "nothing": (RUN, RIGHT),
    "the build fails": ("false || exit 125; " + RUN, SKIP),
    "a misspelt --arch": (RUN.replace("x86_64", "x86-64"), STOP),
    "a misspelt option": (RUN + " --isolate", STOP),
    "a misspelt path": (RUN.replace("--kernel .", "--kernel ./arch/x86/boot/bzimage"), STOP),
    "a home that nobody has": (RUN.replace("--kernel .", "--kernel '~nosuch/linux'"), STOP),
    "no such case": (RUN.replace("second_handshake", "no_such_case"), STOP),
    "the image is missing": (f"rm arch/x86/boot/bzImage; {RUN}", STOP),
    "the image is cut off": (f"truncate -s 3000000 arch/x86/boot/bzImage; {RUN}", STOP),
    "the image is empty": (f": > arch/x86/boot/bzImage; {RUN}", STOP),
    "results are a file": (f": > results; {RUN}", STOP),
    "results cannot be written": (f"{RUN} --results /proc/results", SKIP),
    "results on a full disk": (
        "mkdir -p full; unshare -m sh -c "
        + shlex.quote(f"mount -t tmpfs -o size=4k t full; {RUN} --results full"), SKIP),
    "latest is a folder": (f"mkdir -p results/latest-x86_64; {RUN}", RIGHT),
    "no home, no user": (
        f"env -u HOME -u HARNESS_CACHE setpriv --reuid 12345 --clear-groups {RUN}", SKIP),
    "no cache": (f"HARNESS_CACHE=/dev/null {RUN}", SKIP),
    "no /proc": ("unshare -m sh -c " + shlex.quote(f"umount -l /proc; {RUN}"), SKIP),
    "loopback is down": (f"unshare -n {RUN}", SKIP),
    "PYTEST_ADDOPTS": (f"PYTEST_ADDOPTS='-n 4' PYTEST_PLUGINS=nosuch {RUN}", RIGHT),
    "PYTHONWARNINGS": (f"PYTHONWARNINGS=error TERM=nosuch COLUMNS=3 LC_ALL=C {RUN}", RIGHT),
    "files of other projects": (
        f"echo '[pytest]' > pytest.ini; echo 1/0 > conftest.py; echo 1/0 > logging.py; {RUN}",
        RIGHT),
    "the log's disk is full": (f"{RUN} > /dev/full 2>&1", RIGHT),
    "two VMs, and the log's disk is full": (f"{TWO} > /dev/full 2>&1", RIGHT),
    "stdout and stderr are closed": (f"{RUN} >&- 2>&-", RIGHT),
    "nobody reads on": (
        f"({RUN}; echo $? > code.txt) | head -1; code=$(cat code.txt); rm code.txt; exit $code",
        RIGHT),
    "no QEMU": (f"PATH=$PWD/none {RUN}", SKIP),
    "QEMU does not start": (qemu("exit 1"), SKIP),
    "QEMU is too old": (qemu("echo QEMU emulator version 6.2.0"), SKIP),
    "every QEMU is killed": (script("killer.py", "qemu", RUN), SKIP),
    "every worker is killed": (script("killer.py", "python", TWO), SKIP),
    "SIGTERM": (script("signaller.py", "SIGTERM", "qemu", RUN), STOP),
    "SIGHUP": (script("signaller.py", "SIGHUP", "qemu", RUN), STOP),
    "SIGINT": (script("signaller.py", "SIGINT", "qemu", RUN), STOP),
    "SIGTERM with two VMs": (script("signaller.py", "SIGTERM", "python", TWO), STOP),
    "an exception of its own": (
        RUN.replace("-m harness", '"$TROUBLE/breaker.py"'), SKIP),
    "an exception within pytest": (plugin("breaks_pytest"), SKIP),
    "an exception in a case": (plugin("breaks_worker"), SKIP),
    "a plugin that cannot be imported": (plugin("broken_import"), SKIP),
    "only ERRORs": (plugin("only_errors"), SKIP),
    "-x with two VMs": (f"{TWO} -x", RIGHT),
}  # fmt: skip

# A step of the bisection: what its build is known to come to, or the trouble.
STEP = """\
echo x >> "$TROUBLE/steps"
make -j8 bzImage modules > "$TROUBLE/make" || exit 250
[ "$(wc -l < "$TROUBLE/steps")" = "$STEP" ] || exit "$(cat "$TROUBLE/$(cat code)")"
cat number > "$TROUBLE/number"
(LINE)
code=$?
echo $code > "$TROUBLE/code"
exit $code
"""


@pytest.fixture(scope="module")
def known(store):
    """What the two kernels really come to, by the line that the others are made from."""
    codes = {}
    for name in ("good", "bad"):
        done = subprocess.run(["sh", "-c", RUN], cwd=store / name, check=False, capture_output=True)
        codes[name] = done.returncode
    assert codes == {"good": Exit.OK, "bad": Exit.FAIL}
    return codes


@dataclass(frozen=True)
class Bisection:
    """What came of one."""

    code: int  # of the step with the trouble
    bad: bool  # whether that step's commit has the bug
    commit: int | None
    said: str
    git: int  # git's exit code


@pytest.fixture
def bisected(tree, known, tmp_path, home):
    trouble = tmp_path / "trouble"
    trouble.mkdir()
    for name, code in {**SCRIPTS, **{name: str(code) for name, code in known.items()}}.items():
        (trouble / name).write_text(code)

    def run(line, step):
        for name in ("steps", "code", "number"):
            (trouble / name).unlink(missing_ok=True)
        (trouble / "step.sh").write_text(STEP.replace("LINE", line))
        done = subprocess.run(
            ["git", "bisect", "run", "sh", str(trouble / "step.sh")], cwd=tree,
            env={**home, "HOME": os.environ["HOME"], "TROUBLE": str(trouble), "STEP": str(step)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False,
        )  # fmt: skip
        return Bisection(
            int((trouble / "code").read_text()),
            int((trouble / "number").read_text()) >= FIRST_BAD,
            named(tree, done.stdout),
            done.stdout,
            done.returncode,
        )

    return run


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Lines for people: what was named when what went wrong at which step."""
    path = tmp_path_factory.getbasetemp() / "bisections.txt"
    with path.open("w") as file:
        yield file


def troubles():
    """Each kind at one of the steps; with ALL_STEPS=1 at each of them."""
    kinds = list(enumerate(KINDS))
    if os.environ.get("ALL_STEPS"):
        return [(kind, step) for _, kind in kinds for step in STEPS]
    return [(kind, STEPS[number % len(STEPS)]) for number, kind in kinds]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "step"), troubles())
def test_no_innocent_commit_is_named(bisected, table, kind, step):
    line, wanted = KINDS[kind]
    if "unshare" in line or "setpriv" in line:
        needs = ["unshare", "-mn", "true"]
        if os.geteuid() or subprocess.run(needs, check=False, capture_output=True).returncode:
            pytest.skip("namespaces and other users need root")
    found = bisected(line, step)
    print(f"{kind:40} {step} {found.code:4} {found.commit or '-'}", file=table, flush=True)
    assert found.commit in {None, FIRST_BAD}, found.said[-3000:]
    if wanted == RIGHT:
        assert (found.code, found.commit) == (int(found.bad), FIRST_BAD), found.said[-3000:]
    elif wanted == SKIP:
        assert found.code == Exit.UNTESTED, found.said[-3000:]
        assert found.commit == FIRST_BAD or "We cannot bisect more!" in found.said
    else:
        assert found.code >= 128, found.said[-3000:]
        assert (found.commit, found.git) == (None, found.git or 1), found.said[-3000:]
