# SPDX-License-Identifier: GPL-2.0-only
"""What a guest shows of its kernel's configuration is what the configuration says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import architectures
from harness.errors import HostError
from harness.guest import config_probe
from harness.guest.guest import FOLDER
from harness.host.clock import Clock
from harness.kernels.config import Config
from harness.run.plan import prepare
from harness.run.runner import Runner
from harness.run.settings import Settings


@pytest.mark.parametrize("arch", architectures.names())
def test_a_guest_agrees_with_the_configuration(arch, tmp_path):
    try:
        plan = prepare(Settings(arch, accelerator="tcg"))
    except HostError as error:
        pytest.skip(str(error))
    known = plan.kernel.config
    drivers = {symbol: known[symbol] for symbol in plan.recipe.drivers.values() if symbol in known}
    # What the modules tell, too (harness.image.preflight); the card follows from it.
    part = Config(drivers, whole=False)
    unknown = replace(plan, kernel=replace(plan.kernel, config=part))
    with Runner(unknown, tmp_path, Clock(), "t") as runner:
        guest, probes = runner.fleet.get("contract"), runner.contract.probes
        found = config_probe.ask(guest, f"{FOLDER}/api", probes, part, plan.scale)
    # Of pages of 4 KiB, which are no option elsewhere, only arm64's rows ask.
    asked = set(found) - (set() if arch == "arm64" else {"CONFIG_ARM64_4K_PAGES"})
    assert {s: found.has(s) for s in asked} == {s: known.has(s) for s in asked}
    unseen = set(probes) - set(found)
    # Userfaultfd is no witness against itself.
    assert unseen <= {"CONFIG_PTE_MARKER_UFFD_WP"}
    assert not unseen or not known.has("CONFIG_PTE_MARKER_UFFD_WP")
