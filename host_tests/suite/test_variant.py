# SPDX-License-Identifier: GPL-2.0-only
"""What a case runs on: kinds of memory and sizes of huge pages."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.suite.variant import MEMORY_KINDS, Variant, variant, variants


@pytest.mark.parametrize(
    ("word", "kind", "pages", "task"),
    [
        ("", "", "", "native"),
        ("anon", "anon", "", "native"),
        ("hugetlb-private", "hugetlb-private", "", "native"),
        ("hugetlb-private-64K", "hugetlb-private", "64K", "native"),
        ("hugetlb-shared-1G", "hugetlb-shared", "1G", "native"),
        ("compat", "", "", "compat"),
        ("shmem-shared-compat", "shmem-shared", "", "compat"),
    ],
)
def test_word(word, kind, pages, task):
    assert variant(word) == Variant(kind, pages, task)
    assert variant(word).memory == word.removesuffix("compat").removesuffix("-")


def test_known_are_all_kinds_and_sizes_of_huge_pages():
    assert all(variant(kind).known for kind in MEMORY_KINDS)
    assert variant("hugetlb-shared-32M").known
    unknown = ["", "floppy", "shmem-shared-64K", "anon-1G", "hugetlb-shared-2M", "hugetlb-64K"]
    unknown += ["compat", "anon-compat"]
    assert [word for word in unknown if variant(word).known] == []


WORDS = ("hugetlb-shared", "shmem-shared", "hugetlb-shared-64K", "hugetlb-shared-1G")


@pytest.mark.parametrize(
    ("arch", "memory", "runs"),
    [
        ("x86_64", (), ("",)),
        ("x86_64", WORDS, ("hugetlb-shared", "shmem-shared", "hugetlb-shared-1G")),
        # Also where this kernel may have other pages: then it is skipped, and says so.
        ("arm64", WORDS, WORDS),
        ("armhf", WORDS, ("hugetlb-shared", "shmem-shared")),
        # It must show.
        ("armhf", ("hugetlb-shared-1G",), ("hugetlb-shared-1G",)),
    ],
)
def test_sizes_that_an_architecture_lacks_make_no_case(arch, memory, runs):
    assert variants(memory, architectures.load(arch), compat=False) == runs


@pytest.mark.parametrize(
    ("arch", "memory", "added"),
    [
        ("x86_64", (), ("compat",)),
        ("x86_64", WORDS, ("hugetlb-shared-compat", "shmem-shared-compat")),
        ("arm64", MEMORY_KINDS, ("hugetlb-shared-compat", "shmem-shared-compat", "anon-compat")),
        ("arm64", ("hugetlb-private", "hugetlb-private-64K"), ("hugetlb-private-compat",)),
        # There the kernel is as wide as its tasks.
        ("i386", WORDS, ()),
        ("armhf", (), ()),
    ],
)
def test_compat_tasks_get_the_first_of_each_family(arch, memory, added):
    recipe = architectures.load(arch)
    native = variants(memory, recipe, compat=False)
    assert variants(memory, recipe, compat=True) == native + added
