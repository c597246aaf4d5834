# SPDX-License-Identifier: GPL-2.0-only
"""What tests that boot real VMs share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.guest.keys import Keys
from harness.guest.ready import GuestContents, GuestFactory
from harness.host.clock import Clock
from harness.machine.evidence import EvidenceLog
from harness.run.plan import prepare
from harness.run.settings import Settings

# importlib mode leaves sys.path alone: this lets the tests import running and trouble.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def plan():
    """Debian's current x86_64 kernel under TCG; TIMEOUT_SCALE is for a machine that is busy."""
    scale = float(os.environ.get("TIMEOUT_SCALE", "1"))
    return prepare(Settings("x86_64", accelerator="tcg", timeout_scale=scale))


@pytest.fixture(scope="session")
def keys():
    return Keys()


@pytest.fixture
def evidence(tmp_path):
    log = EvidenceLog(tmp_path, Clock(), "vm")
    yield log
    log.close()


@pytest.fixture(scope="session")
def nursery(plan, keys):
    """Gives clones of a saved x86_64 VM with the programs."""
    contents = GuestContents(plan.kernel.sha256, plan.image.sha256, plan.pushed)
    return GuestFactory(contents, keys, plan.scale)


@pytest.fixture(scope="module")
def guest(plan, nursery, keys, tmp_path_factory):
    """A guest that several tests use: they leave it as it was."""
    log = EvidenceLog(tmp_path_factory.mktemp("guest"), Clock(), "shared")
    with nursery.ready(plan.boot("contract", keys), log) as ready:
        yield ready
    log.close()
