# SPDX-License-Identifier: GPL-2.0-only
"""Peers: another tester that boots VMs, on the same kernel: virtme-ng, from PyPI.

It shares the host's root with the guest (virtiofs or 9p) and boots for each command.  What it
is given, so that the comparison is fair to it: the same kernel image, the modules it asks for
(not all 4000), as many CPUs and as much memory as our guest has, and its own defaults
otherwise.  QEMU's old virtiofsd, which it cannot use but tries for 3 s, is kept from it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import architectures
from harness.host.cache import cache_dir, host_errors, locked
from harness.host.process import spawn
from harness.image.modules import closure
from harness.kernels.find import find
from harness.selftest.bench import runs
from harness.selftest.bench.figures import BenchError, figure, missing, ratio
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.kernels.kernel import Kernel
    from harness.selftest.bench.bench import Bench
    from harness.selftest.bench.figures import Figure

_PACKAGE = "virtme-ng"
_VERSION = "1.42"
_NAME = f"{_PACKAGE} {_VERSION}"
# Each boots twice, or saves VMs: 30 s and more a round.
_MOST_ROUNDS = 3
_INSTALL_SECONDS = 600.0
_RUN_SECONDS = 100.0
# What it needs of the host, and the Debian package that has it.
_TOOLS = {"modprobe": "kmod", "depmod": "kmod", "busybox": "busybox-static", "file": "file"}
# virtme/virtmods.py has these as aliases; the drivers of an emulated keyboard are not needed.
_MODULES = (
    *("9p", "9pnet_virtio", "virtiofs", "overlay", "unix"),
    *("virtio_pci", "virtio_mmio", "virtio_console"),
)
# The Rust virtiofsd, where Debian has it (virtme/commands/run.py, _get_virtiofsd_path).
_VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd/virtiofsd", "/usr/lib/virtiofsd")
_UDEVD = ("/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd")


@dataclass(frozen=True)
class _Run:
    """One boot of the peer, for one command."""

    # Seconds from the start of its process.
    command_done: float
    ended: float


def peers(bench: Bench) -> Iterator[Figure]:
    """Boot the peer for one command, and run one case with and without a saved VM, in turn."""
    name = f"{_NAME}: start to the command's end"
    try:
        vng = _Vng(bench)
        # Not counted: it makes modules.dep, and Python its bytecode.
        vng.run()
        runs.run(bench, bench.trivial_id)
    except BenchError as error:
        bench.say("peers: %s does not run here: %s", _NAME, error)
        yield missing("peers.vng", name, "s", str(error).splitlines()[0])
        return
    theirs, colds, warms = [], [], []
    count = min(bench.rounds, _MOST_ROUNDS)
    for number in range(count):
        theirs.append(vng.run())
        with runs.no_templates(bench) as cache:
            colds.append(runs.run(bench, bench.trivial_id, cache=cache))
        warms.append(runs.run(bench, bench.trivial_id))
        seconds = (theirs[-1].ended, colds[-1].seconds, warms[-1].seconds)
        bench.say("peers %d/%d: %.1f s; ours cold %.1f s, warm %.1f s", number + 1, count, *seconds)
    done = figure("peers.vng", name, "s", [each.command_done for each in theirs], vng.note)
    ours = figure("peers.warm", "harness, saved VM: start to the case's end", "s", _done(warms))
    yield done
    yield figure(
        "peers.cold", "harness, the first time: start to the case's end", "s", _done(colds)
    )
    yield ours
    yield ratio("peers.ratio", "virtme-ng over the harness with a saved VM", done, ours)
    yield figure("peers.vng_whole", f"{_NAME}: the whole command", "s", [r.ended for r in theirs])
    for key, word, found in (("cold", "first time", colds), ("warm", "saved VM", warms)):
        whole = [each.seconds for each in found]
        yield figure(f"peers.{key}_whole", f"harness, {word}: the whole command", "s", whole)


def _done(finished: Sequence[runs.Finished]) -> list[float]:
    return [each.first_done for each in finished if each.first_done is not None]


class _Vng:
    """virtme-ng, installed and with a kernel that it can boot."""

    def __init__(self, bench: Bench) -> None:
        """Raise BenchError when it cannot be had, or cannot run here."""
        self._bench = bench
        self._environment = dict(os.environ)
        self._environment["PATH"] += os.pathsep + "/usr/sbin:/sbin"
        path = self._environment["PATH"]
        unmet = {tool: deb for tool, deb in _TOOLS.items() if not shutil.which(tool, path=path)}
        recipe = bench.plan.recipe
        if architectures.for_host().arch != recipe.arch:
            raise BenchError(f"it shares the host's root with the guest: not for {recipe.arch}")
        if unmet:
            packages = " ".join(sorted(set(unmet.values())))
            raise BenchError(f"it needs {', '.join(unmet)} on the host: apt-get install {packages}")
        programs = _installed(path) / "bin"
        # It calls its other programs by their names.
        self._environment["PATH"] = os.pathsep.join([str(programs), path])
        kernel = find(bench.plan.settings.kernel, recipe)
        image = _lay_out(kernel, bench.folder / "peer")
        self._argv = [str(programs / "vng"), *arguments(bench, image)]
        udevd = any(Path(name).exists() for name in _UDEVD)
        # virtme-ng-init links /dev/virtio-ports through udevd; without, it runs the command on
        # the console, and its status does not come back.
        self._codes = {0} if udevd else {0, 255}
        self.note = "" if udevd else "this host has no udevd: it skips udev, a second or more"

    def run(self) -> _Run:
        """Boot for one command, which says in a file of the host that it has run."""
        folder = self._bench.folder / "peer-says"
        folder.mkdir(exist_ok=True)
        proof, output = folder / "proof", self._bench.folder / "peer.txt"
        proof.unlink(missing_ok=True)
        argv = [*self._argv, f"--rwdir={folder}", "--exec", f"true; echo $? >{proof}"]
        began_wall, began = time.time(), time.monotonic()
        with output.open("wb") as file:
            process = spawn(
                argv,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            try:
                code: int | None = process.wait(_RUN_SECONDS * self._bench.plan.scale)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                # QEMU is a child of its child.
                _kill_group(process)
        ended = time.monotonic() - began
        if code not in self._codes or not proof.exists() or proof.read_text() != "0\n":
            lines = output.read_text(errors="replace").strip().splitlines() or ["(no word)"]
            raise BenchError(f"it ran no command; exit code {code}, {clean(lines[-1])}")
        # The host's clock: 9p and virtiofs leave the time of a write to the host's file system.
        return _Run(proof.stat().st_mtime - began_wall, ended)


def arguments(bench: Bench, image: Path) -> list[str]:
    """Return virtme-ng's options for a guest like ours."""
    plan = bench.plan
    profile = plan.recipe.profiles[bench.trivial_case().profile]
    argv = ["--run", str(image)]
    argv += ["--cpus", str(profile.cpus), "--memory", f"{profile.memory_mib}M"]
    if plan.choice.name != "kvm":
        # It would use a /dev/kvm that is there but does not work.
        argv += ["--disable-kvm"]
    if not any(Path(name).is_file() for name in _VIRTIOFSD) and not shutil.which("virtiofsd"):
        argv += ["--force-9p"]
    return argv


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _lay_out(kernel: Kernel, root: Path) -> Path:
    """Write ``kernel`` as an installed one, below ``root``; return the image's path.

    virtme-ng looks for lib/modules beside the boot folder that the image is in.
    """
    modules = root / "lib" / "modules" / kernel.release
    boot = root / "boot"
    with host_errors(f"cannot write {root}"):
        boot.mkdir(parents=True)
        (modules / "kernel").mkdir(parents=True)
        for name, contents in closure(_MODULES, kernel.modules):
            (modules / "kernel" / f"{name}.ko").write_bytes(contents)
        # Without them depmod(8) complains.
        for empty in ("modules.order", "modules.builtin"):
            (modules / empty).touch()
        image = boot / f"vmlinuz-{kernel.release}"
        shutil.copyfile(kernel.image, image)
    return image


def _installed(path: str) -> Path:
    """Return the virtual environment that it is in, made when there is none.

    pip takes it from where it is configured to.  Raises BenchError when pip cannot.
    """
    folder = cache_dir("peers") / f"{_PACKAGE}-{_VERSION}-python{sys.version_info[1]}"
    done = folder / "installed"
    with locked(folder, waiting=f"waiting for another process to install {_NAME}"):
        if done.exists():
            return folder
        # Not through new_folder(): a virtual environment does not work under another name.
        shutil.rmtree(folder, ignore_errors=True)
        pip = [str(folder / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
        for argv in (
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, f"{_PACKAGE}=={_VERSION}"],
        ):
            _command(argv, path)
        done.touch()
    return folder


def _command(argv: Sequence[str], path: str) -> None:
    try:
        said = subprocess.run(
            argv,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"it could not be installed: {error}") from error
    if said.returncode:
        lines = said.stdout.decode(errors="replace").strip().splitlines() or ["no word of why"]
        raise BenchError(f"it could not be installed: {lines[-1]}")
