# SPDX-License-Identifier: GPL-2.0-only
"""The options of ``python -m harness soak``; apart from the rest, which takes time to import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.plan import DEFAULT_KERNEL

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def soak_options(parser: argparse.ArgumentParser, arches: str, count: Callable[[str], int]) -> None:
    """Add the options that are only this command's; ``count`` reads a number."""
    parser.description = (
        "Run a case again and again, in runs as users start them, and meet it with trouble at a "
        "random moment: crashes, hangs, stopped programs, a killed QEMU. Each must come to its "
        "verdict, no case may be lost or run twice, and nothing may be left behind."
    )
    parser.add_argument(
        "--arch", default="x86_64,arm64", metavar="A,A", help=f"some of {arches} (default: 64 bit)"
    )
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, metavar="K", help="one of Debian's")
    parser.add_argument(
        "--starts", type=count, default=200, metavar="N", help="cases that meet trouble (200)"
    )
    parser.add_argument(
        "--seed",
        type=count,
        metavar="N",
        help="draw the same again; what a campaign with it has done already stays "
        "(default: a new one)",
    )
    parser.add_argument("--kinds", default="", metavar="K,K", help="only these kinds of trouble")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results/soak"),
        metavar="DIR",
        help="where seed-N is made (default: results/soak)",
    )
