# SPDX-License-Identifier: GPL-2.0-only
"""The userland of all four architectures, from Debian's real packages."""

from __future__ import annotations

import dataclasses
import io
import os
import platform
import stat
import subprocess
from pathlib import PurePosixPath

import pytest
from elftools.elf.elffile import ELFFile

from harness import architectures
from harness.errors import InputError
from harness.image import userland

# e_machine, e_ident's class and the folder of libraries: the ELF gABI and Debian's multiarch.
MACHINES = {
    "x86_64": ("EM_X86_64", 64, "x86_64-linux-gnu"),
    "arm64": ("EM_AARCH64", 64, "aarch64-linux-gnu"),
    "i386": ("EM_386", 32, "i386-linux-gnu"),
    "armhf": ("EM_ARM", 32, "arm-linux-gnueabihf"),
}


def needed(elf: ELFFile) -> list[str]:
    dynamic = elf.get_section_by_name(".dynamic")
    return [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")] if dynamic else []


@pytest.fixture(scope="module")
def files(recipe) -> dict[str, bytes]:
    entries = userland.entries(recipe)
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {entry.mode for entry in entries} == {stat.S_IFREG | 0o755}
    return {entry.name: entry.data for entry in entries}


def test_everything_is_for_the_machine_and_every_library_is_there(recipe, files):
    machine, bits, folder = MACHINES[recipe.arch]
    assert {userland.BUSYBOX, userland.SSHD} <= set(files)
    # Where ld.so looks without a cache and without LD_LIBRARY_PATH (ld.so(8)).
    searched = {f"lib/{folder}", f"usr/lib/{folder}"}
    libraries = {PurePosixPath(n).name for n in files if str(PurePosixPath(n).parent) in searched}
    # The dynamic linker is loaded already when a library asks for it: no second copy.
    [linker] = ELFFile(io.BytesIO(files[userland.SSHD])).iter_segments("PT_INTERP")
    assert PurePosixPath(linker.get_interp_name()).name not in libraries
    libraries.add(PurePosixPath(linker.get_interp_name()).name)
    for name, data in files.items():
        elf = ELFFile(io.BytesIO(data))
        assert (elf["e_machine"], elf.elfclass) == (machine, bits), name
        for library in needed(elf):
            assert library in libraries, f"{name} needs {library}"
        for segment in elf.iter_segments("PT_INTERP"):
            if name == userland.SSHD:
                assert segment.get_interp_name().lstrip("/") in files
    assert needed(ELFFile(io.BytesIO(files[userland.SSHD])))


def test_busybox_needs_no_library(files):
    busybox = ELFFile(io.BytesIO(files[userland.BUSYBOX]))
    assert needed(busybox) == []
    assert not list(busybox.iter_segments("PT_INTERP"))


def test_there_is_nothing_that_nobody_needs(files):
    wanted = {name for data in files.values() for name in needed(ELFFile(io.BytesIO(data)))}
    linkers = {name for name in files if PurePosixPath(name).name.startswith("ld-linux")}
    extra = set(files) - {userland.BUSYBOX, userland.SSHD} - linkers
    assert {PurePosixPath(name).name for name in extra} <= wanted


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs x86 programs")
@pytest.mark.parametrize("arch", ["x86_64", "i386"])
def test_it_runs_where_there_is_nothing_else(tmp_path, arch):
    if os.geteuid() != 0:
        pytest.skip("only root can chroot")
    for entry in userland.entries(architectures.load(arch)):
        path = tmp_path / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.data)
        path.chmod(0o755)

    def run(*argv: str) -> str:
        done = subprocess.run(
            ["chroot", tmp_path, *argv], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "Dropbear v20" in run("/usr/sbin/dropbear", "-V")
    assert run("/bin/busybox", "echo", "yes") == "yes\n"
    # What the harness and the tests call.
    applets = set(run("/bin/busybox", "--list").split())
    assert {"sh", "mount", "sleep", "poweroff"} <= applets


def without(recipe: architectures.Recipe, package: str) -> architectures.Recipe:
    packages = tuple(name for name in recipe.packages if name != package)
    assert packages != recipe.packages
    return dataclasses.replace(recipe, packages=packages)


@pytest.mark.parametrize(
    ("package", "missing"),
    [
        ("busybox-static", "file bin/busybox"),
        ("dropbear-bin", "file usr/sbin/dropbear"),
        ("libtommath1", "library libtommath.so.1"),
        ("zlib1g", "library libz.so.1"),
    ],
)
def test_a_package_that_is_not_listed(package, missing):
    with pytest.raises(InputError, match=f"has the {missing}: add it to 'packages'"):
        userland.entries(without(architectures.load("x86_64"), package))


def test_a_package_that_debian_does_not_have():
    recipe = dataclasses.replace(architectures.load("x86_64"), packages=("no-such-package",))
    with pytest.raises(InputError, match=r"images/x86_64\.toml: no package no-such-package"):
        userland.entries(recipe)
