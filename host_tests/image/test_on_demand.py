# SPDX-License-Identifier: GPL-2.0-only
"""The modules that cases ask for: all they need is there, and in the order of loading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import architectures
from harness.errors import InputError
from harness.image import on_demand
from harness.kernels import modinfo


class Spoiled:
    """A kernel's modules, all with bytes that are no module."""

    def __init__(self, modules) -> None:
        self.builtin = modules.builtin

    def read(self, _name):
        return b"no module"


def built(kernel):
    return on_demand.build(architectures.load(kernel.arch), kernel)


def test_each_list_names_files_that_are_there_dependencies_first(kernel):
    files = {path.name: path for path in built(kernel)}
    lists = {name for name in files if name.endswith(".order")}
    assert lists == {f"{name}.order" for name in architectures.load(kernel.arch).modules_on_demand}
    named = set()
    for name in lists:
        loaded: set[str] = set()
        for line in files[name].read_text().splitlines():
            needed = set(modinfo.parse(files[line].read_bytes()).depends) - kernel.modules.builtin()
            assert needed <= loaded
            loaded.add(line.removesuffix(".ko"))
        named |= {f"{module}.ko" for module in loaded}
    assert named == files.keys() - lists


def test_what_the_recipe_asks_for_is_among_them(x86_64):
    assert {"swap.order", "disk.order", "brd.ko", "ext4.ko"} <= {p.name for p in built(x86_64)}


def test_the_same_modules_are_the_same_files(x86_64):
    files = built(x86_64)
    assert files == sorted(files)
    assert files == built(replace(x86_64, origin="elsewhere"))


def test_a_kernel_without_modules_has_empty_lists(x86_64):
    files = built(replace(x86_64, modules=None))
    assert [(path.name, path.read_bytes()) for path in files] == [
        ("disk.order", b""),
        ("swap.order", b""),
    ]


def test_a_damaged_module_is_bad_input(x86_64):
    with pytest.raises(InputError, match="not a kernel module"):
        built(replace(x86_64, modules=Spoiled(x86_64.modules)))
