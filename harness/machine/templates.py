# SPDX-License-Identifier: GPL-2.0-only
"""Saved VMs, kept in the cache: made once, cloned at every start after that.

A template is a folder with the guest's memory (a file for each NUMA node, sparse), the state
of the rest of the machine, the console's text up to then, and ``template.json``.  Clones map
the memory privately: they share what none of them writes, and none can change it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HostError
from harness.host.cache import cache_dir, host_errors, locked, locked_if_free, new_folder
from harness.machine.command import Ram, qemu_argv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.machine.command import Boot
    from harness.machine.vm import VM

log = logging.getLogger("harness")

# Part of every key: a change of what is in a folder, or of how a guest is saved.
_FORMAT = "2"
_GIB = 1 << 30
# A template takes 50 to 110 MB of disk, mostly the guest's page cache and kernel.
_DEFAULT_LIMIT_GIB = 4.0
_FACTS = "template.json"
_STATE = "state"
_CONSOLE = "console.log"


@dataclass(frozen=True)
class Template:
    """A saved VM."""

    folder: Path
    # Tells it from another that is made in its place: the state file's stamp.
    stamp: tuple[int, ...] = ()
    # Factor on time limits: how slow its kernel is (harness.guest.speed).
    slowness: float = 1.0

    @property
    def key(self) -> str:
        """Hash of all that it was made from, in hex."""
        return self.folder.name

    @property
    def state(self) -> Path:
        """QEMU's migration stream, without the memory."""
        return self.folder / _STATE

    @property
    def console(self) -> Path:
        """What the guest's console said until it was saved."""
        return self.folder / _CONSOLE

    def ram(self) -> tuple[Path, ...]:
        """Return the memory's files, by NUMA node."""
        return tuple(sorted(self.folder.glob("ram-*")))

    def clone(self, boot: Boot) -> Boot:
        """Return ``boot`` so that it goes on from here."""
        return replace(boot, ram=Ram(self.ram(), shared=False), state=self.state)


class TemplateError(HostError):
    """A template is not what it was when it was made."""

    def __init__(self, template: Template, what: str) -> None:
        self.template = template
        super().__init__(f"{template.folder}: {what}")


def key(boot: Boot, contents: Sequence[str]) -> str:
    """Return the key of what ``boot`` and what is done then make.

    ``contents`` are hashes: of the kernel, of the image, of the programs that are pushed.
    The rest is QEMU itself, its command line, and under KVM the host's CPU.
    """
    kernel = Path("kernel" if boot.packed is None else "unpacked kernel")
    plain = replace(boot, kernel=kernel, ram=None, state=None, overlay=b"")
    argv = qemu_argv(plain, qmp_fd=0, serial_fd=0, initrd_fd=0)
    cpu = _host_cpu() if boot.accelerator_name == "kvm" else ""
    parts = [_FORMAT, _identity(boot.recipe.qemu), cpu, *argv, "", *contents]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _identity(program: str) -> str:
    """Tell one build of ``program`` from any other: its path, size and time."""
    path = shutil.which(program)
    if path is None:
        return program
    found = Path(path).resolve()
    facts = found.stat()
    return f"{found} {facts.st_size} {facts.st_mtime_ns}"


def _host_cpu() -> str:
    """Return what /proc/cpuinfo says of the first CPU, but for what changes by the second."""
    first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    return "\n".join(line for line in first.splitlines() if "MHz" not in line)


def _path(name: str) -> Path:
    return cache_dir("templates") / name


