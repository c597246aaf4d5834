# SPDX-License-Identifier: GPL-2.0-only
"""What the Makefile passes on."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from harness.architectures import ROOT

TARGETS = {
    "test-x86_64": ("KERNEL", "--kernel"),
    "test-arm64": ("TESTS", "-k"),
    "shell-x86_64": ("KERNEL", "--kernel"),
    "matrix": ("TESTS", "-k"),
    "bench": ("KERNEL", "--kernel"),
    "soak": ("KERNEL", "--kernel"),
}


@pytest.mark.parametrize("value", ["don't", 'it\'s a "kernel"', "a  b", "a;b", "`x`", "a,b", "~/l"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_value_is_one_word_whatever_is_in_it(target, value):
    variable, option = TARGETS[target]
    done = subprocess.run(
        ["make", "-s", "-n", target, f"{variable}={value}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    text = done.stdout.replace("\\\n", " ").replace("\t", " ")
    line = next(line for line in text.splitlines() if f" {option} " in line)
    words = shlex.split(line)
    assert words[words.index(option) + 1] == value
