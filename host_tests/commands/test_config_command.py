# SPDX-License-Identifier: GPL-2.0-only
"""What ``harness config`` prints, and its exit code."""

from __future__ import annotations

import shutil

import pytest

from harness import architectures, options
from harness.commands import config as command
from harness.errors import InputError
from harness.kernels import config
from harness.kernels.find import find


@pytest.fixture
def debian():
    return find("debian:bookworm", architectures.load("x86_64"))


def say(capsys, *arguments):
    chosen = options.parser().parse_args(["config", "x86_64", *map(str, arguments)])
    code = command.main(chosen)
    return code, capsys.readouterr().out


def test_all_that_is_asked_for(capsys):
    code, said = say(capsys)
    assert code == 0
    assert "without it no case can be run:\n  CONFIG_USERFAULTFD " in said
    assert "  CONFIG_VIRTIO_NET " in said
    assert "the network, or as a module\n" in said
    assert said.count("\n  CONFIG_KSM ") == 1
    [ksm] = [line.split() for line in said.splitlines() if "CONFIG_KSM" in line]
    assert ksm == ["CONFIG_KSM", "1", "case", "INT-31"]


def test_a_fragment(capsys):
    code, said = say(capsys, "--fragment")
    assert code == 0
    assert said.startswith("#")
    found = config.parse(said)
    assert found.value("CONFIG_USERFAULTFD") == "y"
    assert found.value("CONFIG_SLUB_TINY") == "n"


def test_a_kernel_that_lacks_nothing(capsys):
    code, said = say(capsys, "--check", "debian:bookworm")
    assert code == 0
    assert said.startswith("debian:bookworm has all of the ")


def test_a_config_that_lacks_something(capsys, debian, tmp_path):
    text = (debian.image.parent / "config").read_text()
    text = text.replace("CONFIG_KSM=y", "").replace("CONFIG_DEVTMPFS=y", "CONFIG_DEVTMPFS=n")
    (tmp_path / ".config").write_text(text)
    code, said = say(capsys, "--check", tmp_path / ".config")
    assert code == 125
    lines = [line.split() for line in said.splitlines() if line.startswith("  CONFIG_")]
    assert lines == [["CONFIG_DEVTMPFS", "/dev"], ["CONFIG_KSM", "1", "case", "INT-31"]]
    code, said = say(capsys, "--check", tmp_path / ".config", "--fragment")
    assert code == 125
    assert {"CONFIG_DEVTMPFS=y", "CONFIG_KSM=y"} <= set(said.splitlines())


def test_a_kernel_without_a_configuration(capsys, debian, tmp_path):
    shutil.copyfile(debian.image, tmp_path / "bzImage")
    with pytest.raises(InputError, match=r"configuration of .* is not known: .*; name a \.config"):
        say(capsys, "--check", tmp_path / "bzImage")
    with pytest.raises(InputError, match="there is no"):
        say(capsys, "--check", tmp_path / "nothing")
