# SPDX-License-Identifier: GPL-2.0-only
"""What is prepared before the first VM: made once, and again when it must be."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from dataclasses import replace

import pytest

from harness import architectures
from harness.errors import InputError
from harness.guest.keys import Keys
from harness.host import memo
from harness.host.cache import cache_dir
from harness.run.plan import prepare, rerun_command
from harness.run.settings import Settings

TCG = Settings("x86_64", accelerator="tcg")
MADE = {"kernel", "programs", "image"}


@pytest.fixture(scope="module", autouse=True)
def made_before():
    """The user's cache has it all, also when no other test came first."""
    prepare(TCG)


@pytest.fixture(autouse=True)
def cache(made_before, tmp_path, monkeypatch):  # noqa: ARG001 (comes first)
    """A cache that has all there is in the user's, and remembers nothing."""
    real = cache_dir()
    folder = tmp_path / "cache"
    folder.mkdir()
    for known in real.iterdir():
        if known.name in {"programs", "images"}:
            # One link each: the tests put others in their places.
            (folder / known.name).mkdir()
            for entry in known.iterdir():
                (folder / known.name / entry.name).symlink_to(entry)
        elif known.name not in {"remembered", "bytecode"}:
            (folder / known.name).symlink_to(known)
    monkeypatch.setenv("HARNESS_CACHE", str(folder))
    # All files count as old, the harness's own too: these tests do not wait for that.
    monkeypatch.setattr(memo, "_RACY_NS", -(10**12))
    return folder


def made(settings=TCG):
    """Prepare, and say what was really made."""
    return MADE & set(prepare(settings).durations)


def test_what_was_made_is_used_again():
    first, second = prepare(TCG), prepare(TCG)
    assert set(first.durations) > MADE
    assert not MADE & set(second.durations)
    assert replace(second, durations={}) == replace(first, durations={})
    assert second.kernel.config["CONFIG_USERFAULTFD"] == "y"
    assert second.image.path.is_file()
    assert all(program.is_file() for program in second.programs)
    assert pickle.loads(pickle.dumps(second)) == second


def test_settings_that_change_nothing_of_it_use_it_too():
    prepare(TCG)
    for settings in (
        replace(TCG, timeout_scale=2.0),
        replace(TCG, isolation="case"),
        replace(TCG, accelerator="auto"),
    ):
        plan = prepare(settings)
        assert not MADE & set(plan.durations)
        assert plan.settings == settings


def spoil_image(plan, _):
    data = plan.image.path.read_bytes()
    plan.image.path.unlink()
    plan.image.path.write_bytes(b"x" + data[1:])


def remove_program(plan, _):
    plan.programs[0].parent.unlink()


def other_compiler(_, monkeypatch):
    monkeypatch.setenv("CC_x86_64", "x86_64-linux-gnu-gcc -g0")


@pytest.mark.parametrize("change", [spoil_image, remove_program, other_compiler])
def test_it_is_made_anew_when_it_must_be(monkeypatch, change):
    before = prepare(TCG)
    time.sleep(0.02)
    change(before, monkeypatch)
    after = prepare(TCG)
    assert set(after.durations) > MADE
    assert all(program.is_file() for program in after.programs)
    # A hash in the records is always that of the file as it is.
    assert (after.image.sha256 != before.image.sha256) == (change is spoil_image)


def test_a_source_that_changes_is_seen(monkeypatch, tmp_path):
    """All of images/ and guest_tests/ counts, whatever it is for."""
    folder = tmp_path / "images"
    shutil.copytree(architectures.IMAGES, folder)
    monkeypatch.setattr(architectures, "IMAGES", folder)
    assert made() == MADE
    assert made() == set()
    for change in (
        lambda: (folder / "fstab").write_text((folder / "fstab").read_text() + "# changed\n"),
        (folder / "new").touch,
        (folder / "new").unlink,
    ):
        time.sleep(0.02)
        change()
        assert made() == MADE
        assert made() == set()


