# SPDX-License-Identifier: GPL-2.0-only
"""Names for addresses, where a kernel has none to print."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.verdicts.fingerprint import fingerprint, frames_of, title_of
from harness.verdicts.splats import Kind, Splat, find
from harness.verdicts.symbols import Symbols, has_addresses

DATA = Path(__file__).with_name("data") / "symbols"
MAP = """\
0000000000000000 D per_cpu_start
ffffffff81000000 T _text
ffffffff81000100 t first
ffffffff81000180 W second
ffffffff810001c0 d data
ffffffff81000200 T third
ffffffff81000300 T _etext
"""
LINES = (
    "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "[    1.000000] RIP: 0010:0xffffffff81000123",
    "[    1.000000] RAX: ffffffff81000123 RBX: 0000000000000000",
    "[    1.000000] Call Trace:",
    "[    1.000000]  0xffffffff81000190",
    "[    1.000000]  ? 0xffffffff81000208",
    "[    1.000000]  0xffffffff81000900",
)
SPLAT = Splat(
    Kind.OOPS, "BUG: kernel NULL pointer dereference, address: 0000000000000008", LINES, 0
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF81000100, "first+0x0/0x80"),
        (0xFFFFFFFF8100017F, "first+0x7f/0x80"),
        (0xFFFFFFFF81000180, "second+0x0/0x80"),
        # What is behind the last is in none, nor what is before the first.
        (0xFFFFFFFF81000300, None),
        (0xFFFFFFFFC0000000, None),
        (0x1000, None),
    ],
)
def test_name(address, name):
    assert Symbols(MAP).name(address) == name


def test_a_splat_gets_the_names_that_kallsyms_would_have_printed():
    assert has_addresses([SPLAT])
    named = Symbols(MAP).resolve(SPLAT, LINES, moved=False)
    assert [line[15:] for line in named.lines[1:]] == [
        "RIP: 0010:first+0x23/0x80",
        "RAX: ffffffff81000123 RBX: 0000000000000000",
        "Call Trace:",
        " second+0x10/0x80",
        " ? third+0x8/0x100",
        " 0xffffffff81000900",
    ]
    assert title_of(SPLAT) != title_of(named) == "oops in first"
    assert not has_addresses([replace(named, lines=named.lines[1:6])])


def test_a_kernel_that_has_moved_is_followed_where_it_says_so():
    moved = tuple(line.replace("0xffffffff81", "0xffffffff9d") for line in LINES)
    console = (*moved, "[    1.1] Kernel Offset: 0x1c000000 from 0xffffffff81000000 (relocation)")
    splat = replace(SPLAT, lines=moved)
    named = Symbols(MAP).resolve(splat, console, moved=True)
    plain = Symbols(MAP).resolve(SPLAT, LINES, moved=False)
    assert "first+0x23/0x80" in named.lines[1]
    assert fingerprint(named) == fingerprint(plain)
    # How far it is off is not known: no names rather than wrong ones.
    assert Symbols(MAP).resolve(splat, moved, moved=True) is splat
    disabled = ("[    1.1] Kernel Offset: disabled",)
    assert "first" in Symbols(MAP).resolve(SPLAT, disabled, moved=True).lines[1]


def test_a_map_that_is_none(tmp_path):
    stub = tmp_path / "System.map"
    stub.write_text("ffffffffffffffff B The real System.map is in the linux-image-dbg package\n")
    for path in (stub, tmp_path / "none", tmp_path, None):
        assert Symbols.load(path).resolve(SPLAT, LINES, moved=False) is SPLAT


def test_a_real_panic_is_the_same_bug_with_names_and_without():
    """Debian's 6.1.176-1, moved by KASLR; its vmlinux's symbols around those of the trace.

    In panic-without-kallsyms.log addresses stand for the names, as printk has them then.
    """
    known, bare = (
        (DATA / f"{name}.log").read_text().splitlines()
        for name in ("panic", "panic-without-kallsyms")
    )
    symbols = Symbols.load(DATA / "System.map")
    [with_names], [without] = find(known), find(bare)
    assert has_addresses([without])
    assert fingerprint(without) != fingerprint(with_names)
    named = symbols.resolve(without, bare, moved=True)
    assert fingerprint(named) == fingerprint(with_names)
    assert frames_of(named) == frames_of(with_names)
    assert len(frames_of(with_names)) > 4
    # Address for address, but for the sizes of functions, which include what follows them.
    places = [
        re.findall(r"[\w.]+\+0x[0-9a-f]+(?=/)", "\n".join(splat.lines))
        for splat in (named, with_names)
    ]
    assert places[0] == places[1]
    assert len(places[0]) > 10
