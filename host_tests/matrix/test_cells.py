# SPDX-License-Identifier: GPL-2.0-only
"""The list of kernels: that it is what was promised, and how it is read and chosen from."""

import pytest

from harness import architectures
from harness.errors import InputError
from harness.matrix import cells

ONE = '[[kernel]]\nspec = "debian:sid"\narches = ["arm64"]\n'


def load(tmp_path, text):
    path = tmp_path / "cells.toml"
    path.write_text(text)
    return cells.load(path)


def test_the_matrix_has_what_was_promised():
    every = cells.load()
    kernels = {arch: [c.kernel for c in every if c.arch == arch] for arch in architectures.names()}
    for arch in ("x86_64", "arm64"):
        suites = ("bullseye", "bookworm", "trixie", "trixie-backports", "sid", "experimental")
        assert {f"debian:{suite}" for suite in suites} <= set(kernels[arch])
    assert any(kernel.endswith(":arm64-16k") for kernel in kernels["arm64"])
    for arch in ("i386", "armhf"):
        assert "debian:bookworm" in kernels[arch]
        assert len(kernels[arch]) == 2
    assert all(cell.why for cell in every)
    assert len({cell.name for cell in every}) == len(every)


def test_the_nightly_part_is_smaller_and_has_both_64_bit_architectures():
    every = cells.load()
    nightly = cells.choose(every, "nightly")
    assert len(nightly) < len(every)
    for kernel in ("debian:bookworm", "debian:trixie", "debian:sid"):
        assert {"x86_64", "arm64"} <= {cell.arch for cell in nightly if cell.kernel == kernel}


def test_a_kernel_is_a_cell_on_each_of_its_architectures(tmp_path):
    one, two = load(
        tmp_path, '[[kernel]]\nspec = "a b"\narches = ["i386", "armhf"]\nsets = ["s"]\nwhy = "w"'
    )
    assert one == cells.Cell("i386", "a b", "w", ("s",))
    assert two.arch == "armhf"
    assert two.name == "armhf-a_b"
    assert str(two) == "armhf a b"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no .*kernel.* in it"),
        ("[", "cannot read"),
        ("kernel = 1", "no .*kernel.* in it"),
        ("kernel = [1]", "expected spec, arches"),
        ('[[kernel]]\nspec = "x"', "expected spec, arches"),
        (ONE + "color = 1", "expected spec, arches"),
        (ONE.replace('"debian:sid"', "1"), "spec and why are text"),
        (ONE.replace('"debian:sid"', '""'), "spec and why are text"),
        (ONE + "why = 1", "spec and why are text"),
        (ONE + 'sets = "s"', "lists of text"),
        (ONE.replace('["arm64"]', "[]"), "lists of text"),
        (ONE.replace('["arm64"]', "[64]"), "lists of text"),
        (ONE.replace("arm64", "mips"), "arch 'mips': expected arm64, armhf, i386, x86_64"),
        (ONE + ONE, "arm64 debian:sid is in it twice"),
    ],
)
def test_malformed_data_is_named(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        load(tmp_path, text)
    assert "cells.toml" in str(caught.value)


def test_no_file():
    with pytest.raises(InputError, match=r"cannot read .*nothing"):
        cells.load(cells.CELLS.with_name("nothing"))


EVERY = [
    cells.Cell("x86_64", "old", sets=("small",)),
    cells.Cell("arm64", "old"),
    cells.Cell("x86_64", "new"),
]


def test_choosing():
    assert cells.choose(EVERY) == EVERY
    assert cells.choose(EVERY, "small") == EVERY[:1]
    assert cells.choose(EVERY, arches=["arm64"]) == EVERY[1:2]
    assert cells.choose(EVERY, kernels=["old"]) == EVERY[:2]
    assert cells.choose(EVERY, "all", ["x86_64"], ["old", "new"]) == [EVERY[0], EVERY[2]]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (("big",), "no set 'big': expected all, small"),
        (("all", ["mips"]), "no architecture 'mips': expected arm64, x86_64"),
        (("all", [], ["old", "odd"]), "no kernel 'odd': expected new, old"),
        (("all", ["arm64"], ["new"]), "no cell of that set, architecture and kernel at once"),
    ],
)
def test_choosing_what_is_not_there(wanted, says):
    with pytest.raises(InputError, match=says):
        cells.choose(EVERY, *wanted)
