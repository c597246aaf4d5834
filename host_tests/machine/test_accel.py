# SPDX-License-Identifier: GPL-2.0-only
"""The choice of an accelerator, all but the probe itself (a VM's test does that)."""

from __future__ import annotations

import json
import platform

import pytest

from harness import architectures
from harness.errors import HarnessError, HostError, InputError
from harness.host.cache import cache_dir
from harness.machine import accel
from harness.machine.accel import choose

HOST = platform.machine()
# Guests that this host's KVM could run, and those it cannot.
NATIVE = [a for a in architectures.names() if HOST in architectures.load(a).kvm_hosts]
FOREIGN = [a for a in architectures.names() if a not in NATIVE]
native = pytest.mark.skipif(not NATIVE, reason=f"no recipe is for KVM on {HOST}")


@pytest.fixture(autouse=True)
def host(tmp_path, monkeypatch):
    """An empty cache, a /dev/kvm that opens, and no VM that boots."""

    def no_probe(_):
        pytest.fail("the probe ran")

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accel, "_KVM", tmp_path / "kvm")
    monkeypatch.setattr(accel, "_probe", no_probe)
    (tmp_path / "kvm").touch()
    return tmp_path


@pytest.fixture
def verdict():
    """Write the verdict that an earlier run kept."""

    def write(against: str | None) -> None:
        key = accel._machine_key(accel._probe_recipe(HOST))
        (cache_dir("accelerator") / f"{key}.json").write_text(json.dumps({"against": against}))

    return write


@pytest.mark.parametrize("arch", architectures.names())
def test_tcg_is_taken_where_it_is_asked_for(arch):
    recipe = architectures.load(arch)
    choice = choose(recipe, "tcg")
    assert (choice.name, choice.accelerator) == ("tcg", recipe.accelerators["tcg"])
    assert choice.why == "ACCEL=tcg was asked for"


@pytest.mark.parametrize("word", ["", "KVM", "hvf", "tcg,thread=single"])
def test_an_unknown_word_comes_with_the_known_ones(word):
    with pytest.raises(InputError, match=r"unknown accelerator '.*': expected one of auto, kvm, t"):
        choose(architectures.load("x86_64"), word)


@pytest.mark.parametrize("arch", FOREIGN)
def test_kvm_does_not_run_the_guests_of_other_machines(arch):
    choice = choose(architectures.load(arch))
    assert choice.name == "tcg"
    assert choice.why == f"KVM of a {HOST} host does not run {arch} guests"
    with pytest.raises(HostError, match=f"does not run {arch} guests; ACCEL=tcg works"):
        choose(architectures.load(arch), "kvm")


@native
@pytest.mark.parametrize("arch", NATIVE)
def test_a_host_without_kvm(host, arch):
    (host / "kvm").unlink()
    choice = choose(architectures.load(arch), "auto")
    assert (choice.name, choice.why) == ("tcg", f"there is no {host}/kvm")
    with pytest.raises(HostError, match=r"ACCEL=kvm was asked for, but there is no .*/kvm; ACCEL"):
        choose(architectures.load(arch), "kvm")


@native
def test_a_kvm_that_does_not_open(host):
    (host / "kvm").unlink()
    (host / "kvm").mkdir()  # to root nothing is forbidden, but a folder does not open for writing
    choice = choose(architectures.load(NATIVE[0]))
    assert (choice.name, choice.why) == ("tcg", f"{host}/kvm does not open: Is a directory")


@native
@pytest.mark.parametrize("arch", NATIVE)
def test_a_verdict_for_kvm_is_used(verdict, arch):
    verdict(None)
    recipe = architectures.load(arch)
    for wanted in ("auto", "kvm"):
        choice = choose(recipe, wanted)
        assert (choice.name, choice.accelerator) == ("kvm", recipe.accelerators["kvm"])
        assert choice.why == "a kernel booted under KVM here"
    assert choose(recipe, "tcg").name == "tcg"


@native
@pytest.mark.parametrize("arch", NATIVE)
def test_a_verdict_against_kvm_is_used(verdict, arch):
    verdict("it does not boot")
    choice = choose(architectures.load(arch))
    assert (choice.name, choice.why) == ("tcg", "it does not boot")
    with pytest.raises(HostError, match="ACCEL=kvm was asked for, but it does not boot; ACCEL=tcg"):
        choose(architectures.load(arch), "kvm")


@native
@pytest.mark.parametrize("against", [None, "it does not boot"])
def test_the_probe_runs_once_and_its_verdict_is_kept(monkeypatch, against):
    probed = []
    monkeypatch.setattr(accel, "_probe", lambda recipe: probed.append(recipe) or against)
    names = [choose(architectures.load(NATIVE[-1])).name for _ in range(2)]
    assert names == ["tcg" if against else "kvm"] * 2
    # What is probed is the host's own 64-bit machine, whatever the guest's.
    assert [recipe.cross.partition("-")[0] for recipe in probed] == [HOST]


@native
def test_a_probe_that_learned_nothing_is_tried_again(monkeypatch):
    probed = []

    def no_network(recipe):
        probed.append(recipe)
        raise HarnessError("the mirror failed\nat length")

    monkeypatch.setattr(accel, "_probe", no_network)
    for count in (1, 2):
        choice = choose(architectures.load(NATIVE[0]))
        assert choice.why == "KVM could not be probed: the mirror failed"
        assert (choice.name, len(probed)) == ("tcg", count)


@native
def test_the_verdict_is_of_this_boot_and_this_qemu(monkeypatch, host):
    recipe = accel._probe_recipe(HOST)
    key = accel._machine_key(recipe)
    assert accel._machine_key(recipe) == key
    other = host / "bin" / recipe.qemu
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho QEMU emulator version 99\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent), prepend=":")
    assert accel._machine_key(recipe) != key


@native
def test_a_qemu_that_is_not_there(monkeypatch, host):
    monkeypatch.setenv("PATH", str(host))
    with pytest.raises(InputError, match=r"does not run .*: run 'make deps'"):
        choose(architectures.load(NATIVE[0]))


def test_a_host_that_no_recipe_is_for():
    with pytest.raises(InputError, match="no recipe in images/ is for s390x hosts"):
        accel._probe_recipe("s390x")