def load(name: str) -> Template | None:
    """Return the template with the key ``name``, None when there is none.

    Raises TemplateError when a file of it is not as it was left: throw it away then.  HostError
    when that cannot be seen.
    """
    template = Template(_path(name))
    try:
        facts = json.loads((template.folder / _FACTS).read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        # Too many open files, no permission: that says nothing of it.
        raise HostError(f"cannot read the saved VM: {error}") from error
    except ValueError as error:
        raise TemplateError(template, f"cannot read {_FACTS}: {error}") from error
    for file, noted in facts["files"].items():
        if (found := _stamp(template.folder / file)) != noted:
            raise TemplateError(template, f"{file} was changed: {noted}, now {found}")
    with host_errors("cannot read the saved VM"):
        state = template.state.read_bytes()
    if hashlib.sha256(state).hexdigest() != facts["state_sha256"]:
        raise TemplateError(template, f"{_STATE} was changed: its sha256 is another")
    # The time of the last use, for tidy().
    with contextlib.suppress(OSError):
        os.utime(template.folder / _FACTS)
    stamp = tuple(facts["files"][_STATE])
    return replace(template, stamp=stamp, slowness=facts["slowness"])


def _stamp(path: Path) -> list[int] | None:
    """Return what changes with any write to ``path``: hashing its 200 MB would cost a boot."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot read the saved VM: {error}") from error
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns]


@contextlib.contextmanager
def held(name: str) -> Iterator[None]:
    """Keep the template ``name`` from being thrown away by another process."""
    with locked(_path(name), shared=True):
        yield


@dataclass(frozen=True)
class Building:
    """A template that is being made."""

    folder: Path
    # For the VM that it is made from.
    ram: Ram

    def finish(self, vm: VM, console: Iterable[str], slowness: float = 1.0) -> None:
        """Save ``vm``, which is over then, and what its ``console`` said until now.

        ``slowness`` of its kernel is kept with it.
        """
        vm.save(self.folder / _STATE)
        (self.folder / _CONSOLE).write_text("".join(f"{line}\n" for line in console))
        # QEMU may write to the memory until it is gone.
        vm.kill()
        vm.end(wait=10.0)
        for file in self.ram.files:
            _dig_holes(file)
            # A template must not come out of a power failure with holes in it.
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
            file.chmod(0o400)
        state = self.folder / _STATE
        facts: dict[str, Any] = {
            "files": {path.name: _stamp(path) for path in (*self.ram.files, state)},
            "state_sha256": hashlib.sha256(state.read_bytes()).hexdigest(),
            "slowness": slowness,
        }
        (self.folder / _FACTS).write_text(json.dumps(facts))


@contextlib.contextmanager
def building(name: str, nodes: int, start: Template | None = None) -> Iterator[Building]:
    """Make the template ``name``: start a VM on ``ram``, then ``finish``, then leave the block.

    Its memory is new, or a copy of ``start``'s, to go on from there.  The caller holds the
    lock (``making``).  Raises HostError when the disk is full.
    """
    tidy(keep=(name, start.key if start else ""))
    with new_folder(_path(name)) as folder, host_errors(f"cannot write {folder}"):
        files = tuple(folder / f"ram-{node}" for node in range(nodes))
        for number, file in enumerate(files):
            if start is None:
                file.touch(0o600)
            else:
                copy_sparse(start.ram()[number], file)
        yield Building(folder, Ram(files, shared=True))


@contextlib.contextmanager
def making(name: str) -> Iterator[None]:
    """Be the only one who makes or throws away the template ``name``."""
    with locked(_path(name), waiting="waiting for another run or worker to save this VM"):
        yield


def _dig_holes(file: Path) -> None:
    """Make holes of the zeros in ``file``: two thirds of a guest's memory after its boot.

    The kernel clears what it allocates (CONFIG_INIT_ON_ALLOC_DEFAULT_ON), 128 MiB of huge
    pages among it.  fallocate(1) is in util-linux; without it, or on a file system without
    holes, a template is just larger.
    """
    with contextlib.suppress(OSError):
        subprocess.run(["fallocate", "--dig-holes", file], check=False, capture_output=True)


def copy_sparse(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target``, data alone: its holes stay holes (lseek(2) SEEK_DATA)."""
    with source.open("rb") as read, target.open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        os.ftruncate(write.fileno(), size)
        at = 0
        while at < size:
            try:
                at = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole is left
                break
            end = os.lseek(read.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.copy_file_range(read.fileno(), write.fileno(), end - at, at, at)


def discard(template: Template) -> None:
    """Throw ``template`` away, unless another has taken its place; its clones go on."""
    if template.stamp and _stamp(template.state) != list(template.stamp):
        return
    # Under a name that tidy() knows for a leftover: gone at once, and whole.
    doomed = template.folder.with_name(f".{template.key}.{os.getpid()}")
    with contextlib.suppress(OSError):  # another process was faster
        template.folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _limit() -> float:
    """Return how much disk all templates may take, in bytes."""
    named = os.environ.get("HARNESS_TEMPLATES_GIB", "")
    try:
        gib = float(named) if named else _DEFAULT_LIMIT_GIB
    except ValueError as error:
        raise HostError(f"HARNESS_TEMPLATES_GIB={named}: expected a number of GiB") from error
    return gib * _GIB


def disk_bytes(folder: Path) -> int:
    """Return the disk space that the files of ``folder`` take: holes take none."""
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


def tidy(keep: Sequence[str] = ()) -> None:
    """Throw away what was not used for longest, until the rest fits the limit.

    The limit is ``$HARNESS_TEMPLATES_GIB``, 4 unless it is set.  Those to ``keep`` and those
    another process works with stay.
    """
    for leftover in _path("").glob(".*"):
        # Of a process that was killed: nobody holds the lock of what it made.
        with locked_if_free(_path(leftover.name.split(".")[1])) as ours:
            if ours and leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
    used: list[tuple[float, int, Path]] = []
    for facts in _path("").glob(f"*/{_FACTS}"):
        with contextlib.suppress(OSError):  # another process was faster
            used.append((facts.stat().st_mtime, disk_bytes(facts.parent), facts.parent))
    total = sum(size for _, size, _ in used)
    limit = _limit()
    for _, size, folder in sorted(used):
        if total <= limit:
            return
        if folder.name in keep:
            continue
        with locked_if_free(folder) as ours:
            if ours:
                shutil.rmtree(folder, ignore_errors=True)
                total -= size
