# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from harness.kernels import config, ikconfig

TEXT = r"""
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.176 Kernel Configuration
#
CONFIG_USERFAULTFD=y
CONFIG_VIRTIO_NET=m
# CONFIG_PVPANIC is not set
CONFIG_NR_CPUS=8192
CONFIG_LOCALVERSION=""
CONFIG_CMDLINE="a=\"b\" c=\\d"
CONFIG_PHYSICAL_START=0x1000000
"""


def test_each_kind_of_line():
    assert config.parse(TEXT) == {
        "CONFIG_USERFAULTFD": "y",
        "CONFIG_VIRTIO_NET": "m",
        "CONFIG_PVPANIC": "n",
        "CONFIG_NR_CPUS": "8192",
        "CONFIG_LOCALVERSION": "",
        "CONFIG_CMDLINE": 'a="b" c=\\d',
        "CONFIG_PHYSICAL_START": "0x1000000",
    }


@given(st.text())
def test_any_text(text):
    config.parse(text)


def test_the_config_inside_a_kernel_is_found():
    packed = b"IKCFG_ST" + gzip.compress(TEXT.encode()) + b"IKCFG_ED"
    assert ikconfig.extract(bytes(1000) + packed + bytes(1000)) == TEXT
    # scripts/extract-ikconfig meets its own markers too
    assert ikconfig.extract(b"IKCFG_ST text" + packed) == TEXT
    assert ikconfig.extract(b"IKCFG_ST\x1f\x8b\x08 damaged" + packed) == TEXT
    assert ikconfig.extract(packed[:-1]) is None
    assert ikconfig.extract(bytes(1000)) is None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_between_the_markers(inside, outside):
    ikconfig.extract(b"IKCFG_ST" + inside + b"IKCFG_ED" + outside)
