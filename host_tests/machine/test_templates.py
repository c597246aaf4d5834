# SPDX-License-Identifier: GPL-2.0-only
"""The store of saved VMs: keys, checks, disk space. Saving and cloning: host_tests/vm."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import architectures
from harness.errors import HostError
from harness.host.cache import locked
from harness.kernels.config import UNKNOWN
from harness.machine import templates
from harness.machine.command import Boot

MIB = 1 << 20


class Vm:
    """Stands in for a VM where only the files matter."""

    def save(self, state):
        state.write_bytes(b"state")

    def kill(self):
        pass

    def end(self, wait):
        assert wait


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    return tmp_path / "templates"


def boot(**more) -> Boot:
    recipe = architectures.load("x86_64")
    fields = {
        "recipe": recipe,
        "profile": recipe.profiles["contract"],
        "accelerator_name": "tcg",
        "accelerator": recipe.accelerators["tcg"],
        "card": recipe.card(UNKNOWN),
        "kernel": Path("/one/vmlinuz"),
        "initrd": Path("/one/image"),
    }
    return Boot(**{**fields, **more})


def make(name, *, start=None, data=b"memory", size=MIB):
    with templates.making(name), templates.building(name, 1, start) as made:
        if start is None:
            with made.ram.files[0].open("r+b") as file:
                file.truncate(8 * size)
                file.seek(4 * size)
                file.write(data)
        made.finish(Vm(), ["first", "second"])
    return templates.load(name)


def test_the_key_is_of_everything_that_matters(monkeypatch):
    race = architectures.load("x86_64").profiles["race"]
    kvm = architectures.load("x86_64").accelerators["kvm"]
    keys = [
        templates.key(boot(), ("kernel", "image")),
        templates.key(boot(), ("another", "image")),
        templates.key(boot(), ("kernel", "image", "program")),
        templates.key(boot(profile=race), ("kernel", "image")),
        templates.key(boot(append="x"), ("kernel", "image")),
        templates.key(boot(accelerator=kvm), ("kernel", "image")),
        templates.key(boot(accelerator_name="kvm"), ("kernel", "image")),
    ]
    monkeypatch.setattr(templates, "_identity", lambda _: "another QEMU")
    keys.append(templates.key(boot(), ("kernel", "image")))
    assert len(set(keys)) == len(keys)


def test_the_key_is_of_nothing_else():
    """A kernel is known by its hash, wherever it is; keys of a run are renewed in a clone."""
    same = boot(kernel=Path("/two/vmlinuz"), overlay=b"keys")
    assert templates.key(same, ("k", "i")) == templates.key(boot(), ("k", "i"))


def test_another_build_of_qemu_is_another_key(tmp_path, monkeypatch):
    program = tmp_path / "qemu-system-x86_64"
    program.write_text("one")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    before = templates.key(boot(), ())
    program.write_text("other")
    assert templates.key(boot(), ()) != before


def test_what_is_made_is_found(cache):
    assert templates.load("a") is None
    made = make("a")
    assert made.folder == cache / "a"
    assert made.state.read_bytes() == b"state"
    assert made.console.read_text() == "first\nsecond\n"
    [ram] = made.ram()
    assert ram.read_bytes()[4 * MIB :][:6] == b"memory"
    assert ram.stat().st_mode & 0o777 == 0o400
    clone = made.clone(boot())
    assert (clone.ram.files, clone.ram.shared, clone.state) == ((ram,), False, made.state)


def test_a_copy_to_go_on_from_keeps_the_holes():
    one = make("a")
    two = make("b", start=one)
    assert two.ram()[0].read_bytes() == one.ram()[0].read_bytes()
    assert two.ram()[0].stat().st_blocks * 512 < MIB


def test_zeros_take_no_disk():
    with templates.making("a"), templates.building("a", 1) as made:
        made.ram.files[0].write_bytes(bytes(4 * MIB) + b"memory" + bytes(4 * MIB))
        made.finish(Vm(), [])
    [ram] = templates.load("a").ram()
    assert ram.stat().st_blocks * 512 < MIB
    assert ram.read_bytes() == bytes(4 * MIB) + b"memory" + bytes(4 * MIB)


def test_without_fallocate_it_is_just_larger(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make("a").ram()[0].read_bytes()[4 * MIB :][:6] == b"memory"


@pytest.mark.parametrize("size", [0, 5, MIB, 3 * MIB + 5])
def test_sparse_copies_are_whole(tmp_path, size):
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.write(os.urandom(min(size, 70_000)))
        file.truncate(size)
        if size > MIB:
            file.seek(size - 3)
            file.write(b"end")
    templates.copy_sparse(source, target)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("file", ["ram-0", "state"])
def test_what_was_changed_is_noticed(file):
    path = make("a").folder / file
    path.chmod(0o600)
    with path.open("r+b") as opened:
        opened.write(b"x")
    with pytest.raises(templates.TemplateError, match=f"{file} was changed"):
        templates.load("a")


def test_what_is_missing_is_noticed():
    (make("a").folder / "ram-0").unlink()
    with pytest.raises(templates.TemplateError, match="ram-0 was changed"):
        templates.load("a")


def test_a_state_that_only_keeps_its_stamp_is_noticed():
    state = make("a").state
    before = state.stat()
    with state.open("r+b") as opened:
        opened.write(b"x")
    os.utime(state, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(templates.TemplateError, match="sha256"):
        templates.load("a")


def test_damaged_facts_are_noticed():
    (make("a").folder / "template.json").write_text("{")
    with pytest.raises(templates.TemplateError, match=r"template\.json"):
        templates.load("a")


def test_a_discarded_one_is_gone(cache):
    templates.discard(make("a"))
    assert templates.load("a") is None
    assert not [path for path in cache.iterdir() if path.is_dir()]
    make("a")
    assert templates.load("a")


def test_another_in_its_place_is_not_discarded():
    old = make("a")
    templates.discard(old)
    make("a")
    templates.discard(old)
    assert templates.load("a")


def test_what_fails_leaves_nothing(cache):
    with pytest.raises(RuntimeError), templates.building("a", 1):
        raise RuntimeError
    assert templates.load("a") is None
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_full_disk_is_the_hosts_trouble(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    start = make("a")
    monkeypatch.setattr(templates, "copy_sparse", full)
    with pytest.raises(HostError, match=r"No space left.*free some space"):
        make("b", start=start)


def test_least_recently_used_goes_first(monkeypatch):
    monkeypatch.setenv("HARNESS_TEMPLATES_GIB", str(2.5 / 1024))
    data = os.urandom(MIB)
    for number, name in enumerate("abc"):
        facts = make(name, data=data).folder / "template.json"
        os.utime(facts, (number, number))
    # A use makes it the youngest.
    templates.load("a")
    templates.tidy()
    assert [name for name in "abc" if templates.load(name)] == ["a", "c"]


def test_what_is_in_use_stays(monkeypatch, cache):
    for name in "abc":
        make(name)
    monkeypatch.setenv("HARNESS_TEMPLATES_GIB", "0")
    # "a" is held by another process, "b" is to be kept.
    with locked(cache / "a", shared=True):
        templates.tidy(keep=("b",))
    assert [name for name in "abc" if (cache / name).exists()] == ["a", "b"]


def test_a_limit_that_is_no_number(monkeypatch):
    monkeypatch.setenv("HARNESS_TEMPLATES_GIB", "lots")
    with pytest.raises(HostError, match="HARNESS_TEMPLATES_GIB=lots: expected a number of GiB"):
        templates.tidy()


def test_what_a_killed_process_left_is_removed(cache):
    script = (
        "import os, signal\nfrom harness.machine import templates\n"
        "with templates.making('a'), templates.building('a', 1):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False, cwd=architectures.ROOT)
    assert [path for path in cache.iterdir() if path.is_dir()]
    templates.tidy()
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_what_is_being_made_is_not_removed():
    with templates.making("a"), templates.building("a", 1) as made:
        templates.tidy()
        assert made.folder.is_dir()


def test_how_slow_its_kernel_is_is_kept():
    assert make("a").slowness == 1.0
    with templates.making("b"), templates.building("b", 1) as made:
        made.finish(Vm(), [], 2.5)
    assert templates.load("b").slowness == 2.5


def test_facts_are_json():
    facts = json.loads((make("a").folder / "template.json").read_text())
    assert set(facts) == {"files", "state_sha256", "slowness"}
    assert set(facts["files"]) == {"ram-0", "state"}


def test_the_nodes_have_a_file_each():
    with templates.making("a"), templates.building("a", 2) as made:
        assert [path.name for path in made.ram.files] == ["ram-0", "ram-1"]
        assert made.ram.shared


def test_a_boot_that_goes_on_is_not_part_of_the_key():
    made = make("a")
    assert templates.key(made.clone(boot()), ()) == templates.key(boot(), ())
    assert dataclasses.replace(made, stamp=()) == templates.Template(made.folder)
