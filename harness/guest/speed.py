# SPDX-License-Identifier: GPL-2.0-only
"""How slow a kernel is: one that checks itself takes several times as long for the same work.

The guest measures what some work of the kernel costs (images/init/speed.c), in units of what a
program does meanwhile; a stock kernel's cost is an accelerator's ``kernel_cost``.  How fast the
host is, and how busy, is in neither.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.guest.console import tell

if TYPE_CHECKING:
    from harness.machine.vm import VM

log = logging.getLogger("harness")

# Stock kernels differ by less from each other: their time limits stay as they are.
_NOTICEABLE = 1.5
# A hang must not go unnoticed for longer than this, times the usual limits.
_MOST = 8.0


def slowness_of(vm: VM, scale: float) -> float:
    """Return the factor on time limits that the kernel of a ready ``vm`` needs, from 1 to 8.

    1 for a stock kernel, and where nobody has measured what one costs.  ``scale`` multiplies the
    time limit of measuring.  Raises HostError when the guest does not answer.
    """
    usual = vm.boot.accelerator.kernel_cost
    if usual is None:
        return 1.0
    cost = cost_in(tell(vm, "measure {}", "measured", scale))
    found = factor(cost, usual)
    log.info(
        "%s: the kernel's work costs %.1f of a program's, a stock kernel's %.1f: time limits times "
        "%.1f", vm.log.vm, cost, usual, found,
    )  # fmt: skip
    return found


def cost_in(said: str) -> float:
    """Return what the kernel's work costs: ``said`` has its nanoseconds and a program's.

    Raises HostError when it has not.
    """
    words = said.split()
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        raise HostError(f"the guest measured its kernel, and says {said!r}: expected two numbers")
    return int(words[0]) / int(words[1])


def factor(cost: float, usual: float) -> float:
    """Return the factor on time limits for a kernel whose work costs ``cost``, not ``usual``."""
    times = cost / usual
    return 1.0 if times < _NOTICEABLE else round(min(times, _MOST), 1)
