# SPDX-License-Identifier: GPL-2.0-only
"""The guest's own program is built, and is part of what an image is made from."""

from __future__ import annotations

import shutil
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from harness import architectures
from harness.errors import HostError
from harness.host.compiler import BuildError
from harness.image import native

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64", "i386": "EM_386", "armhf": "EM_ARM"}


def build(recipe) -> bytes:
    try:
        return native.build(recipe)
    except HostError as error:
        pytest.skip(str(error))


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of the program's sources to change, and a cache of its own."""
    shutil.copytree(architectures.IMAGES / "init", tmp_path / "init")
    monkeypatch.setattr(native, "IMAGES", tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "init"


@pytest.fixture
def cache(sources):
    return sources.parent / "cache" / "native"


def test_it_is_static_and_for_its_architecture(recipe):
    program = build(recipe)
    elf = ELFFile(BytesIO(program))
    assert elf["e_machine"] == MACHINES[recipe.arch]
    assert not any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
    assert len(program) < 1 << 20


def test_the_same_source_gives_the_same_bytes(cache):
    recipe = architectures.load("x86_64")
    first = build(recipe)
    shutil.rmtree(cache)
    assert build(recipe) == first


@pytest.mark.parametrize("file", ["boot.c", "console.c", "serve.c", "init.h"])
def test_it_is_built_again_only_when_a_source_changed(sources, cache, file):
    recipe = architectures.load("x86_64")
    build(recipe)
    [built] = [path for path in cache.iterdir() if path.suffix != ".lock"]
    built.write_bytes(b"kept")
    assert build(recipe) == b"kept"
    source = sources / file
    source.write_text(source.read_text() + "/* changed */\n")
    assert build(recipe).startswith(b"\x7fELF")


def test_one_that_does_not_compile_leaves_nothing(sources, cache):
    (sources / "main.c").write_text("int main(void) { return x; }\n")
    with pytest.raises(BuildError, match="init does not compile for x86_64") as caught:
        build(architectures.load("x86_64"))
    assert "init/main.c:1" in str(caught.value)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
