# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness kernel``: what is known of a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import architectures
from harness.kernels.find import find

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    """Find the kernel that ``options`` name and print what is known of it; return 0."""
    kernel = find(options.kernel, architectures.load(options.arch))
    print(f"release: {kernel.release}\nversion: {kernel.version}\norigin:  {kernel.origin}")
    print(f"image:   {kernel.image}\nsha256:  {kernel.sha256}")
    print(f"config:  {'known' if kernel.config is not None else 'not known'}")
    return 0
