# SPDX-License-Identifier: GPL-2.0-only
"""Words of the user's for the kernel's command line: which are taken, and how they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels.config import UNKNOWN
from harness.machine.append import _OWN_BYTES, check_append, words
from harness.machine.command import Boot, kernel_command_line

X86 = architectures.load("x86_64")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  quiet \t slub_debug=FZP ", ["quiet", "slub_debug=FZP"]),
        ('dyndbg="file mm/* +p" quiet', ['dyndbg="file mm/* +p"', "quiet"]),
        ('"a b"=c', ['"a b"=c']),
        ("lsm=landlock,bpf 'x y'", ["lsm=landlock,bpf", "'x", "y'"]),
    ],
)
def test_words_as_the_kernel_reads_them(text, found):
    assert words(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "hugetlb_free_vmemmap=on", "transparent_hugepage=always", "slub_debug=FZP quiet"),
        *("kasan.fault=panic", "init_on_alloc=1", 'dyndbg="file mm/* +p"', "-x", "initcall_debug"),
        *("panic_on_warn=1", "x=console=ttyS1", "nokaslr", "page_owner=on\tquiet"),
    ],
)
def test_what_is_taken(text):
    check_append(text, X86)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quiet\nx", r"a command line has no '\\n'"),
        ("quiet\0x", r"a command line has no '\\x00'"),
        ('dyndbg="file', "a quotation mark is never closed"),
        ("quiet console=ttyS1", "console=ttyS1 cannot be set: its console is how a guest is"),
        ("earlycon", "earlycon cannot be set"),
        ("panic=0", "panic=0 cannot be set: a panic must reset"),
        ("rdinit=/bin/sh", "rdinit=/bin/sh cannot be set"),
        ("printk-time=0 printk.time=0", "printk.time=0 cannot be set"),
        ("default-hugepagesz=1G", "default-hugepagesz=1G cannot be set"),
        ('"hugepages=1"', "cannot be set"),
        ("quiet -- init words", "what follows -- would be init's"),
        ("x" * 4000, "4000 bytes are too long: x86_64 has room for 1536"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(InputError, match=f"--append: .*{message}"):
        check_append(text, X86)


@pytest.mark.parametrize("arch", architectures.names())
def test_there_is_room_for_the_harness_and_the_user(arch):
    recipe = architectures.load(arch)
    for profile in recipe.profiles.values():
        boot = Boot(
            recipe, profile, "tcg", recipe.accelerators["tcg"], recipe.card(UNKNOWN),
            Path("kernel"), Path("image"), append="x",
        )  # fmt: skip
        whole = kernel_command_line(boot)
        assert whole.endswith(" x"), "the last word counts"
        # With the blank before the user's words and the NUL.
        assert len(whole) + 1 <= _OWN_BYTES
    with pytest.raises(InputError, match="too long"):
        check_append("x" * (recipe.command_line_bytes - _OWN_BYTES + 1), recipe)
    check_append("x" * (recipe.command_line_bytes - _OWN_BYTES), recipe)
