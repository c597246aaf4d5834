# SPDX-License-Identifier: GPL-2.0-only
"""Dependencies and load order, on the modules of Debian's kernels."""

from __future__ import annotations

import contextlib
import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import architectures
from harness.errors import InputError
from harness.image.modules import closure
from harness.kernels import modinfo
from harness.kernels.find import find


def says(module: bytes) -> list[str]:
    """The dependencies of a module, from its bytes: an independent, cruder reader."""
    [field] = re.findall(rb"\0depends=([^\0]*)\0", module)
    return [name.replace("-", "_") for name in field.decode().split(",") if name]


def dependencies(module: bytes) -> list[str]:
    return list(modinfo.parse(module).depends)


class Module(bytes):
    """A module that is not printed when a test fails."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@pytest.fixture(scope="module")
def virtio_net() -> bytes:
    kernel = find("debian:bookworm", architectures.load("x86_64"))
    return Module(kernel.modules.read("virtio_net"))


class Few:
    """Modules that depend on each other as told; files of a real kernel made to fit."""

    def __init__(self, template: bytes, needs: dict[str, list[str]], builtin=()) -> None:
        self._template, self._needs, self._builtin = template, needs, builtin

    def builtin(self):
        return frozenset(self._builtin)

    def read(self, name):
        if name not in self._needs:
            return None
        # virtio_net's own field, overwritten within its length.
        field = b"depends=" + ",".join(self._needs[name]).encode()
        old = re.search(rb"depends=[^\0]*", self._template)[0]
        assert len(field) <= len(old)
        return self._template.replace(old, field.ljust(len(old), b"\0"))


def test_dependencies_are_what_the_file_says(kernel):
    for _, module in closure(["virtio_pci", "virtio_net"], kernel.modules):
        assert dependencies(module) == says(module)
    assert "net_failover" in dependencies(kernel.modules.read("virtio_net"))
    assert dependencies(kernel.modules.read("failover")) == []


def test_dependencies_come_first_and_all_of_them_come(kernel):
    wanted = architectures.load(kernel.arch).modules
    found = closure(wanted, kernel.modules)
    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    builtin = kernel.modules.builtin()
    assert set(wanted) <= set(names) | builtin
    assert not set(names) & builtin
    for position, (name, data) in enumerate(found):
        assert data == kernel.modules.read(name)
        assert set(dependencies(data)) - builtin <= set(names[:position])


def test_what_is_built_in_is_left_out():
    # arm64 has virtio itself built in, and the modules for its devices depend on it.
    kernel = find("debian:bookworm", architectures.load("arm64"))
    assert "virtio" in kernel.modules.builtin()
    assert closure(["virtio", "virtio_ring"], kernel.modules) == []


def test_what_the_kernel_does_not_have_is_left_out(kernel):
    names = [name for name, _ in closure(["no_such_module", "failover"], kernel.modules)]
    assert names == ["failover"]
    assert closure(["failover"], None) == []


def test_the_order_of_a_diamond(virtio_net):
    few = Few(virtio_net, {"top": ["l", "r"], "l": ["b"], "r": ["b"], "b": []})
    assert [name for name, _ in closure(["top", "b"], few)] == ["b", "l", "r", "top"]


def test_of_a_diamond_with_a_part_built_in(virtio_net):
    few = Few(virtio_net, {"top": ["l", "r"], "l": ["b"], "r": ["b"], "b": []}, builtin=["l"])
    assert [name for name, _ in closure(["top"], few)] == ["b", "r", "top"]


def test_dashes_are_underscores(virtio_net):
    few = Few(virtio_net, {"top": ["a-b"], "a_b": []})
    assert [name for name, _ in closure(["top"], few)] == ["a_b", "top"]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"hello", b"#!/bin/sh\n", b"\0" * 4096])
def test_what_is_not_elf_is_refused(data):
    with pytest.raises(InputError, match="not a kernel module"):
        dependencies(data)


@settings(deadline=None)
@given(part=st.floats(0, 1))
def test_a_module_that_was_cut_is_refused(virtio_net, part):
    # What follows the table of sections is the signature, which nobody reads here.
    table, count = struct.unpack_from("<Q", virtio_net, 0x28), virtio_net[0x3C]
    end = table[0] + 64 * count
    with pytest.raises(InputError, match="not a kernel module"):
        dependencies(virtio_net[: int((end - 1) * part)])


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_a_module_that_is_damaged_is_no_crash(virtio_net, data):
    damaged = bytearray(virtio_net)
    # The ELF header, and the table of sections it points to.
    table = int.from_bytes(virtio_net[0x28:0x30], "little")
    for _ in range(data.draw(st.integers(1, 8))):
        start, length = data.draw(st.sampled_from([(4, 60), (table, len(virtio_net) - table)]))
        damaged[start + data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        assert isinstance(dependencies(bytes(damaged)), list)
