# SPDX-License-Identifier: GPL-2.0-only
"""How slow a kernel is: one that checks itself takes several times as long for the same work.

The guest measures what some work of the kernel costs (images/init/speed.c), in units of what a
program does meanwhile; a stock kernel's cost is an accelerator's ``kernel_cost``.  How fast the
host is, and how busy, is in neither.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

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
    said = tell(vm, "measure {}", "measured", scale)
    kernel, program = map(int, said.split()[:2])
    found = factor(kernel / max(1, program), usual)
    log.info(
        "%s: the kernel's work costs %.1f times a program's, a stock kernel's %.1f: time limits "
        "times %.1f", vm.log.vm, kernel / max(1, program), usual, found,
    )  # fmt: skip
    return found


def factor(cost: float, usual: float) -> float:
    """Return the factor on time limits for a kernel whose work costs ``cost``, not ``usual``."""
    times = cost / usual
    return 1.0 if times < _NOTICEABLE else round(min(times, _MOST), 1)
