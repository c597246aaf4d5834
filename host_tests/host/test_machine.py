# SPDX-License-Identifier: GPL-2.0-only
"""What is said of the machine."""

from __future__ import annotations

import pytest

from harness.host import machine

X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) @ 2.80GHz\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("text", "model"), [(X86, "Intel(R) Xeon(R) @ 2.80GHz"), (ARM, ""), ("", "")]
)
def test_the_cpu(text, model):
    assert machine.cpu_model(text) == model


def test_the_memory():
    assert machine.memory_mib("MemTotal:       24684220 kB\nMemFree:  1 kB\n") == 24105


def test_this_machine():
    found = machine.this_host()
    assert found.cpu
    assert found.cores >= 1
    assert found.memory_mib > 100
    assert found.load >= 0