def test_another_package_index_may_have_another_kernel(cache):
    lists = cache / "lists"
    real = lists.resolve()
    lists.unlink()
    shutil.copytree(real, lists)
    assert made() == MADE
    assert made() == set()
    os.utime(lists / "bookworm_amd64")
    time.sleep(0.02)
    assert made() == MADE


def test_an_index_that_is_too_old_is_asked_for_anew(monkeypatch):
    assert made() == MADE
    later = time.time() + 25 * 60 * 60
    monkeypatch.setattr(memo.time, "time", lambda: later)
    asked = []
    monkeypatch.setattr("harness.debian.apt.Suite._refresh", lambda _, path: asked.append(path))
    assert made() == MADE
    assert asked


@pytest.fixture
def tree(tmp_path):
    """A kernel's build tree, with an image and modules of Debian's."""
    kernel = prepare(TCG).kernel
    boot = tmp_path / "tree" / "arch" / "x86" / "boot"
    boot.mkdir(parents=True)
    shutil.copyfile(kernel.image, boot / "bzImage")
    tree = tmp_path / "tree"
    (tree / ".config").write_text("CONFIG_USERFAULTFD=y\n")
    (tree / "modules.order").write_text("virtio_net.ko\n")
    modules = kernel.image.parent / "modules"
    shutil.copyfile(modules / "virtio_net.ko", tree / "virtio_net.ko")
    return tree


@pytest.mark.parametrize(
    "name", [".config", "modules.order", "virtio_net.ko", "arch/x86/boot/bzImage"]
)
def test_a_kernel_that_was_made_anew_is_seen(tree, name):
    settings = replace(TCG, kernel=str(tree))
    assert made(settings) == MADE
    assert made(settings) == set()
    time.sleep(0.02)
    (tree / name).write_bytes((tree / name).read_bytes())
    assert made(settings) == MADE


def test_a_relative_path_is_another_kernel_elsewhere(tree, monkeypatch, tmp_path):
    settings = replace(TCG, kernel=".")
    monkeypatch.chdir(tree)
    assert made(settings) == MADE
    assert made(settings) == set()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="without a kernel"):
        prepare(settings)


def test_modules_that_appear_beside_an_image_are_seen(tmp_path):
    kernel = prepare(TCG).kernel
    image = tmp_path / "boot" / "vmlinuz"
    image.parent.mkdir()
    shutil.copyfile(kernel.image, image)
    settings = replace(TCG, kernel=str(image))
    assert made(settings) == MADE
    assert made(settings) == set()
    without = prepare(settings).image
    modules = tmp_path / "lib" / "modules" / kernel.release
    modules.mkdir(parents=True)
    for name in ("virtio_net", "net_failover", "failover"):
        shutil.copyfile(kernel.image.parent / "modules" / f"{name}.ko", modules / f"{name}.ko")
    assert made(settings) == MADE
    assert prepare(settings).image != without
    assert prepare(settings).kernel.config is None
    time.sleep(0.02)
    (image.parent / "config").write_text("CONFIG_USERFAULTFD=y\n")
    assert made(settings) == MADE
    assert prepare(settings).kernel.config == {"CONFIG_USERFAULTFD": "y"}


def test_an_unknown_profile():
    with pytest.raises(InputError, match=r"images/x86_64\.toml has no profile odd: contract"):
        prepare(TCG).boot("odd", Keys())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings("arm64"), "--arch arm64 --kernel '/k v'"),
        (
            Settings("i386", "x", "tcg", 2.5, retries=7),
            "--arch i386 --kernel '/k v' --accel tcg --timeout-scale 2.5 --retries 7",
        ),
    ],
)
def test_the_command_that_runs_a_case_again(settings, words):
    command = rerun_command(settings, "guest_tests/x.c::y[anon]", "/k v")
    assert (
        command
        == f".venv/bin/python -m harness run {words} --isolation case 'guest_tests/x.c::y[anon]'"
    )
