# SPDX-License-Identifier: GPL-2.0-only
"""Kernels named in each way that README shows, and more, are booted: from where the user stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
import zstandard

from harness import architectures
from harness.errors import Exit
from harness.host.cache import cache_dir
from harness.image.modules import closure
from harness.kernels.find import find

CASE = "second_handshake"
HARNESS = [sys.executable, "-m", "harness", "run", "--timeout-scale",
           os.environ.get("TIMEOUT_SCALE", "1"), "-k", CASE, "-n", "1"]  # fmt: skip


def run(*argv, cwd, results, **environment):
    """Run the case; return what was said, once it is sure that the case passed."""
    done = subprocess.run(
        [*HARNESS, "--results", str(results), *argv],
        cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Debian's kernel, whose network driver is a module, laid out as people have kernels."""
    recipe = architectures.load("x86_64")
    kernel = find("debian:bookworm", recipe)
    assert kernel.config.whole
    wanted = (*recipe.card(kernel.config).modules, *recipe.modules)
    modules = closure(wanted, kernel.modules)
    assert "virtio_net" in dict(modules)
    home = tmp_path_factory.mktemp("it's a home")
    config = "".join(f"{name}={value}\n" for name, value in kernel.config.items())

    package = home / "package"
    installed = package / "usr/lib/modules" / kernel.release / "kernel"
    installed.mkdir(parents=True)
    (package / "boot").mkdir()
    (package / "boot" / f"config-{kernel.release}").write_text(config)
    shutil.copy(kernel.image, package / "boot" / f"vmlinuz-{kernel.release}")
    (package / "vmlinuz").symlink_to(f"boot/vmlinuz-{kernel.release}")

    tree = home / "linux"
    (tree / "arch/x86/boot").mkdir(parents=True)
    (tree / "arch/x86_64/boot").mkdir(parents=True)
    shutil.copy(kernel.image, tree / "arch/x86/boot/bzImage")
    (tree / "arch/x86_64/boot/bzImage").symlink_to("../../x86/boot/bzImage")
    (tree / ".config").write_text(config)
    (tree / "Kbuild").touch()
    for name, data in modules:
        (installed / f"{name}.ko").write_bytes(data)
        (tree / f"{name}.ko").write_bytes(data)
    (tree / "modules.order").write_text("".join(f"{name}.o\n" for name, _ in modules))

    tuxmake = home / "tuxmake-artifacts"
    tuxmake.mkdir()
    shutil.copy(kernel.image, tuxmake / "bzImage")
    (tuxmake / "config").write_text(config)
    with tarfile.open(tuxmake / "modules.tar.gz", "w:gz") as tar:
        tar.add(package / "usr/lib", "lib")
    (home / "bz").symlink_to(tree / "arch/x86_64/boot/bzImage")
    return home


@pytest.mark.parametrize(
    ("stand", "kernel"),
    [
        ("linux", "."),
        ("linux/arch", "x86/boot/bzImage"),
        ("linux/arch/x86_64", "../../../bz"),
        ("tuxmake-artifacts", "~/bz"),
        ("", "./tuxmake-artifacts"),
        ("tuxmake-artifacts", "bzImage"),
        ("package", "."),
        ("package", "vmlinuz"),
        ("package/boot", ""),
    ],
)
def test_a_kernel_named_from_somewhere(places, tmp_path, stand, kernel):
    if not kernel:
        (kernel,) = (path.name for path in (places / stand).glob("vmlinuz-*"))
    said = run(
        "--arch", "x86_64", "--kernel", kernel,
        cwd=places / stand, results=tmp_path, HOME=str(places), HARNESS_CACHE=str(cache_dir()),
    )  # fmt: skip
    assert f"{places}/" in said
    # From elsewhere the same words do not find what they found there.
    if not kernel.startswith("~"):
        done = subprocess.run(
            [*HARNESS, "--arch", "x86_64", "--kernel", kernel],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == Exit.INPUT, done.stdout


def test_git_bisect_from_the_tree(places, tmp_path):
    """README's recipe; what builds the kernel is a Makefile that copies one."""
    tree = places / "linux"
    image = tree.parent / "bzImage"
    shutil.copy(tree / "arch/x86/boot/bzImage", image)
    quoted = str(image).replace("'", "'\\''")
    makefile = f"bzImage:\n\tcp '{quoted}' arch/x86/boot/bzImage\n"

    def git(*argv):
        return subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", *argv],
            cwd=tree, check=True, capture_output=True, text=True, timeout=600,
        ).stdout  # fmt: skip

    git("init", "-q")
    (tree / ".gitignore").write_text("*\n!Makefile\n!.gitignore\n")
    for number, lines in enumerate([makefile, makefile, "bzImage:\n\tfalse\n", makefile, makefile]):
        (tree / "Makefile").write_text(f"# commit {number}\n{lines}")
        git("add", "-A")
        git("commit", "-qm", f"commit {number}")
    git("bisect", "start", "HEAD", "HEAD~4")
    script = 'make -j8 bzImage || exit 125; exec "$@"'
    command = [*HARNESS, "--results", str(tmp_path), "--arch", "x86_64", "--kernel", "."]
    said = git("bisect", "run", "sh", "-c", script, "sh", *command)
    # Each kernel is good, so the last commit is the bad one; the one that is not built is skipped.
    assert "commit 4" in said.partition("is the first bad commit")[2], said
    # Git tries the third beside the one that is not built, or the first as well: each that it
    # calls good was run and passed, and nothing but that one was skipped.
    log = git("bisect", "log")
    good = re.findall(r"^# good: \[\w+\] commit (\d)$", log, re.MULTILINE)
    skipped = re.findall(r"^# skip: \[\w+\] commit (\d)$", log, re.MULTILINE)
    assert (good[0], "3" in good) == ("0", True), log
    assert said.count("1 passed") == len(good) - 1, said
    assert set(skipped) <= {"2"}, log


def test_an_arm64_image_that_qemu_cannot_unpack(tmp_path):
    recipe = architectures.load("arm64")
    kernel = find("debian:bookworm", recipe)
    assert kernel.config.whole
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "Image.zst").write_bytes(zstandard.compress(kernel.image.read_bytes(), 1))
    config = "".join(f"{name}={value}\n" for name, value in kernel.config.items())
    (folder / "config").write_text(config)
    modules = folder / "lib/modules" / kernel.release
    modules.mkdir(parents=True)
    for name, data in closure(
        (*recipe.card(kernel.config).modules, *recipe.modules), kernel.modules
    ):
        (modules / f"{name}.ko").write_bytes(data)
    said = run("--arch", "arm64", "--kernel", "artifacts/Image.zst", cwd=tmp_path, results=tmp_path)
    assert f"Image.zst {folder}/Image.zst" in said
