# SPDX-License-Identifier: GPL-2.0-only
"""The one error of all decompressors."""

from __future__ import annotations


class DamagedError(Exception):
    """The data ends too early, does not decompress, or unpacks to too much.

    The message starts with "its" and the method: the caller says of what.
    """
