# SPDX-License-Identifier: GPL-2.0-only
"""What a case runs on and as, in one word: ``hugetlb-shared-64K``, ``shmem-shared-compat``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.architectures import Recipe

MEMORY_KINDS = ("hugetlb-shared", "hugetlb-private", "shmem-shared", "shmem-private", "anon")
# Sizes of huge pages that a case can name, as hugepagesz= spells them; 2M is the one that it
# gets without (4M on i386 without PAE).
PAGE_SIZES = ("64K", "32M", "1G")
# A compat task is a 32-bit one on a 64-bit kernel, a native one any other.
TASKS = ("native", "compat")


@dataclass(frozen=True)
class Variant:
    """One of the ways in which a case is run."""

    # One of MEMORY_KINDS, or "": the case makes its own memory, or needs none.
    kind: str = ""
    # One of PAGE_SIZES, or "": hugetlb memory has the kernel's first size (harness.architectures).
    pages: str = ""
    # One of TASKS.
    task: str = "native"

    @property
    def known(self) -> bool:
        """Return True if a case may ask for it; who is run as a compat task is not its business."""
        sized = self.pages in PAGE_SIZES and self.kind.startswith("hugetlb-")
        return self.kind in MEMORY_KINDS and self.task == "native" and (not self.pages or sized)

    @property
    def memory(self) -> str:
        """The word for the memory alone."""
        return f"{self.kind}-{self.pages}" if self.pages else self.kind


def variants(memory: Sequence[str], recipe: Recipe, *, compat: bool) -> tuple[str, ...]:
    """Return what a case with ``memory`` is run on, on kernels of ``recipe``.

    That is each word of it, but for sizes of huge pages that no such kernel has; all of them
    when nothing else is left, so that the case shows; "" when there are none.

    ``compat`` says whether it is run as a compat task, too.  That is on the first kind of
    hugetlb memory and the first of shmem alone: the task makes no difference to the rest.
    """
    sizes = {"", *(size for entry in recipe.hugepages for size in entry.sizes)}
    words = [word for word in memory if variant(word).pages in sizes] or list(memory) or [""]
    if compat and recipe.compat:
        usual = [word for word in words if not variant(word).pages]
        first = {word.partition("-")[0]: word for word in reversed(usual)}
        chosen = [word for word in usual if word in first.values()]
        words += [f"{word}-compat" if word else "compat" for word in chosen]
    return tuple(words)


def compat_name(program: str) -> str:
    """Return what the 32-bit build of ``program`` is called in a 64-bit guest."""
    return f"{program}.compat"


@functools.cache
def variant(word: str) -> Variant:
    """Return what ``word`` says; whether there is such memory is another question."""
    rest = word.removesuffix("compat")
    task = "native" if rest == word else "compat"
    rest = rest.removesuffix("-")
    head, _, last = rest.rpartition("-")
    return Variant(head, last, task) if last[:1].isdigit() else Variant(rest, "", task)
