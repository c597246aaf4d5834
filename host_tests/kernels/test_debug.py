# SPDX-License-Identifier: GPL-2.0-only
"""Debug kernels are named, their fragments put together; nothing is built here."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels import debug
from harness.kernels.find import find
from harness.matrix import cells

X86_64 = architectures.load("x86_64")


def test_every_fragment_is_a_kernel():
    assert debug.names() == ["kasan", "kcsan", "kmemleak", "locking", "rt"]


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        ("locking", "CONFIG_PROVE_LOCKING=y", "CONFIG_KASAN=y"),
        ("kasan", "CONFIG_PAGE_OWNER=y", "CONFIG_PROVE_LOCKING=y"),
        ("locking+kasan", "CONFIG_KASAN=y", "CONFIG_PREEMPT_VOLUNTARY=y"),
        ("rt", "CONFIG_PREEMPT_RT=y", "CONFIG_PREEMPT=y"),
    ],
)
def test_a_kernel_is_the_small_one_and_its_fragments(name, has, has_not):
    lines = debug.fragment(name, X86_64).splitlines()
    assert {has, "CONFIG_USERFAULTFD=y", "CONFIG_IA32_EMULATION=y"} <= set(lines)
    assert has_not not in lines
    assert 'CONFIG_LOCALVERSION="-debug"' in lines


def test_each_symbol_is_there_once():
    for name in debug.names():
        symbols = [
            line.removeprefix("# ").replace(" ", "=").partition("=")[0]
            for line in debug.fragment(name, X86_64).splitlines()
        ]
        assert len(symbols) == len(set(symbols))


@pytest.mark.parametrize("spec", ["debug:", "debug:nothing", "debug:kasan+nothing", "debug:a:b:c"])
def test_what_is_not_understood(spec):
    with pytest.raises(InputError, match=r"expected debug:NAME.*kasan, kcsan, kmemleak, locking"):
        find(spec, X86_64)


def test_an_architecture_without_a_small_kernel():
    with pytest.raises(InputError, match="no debug kernels for arm64: expected i386, x86_64"):
        find("debug:kasan", architectures.load("arm64"))


def test_make_debug_names_kernels_that_there_are():
    every = cells.load(cells.CELLS.with_name("debug.toml"))
    for cell in every:
        name = cell.kernel.split(":")[1]
        assert debug.fragment(name, architectures.load(cell.arch))
    assert {name for cell in every for name in cell.kernel.split(":")[1].split("+")} == set(
        debug.names()
    )
    assert cells.choose(every, "short")
    assert cells.choose(every, "newest")
