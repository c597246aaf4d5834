# SPDX-License-Identifier: GPL-2.0-only
"""The kernel that mutants are made in has a fragment and a folder for each architecture."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.errors import InputError
from harness.selftest.mutation.build import build_of


def test_each_architecture_has_its_fragment_and_folder(tree):
    i386 = build_of(tree, architectures.load("i386"))
    assert "CONFIG_X86_PAE=y" in i386.fragment
    assert "CONFIG_X86_PAE=y" not in build_of(tree, architectures.load("x86_64")).fragment
    assert i386.folder == tree.folder / "i386"


def test_others_cannot_be_built(tree):
    with pytest.raises(InputError, match="no mutant of arm64 can be built"):
        build_of(tree, architectures.load("arm64"))
