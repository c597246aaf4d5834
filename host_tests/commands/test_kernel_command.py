# SPDX-License-Identifier: GPL-2.0-only
"""What ``harness kernel`` says of kernels that a run stumbles over, and its exit code."""

from __future__ import annotations

import shutil

import pytest

from harness import architectures, options
from harness.commands import kernel as command
from harness.kernels.find import find


@pytest.fixture
def debian():
    return find("debian:bookworm", architectures.load("x86_64"))


def say(capsys, *arguments):
    """The exit code of the command, and its output on one line."""
    chosen = options.parser().parse_args(["kernel", "--arch", "x86_64", *map(str, arguments)])
    code = command.main(chosen)
    return code, " ".join(capsys.readouterr().out.split())


def test_a_stock_kernel(capsys, debian):
    code, said = say(capsys)
    assert code == 0
    assert f"release: {debian.release}" in said
    assert "these fit the image" in said
    assert "lacks" not in said


def test_a_bare_image(capsys, debian, tmp_path):
    image = tmp_path / "bzImage"
    shutil.copyfile(debian.image, image)
    code, said = say(capsys, "--kernel", image)
    assert code == 125
    assert "config: not known" in said
    assert "modules: none were found" in said
    assert "problem: it has no network" in said
    assert "verdict: cannot be tested" in said


def test_what_a_kernel_lacks_and_what_it_costs(capsys, debian, tmp_path):
    shutil.copyfile(debian.image, tmp_path / "bzImage")
    text = (debian.image.parent / "config").read_text()
    text = text.replace("CONFIG_KSM=y", "# CONFIG_KSM is not set")
    (tmp_path / "config").write_text(text)
    folder = tmp_path / "lib" / "modules" / debian.release
    folder.mkdir(parents=True)
    for path in (debian.image.parent / "modules").glob("*.ko"):
        if path.name != "brd.ko":
            shutil.copyfile(path, folder / path.name)
    code, said = say(capsys, "--kernel", tmp_path / "bzImage")
    assert code == 0
    assert "lacks: CONFIG_KSM: 1 case will be skipped" in said
    assert "no brd.ko: make modules: 13 cases cannot be tested (MISS)" in said
    (folder / "virtio_net.ko").write_bytes(b"\x7fELF")
    code, said = say(capsys, "--kernel", tmp_path / "bzImage")
    assert code == 125
    assert "problem: virtio_net.ko: not a kernel module" in said
