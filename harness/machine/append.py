# SPDX-License-Identifier: GPL-2.0-only
"""Words of the user's on the kernel's command line, behind the harness's own.

The kernel takes the last of two words for one thing (kernel/params.c), so the user's wins; those
that the harness sees a guest by cannot be set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.architectures import Recipe

# As next_arg() in lib/cmdline.c separates them: blanks within double quotes belong to a word.
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What is kept free for the words of the harness and of a machine profile: 280 bytes at the most.
_OWN_BYTES = 512
_RESERVED = {
    "console": "its console is how a guest is watched",
    "earlycon": "its console is how a guest is watched",
    "panic": "a panic must reset the guest to be noticed",
    "init": "the guest's programs are started by the harness's own init",
    "rdinit": "the guest's programs are started by the harness's own init",
    "noinitrd": "the guest's programs are in an initramfs",
    "printk.time": "the kernel's lines are told by their stamps",
    "printk.devkmsg": "markers of the cases must not be dropped",
    "hugepages": "the machine profile has the pools of huge pages",
    "hugepagesz": "the machine profile has the pools of huge pages",
    "default_hugepagesz": "the machine profile has the pools of huge pages",
}


def words(text: str) -> list[str]:
    """Return the words of ``text``, as the kernel would separate them."""
    return _WORD.findall(text)


def check_append(text: str, recipe: Recipe) -> None:
    """Raise InputError unless ``text`` can be added to the kernel's command line.

    How long a command line can be is ``recipe.command_line_bytes``: the kernel cuts off the rest
    without a word.
    """
    if found := _CONTROL.search(text):
        raise InputError(f"--append: a command line has no {found[0]!r}: {text!r}")
    if text.count('"') % 2:
        raise InputError(f"--append: a quotation mark is never closed: {text!r}")
    for word in words(text):
        name = word.partition("=")[0].strip('"').replace("-", "_")
        if word == "--":
            raise InputError("--append: what follows -- would be init's, which takes no words")
        if why := _RESERVED.get(name):
            raise InputError(f"--append: {word} cannot be set: {why}")
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > (most := recipe.command_line_bytes - _OWN_BYTES):
        raise InputError(f"--append: {size} bytes are too long: {recipe.arch} has room for {most}")
