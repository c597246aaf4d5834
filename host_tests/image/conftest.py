# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of images share: a reader of archives, and the real kernels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import architectures
from harness.kernels.find import find

if TYPE_CHECKING:
    from harness.kernels.kernel import Kernel

# importlib mode leaves sys.path alone: this lets the tests import newc.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", params=["x86_64", "arm64"])
def kernel(request) -> Kernel:
    """Debian's kernels, one with virtio as modules and one with some of it built in."""
    return find("debian:bookworm", architectures.load(request.param))


@pytest.fixture(scope="session")
def x86_64() -> Kernel:
    return find("debian:bookworm", architectures.load("x86_64"))


@pytest.fixture(scope="session", params=architectures.names())
def recipe(request) -> architectures.Recipe:
    return architectures.load(request.param)


@pytest.fixture(scope="session")
def arm64() -> Kernel:
    return find("debian:bookworm", architectures.load("arm64"))
