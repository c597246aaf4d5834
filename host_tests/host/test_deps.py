# SPDX-License-Identifier: GPL-2.0-only
"""What the host lacks is found, and installed as the user may.

apt-get and sudo are stand-ins that record their arguments: a test must not change its host.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from harness import architectures
from harness.errors import InputError
from harness.host import deps

ROOT = Path(__file__).resolve().parents[2]
ARCHES = architectures.names()
INSTALL = "install -y --no-install-recommends"
# The program alone, as "make" starts it: no site-packages, no user's environment.
BARE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from harness.host import deps; "


@pytest.fixture(autouse=True)
def host(tmp_path, monkeypatch):
    """A PATH that is empty, in the environment of somebody who set no compiler."""
    for arch in ARCHES:
        monkeypatch.delenv(f"CC_{arch}", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def stand_in(host):
    """Put programs on PATH that append their name and arguments to a log."""

    def make(name: str, script: str = "exit 0") -> None:
        path = host / "bin" / name
        path.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND {name} $*" >>{host}/log\n{script}\n')
        path.chmod(0o755)

    return make


@pytest.fixture
def commands(host):
    def read() -> list[str]:
        path = host / "log"
        return path.read_text().splitlines() if path.exists() else []

    return read


@pytest.fixture
def user(monkeypatch):
    """Not root, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("arch", ARCHES)
def test_on_a_host_with_nothing_all_of_it_is_missing(arch):
    recipe = architectures.load(arch)
    native = recipe.cross.startswith(platform.machine())
    wanted = recipe.host_packages
    compilers = {"gcc", "libc6-dev"} if native else {wanted["compiler"], wanted["libc"]}
    assert {wanted["qemu"], *compilers} <= set(deps.missing([arch]))


def test_64_bit_kernels_need_the_compiler_for_their_32_bit_tasks():
    wanted = architectures.load("armhf").host_packages
    assert {wanted["compiler"], wanted["libc"]} <= set(deps.missing(["arm64"]))


def test_packages_are_named_once_and_in_order():
    packages = deps.missing(ARCHES)
    assert packages == sorted(set(packages))
    assert {"qemu-system-arm", "qemu-system-x86"} <= set(packages)


def test_what_is_on_path_is_not_missing(stand_in):
    stand_in("qemu-system-aarch64")
    assert "qemu-system-arm" not in deps.missing(["arm64"])
    assert "qemu-system-arm" in deps.missing(["armhf"])


def test_a_compiler_without_its_static_libc_is_not_enough(stand_in, host, monkeypatch):
    arch = next(a for a in ARCHES if not architectures.load(a).cross.startswith(platform.machine()))
    recipe = architectures.load(arch)
    stand_in(f"{recipe.cross}-gcc")
    libc = Path("/usr", recipe.cross, "lib", "libc.a")
    assert (recipe.host_packages["libc"] in deps.missing([arch])) == (not libc.exists())
    (host / "bin" / f"{recipe.cross}-gcc").unlink()
    assert recipe.host_packages["compiler"] in deps.missing([arch])
    # One's own compiler (musl, clang) needs none of Debian's.
    monkeypatch.setenv(f"CC_{arch}", "musl-gcc")
    assert recipe.host_packages["compiler"] not in deps.missing([arch])


def test_keyrings_that_are_not_there_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(deps, "_KEYRINGS", tmp_path)
    assert "debian-archive-keyring" in deps.missing([])
    (tmp_path / "debian-archive-keyring.gpg").touch()
    assert "debian-archive-keyring" not in deps.missing([])


def test_nothing_is_missing_where_all_is_there(monkeypatch, capfd):
    # This host runs these tests, so "make deps" has been here.
    monkeypatch.setenv("PATH", os.defpath)
    found = deps.missing(ARCHES)
    if found:
        pytest.skip(f"this host lacks {' '.join(found)}")
    assert deps.main([]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("root")
def test_root_installs_at_once(stand_in, commands):
    stand_in("apt-get")
    stand_in("sudo")
    deps.install(["a", "b"])
    assert commands() == [f"noninteractive apt-get {INSTALL} a b"]


@pytest.mark.usefixtures("root")
def test_package_lists_are_fetched_when_installing_fails_first(stand_in, commands, host):
    stand_in("apt-get", f'[ "$1" = update ] && : >{host}/updated; [ -e {host}/updated ]')
    deps.install(["a"])
    assert [line.split()[2] for line in commands()] == ["install", "update", "install"]


@pytest.mark.usefixtures("root")
def test_an_installation_that_fails_says_what_to_run(stand_in, commands):
    stand_in("apt-get", "exit 100")
    with pytest.raises(InputError, match="could not install") as caught:
        deps.install(["a", "b"])
    assert f"\n    sudo apt-get {INSTALL} a b\n" in str(caught.value)
    assert [line.split()[2] for line in commands()] == ["install", "update"]


@pytest.mark.usefixtures("user")
def test_a_user_whose_sudo_asks_nothing_installs_through_it(stand_in, commands):
    stand_in("apt-get")
    stand_in("sudo", '[ "$1" = -n ] || exit 1; shift; [ "$1" = true ] || exec "$@"')
    deps.install(["a"])
    assert commands()[-1].endswith(f" apt-get {INSTALL} a")
    assert [line.split()[-1] for line in commands() if " sudo " in line] == ["true", "a"]


@pytest.mark.parametrize("sudo", [None, "exit 1"], ids=["no sudo", "sudo wants a password"])
@pytest.mark.usefixtures("user")
def test_another_user_is_told_the_command(stand_in, commands, monkeypatch, capsys, sudo):
    stand_in("apt-get")
    if sudo:
        stand_in("sudo", sudo)
    monkeypatch.setattr(deps, "missing", lambda _: ["a", "b"])
    assert deps.main(["x86_64"]) == 200
    captured = capsys.readouterr()
    assert captured.out == "missing on this machine: a b\n"
    assert captured.err.startswith("harness: packages are missing and only root can")
    assert f"\n    sudo apt-get {INSTALL} a b\n" in captured.err
    assert not [line for line in commands() if "apt-get" in line]


@pytest.mark.usefixtures("root")
def test_another_system_is_told_what_it_needs(capsys, monkeypatch):
    monkeypatch.setattr(deps, "missing", lambda _: ["a", "b"])
    assert deps.main([]) == 200
    assert "not a Debian system; it needs a, b" in capsys.readouterr().err


def test_an_unknown_architecture(capsys):
    assert deps.main(["mips"]) == 200
    assert "unknown architecture 'mips'" in capsys.readouterr().err


def test_python_means_no_architecture():
    assert not [name for name in deps.missing([]) if name.startswith(("qemu", "gcc", "libc"))]


@pytest.mark.parametrize("argument", [["python"], []])
def test_the_standard_library_is_enough(argument, stand_in):
    stand_in("apt-get")
    for arch in ARCHES:  # so that nothing but the compilers can be missing
        stand_in(architectures.load(arch).qemu)
    argv = [sys.executable, "-I", "-S", "-c", f"{BARE}sys.exit(deps.main({argument!r}))"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 2}
    assert "Traceback" not in done.stderr
    # And it is true that these flags keep what is installed away.
    probe = [sys.executable, "-I", "-S", "-c", "import pytest"]
    assert subprocess.run(probe, capture_output=True, check=False).returncode == 1
