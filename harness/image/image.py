# SPDX-License-Identifier: GPL-2.0-only
"""An image: the file a guest boots from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Image:
    """An initramfs without keys."""

    path: Path
    # Of the file, in hex.
    sha256: str
