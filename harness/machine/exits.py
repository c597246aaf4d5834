# SPDX-License-Identifier: GPL-2.0-only
"""How a virtual machine can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExitKind(StrEnum):
    """The cause of a VM's end, from QMP and the console, never from QEMU's exit code."""

    PANIC = "PANIC"  # the kernel said so: on its console, or through pvpanic
    RESET = "RESET"  # the guest reset itself without a word (triple fault, watchdog)
    POWEROFF = "POWEROFF"  # the guest shut itself down
    QEMU_DIED = "QEMU_DIED"  # QEMU went away, and neither we nor the guest asked for it
    LOST = "LOST"  # QEMU is there but nothing answers any more
    KILLED_BY_HOST = "KILLED_BY_HOST"  # we ended it


@dataclass(frozen=True)
class VmExit:
    """How one VM ended."""

    kind: ExitKind
    # For people: the event, the signal, the panic's own line.
    detail: str
