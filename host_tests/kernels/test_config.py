# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import gzip

import pytest
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


KNOWN = config.parse('CONFIG_Y=y\nCONFIG_M=m\n# CONFIG_N is not set\nCONFIG_S=""\nCONFIG_NR=0\n')
PART = config.UNKNOWN.knowing({"CONFIG_Y": "y", "CONFIG_N": "n"})


@pytest.mark.parametrize(
    ("known", "symbol", "value", "is_set"),
    [
        (KNOWN, "CONFIG_Y", "y", True),
        (KNOWN, "CONFIG_M", "m", True),
        (KNOWN, "CONFIG_N", "n", False),
        (KNOWN, "CONFIG_S", "", False),
        (KNOWN, "CONFIG_NR", "0", True),
        (KNOWN, "CONFIG_ABSENT", "n", False),
        (PART, "CONFIG_Y", "y", True),
        (PART, "CONFIG_N", "n", False),
        (PART, "CONFIG_ABSENT", None, None),
        (config.UNKNOWN, "CONFIG_Y", None, None),
    ],
)
def test_what_is_set(known, symbol, value, is_set):
    assert known.value(symbol) == value
    assert known.has(symbol) is is_set
    assert known.fits(f"{symbol}=y") is is_set
    assert known.fits(f"{symbol}=n") is (None if is_set is None else not is_set)
    assert known.fits(None) is True


def test_what_is_known_already_stands():
    more = {"CONFIG_M": "y", "CONFIG_NEW": "y"}
    assert KNOWN.knowing(more).value("CONFIG_M") == "m"
    assert KNOWN.knowing(more).value("CONFIG_NEW") == "y"
    assert not config.UNKNOWN.whole
    assert not PART.whole
    assert KNOWN.whole


def test_the_version_in_the_header():
    assert config.version_of(TEXT) == "6.1.176"
    assert config.version_of("# Linux/arm64 7.3.0-rc7 Kernel Configuration\n") == "7.3.0-rc7"
    assert config.version_of("CONFIG_X=y\n") is None
