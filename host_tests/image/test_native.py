# SPDX-License-Identifier: GPL-2.0-only
"""The guest's own programs are built, and are part of what an image is made from."""

from __future__ import annotations

import shutil
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from harness import recipes
from harness.compiler import BuildError
from harness.errors import HostError
from harness.image import native

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64", "i386": "EM_386", "armhf": "EM_ARM"}


def build(recipe, name) -> bytes:
    try:
        return native.build(recipe, name)
    except HostError as error:
        pytest.skip(str(error))


@pytest.fixture(params=native.PATHS)
def name(request):
    return request.param


@pytest.fixture
def source(tmp_path, monkeypatch, name):
    """A copy of the program's source to change, and a cache of its own."""
    shutil.copy(recipes.IMAGES / f"{name}.c", tmp_path)
    monkeypatch.setattr(native, "IMAGES", tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / f"{name}.c"


def test_it_is_static_and_for_its_architecture(recipe, name):
    program = build(recipe, name)
    elf = ELFFile(BytesIO(program))
    assert elf["e_machine"] == MACHINES[recipe.arch]
    assert not any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
    assert len(program) < 1 << 20


def test_the_same_source_gives_the_same_bytes(source, name):
    recipe = recipes.load("x86_64")
    first = build(recipe, name)
    shutil.rmtree(source.parent / "cache")
    assert build(recipe, name) == first


def test_it_is_built_again_only_when_its_source_changed(source, name):
    recipe = recipes.load("x86_64")
    first = build(recipe, name)
    [built] = [p for p in (source.parent / "cache" / "native").iterdir() if p.suffix != ".lock"]
    built.write_bytes(b"kept")
    assert build(recipe, name) == b"kept"
    source.write_text(source.read_text().replace("/dev/kmsg", "/dev/other"))
    changed = build(recipe, name)
    assert changed not in {first, b"kept"}


def test_one_that_does_not_compile_leaves_nothing(source, name):
    source.write_text("int main(void) { return x; }\n")
    with pytest.raises(BuildError, match=rf"{name}\.c does not compile for x86_64"):
        build(recipes.load("x86_64"), name)
    left = (source.parent / "cache" / "native").iterdir()
    assert [p.suffix for p in left] == [".lock"]
