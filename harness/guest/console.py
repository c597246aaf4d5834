# SPDX-License-Identifier: GPL-2.0-only
"""Speak with the agent that listens on a guest's console (images/init/console.c)."""

from __future__ import annotations

import importlib
import secrets
from typing import TYPE_CHECKING

from harness.errors import HostError

if TYPE_CHECKING:
    from harness.machine.vm import VM

# On real hardware; multiplied by the accelerator's timeout_scale.
_SECONDS = 5.0


def tell(vm: VM, line: str, done: str, scale: float) -> str:
    """Give the agent ``line``, a token in the place of its "{}"; return what it says ``done`` with.

    Raises HostError when it does not, within its time times ``scale``.
    """
    token = secrets.token_hex(8)
    answer = f"{done} {token}"
    said = answered(vm, f"{line.format(token)}\n".encode(), answer, scale)
    return said.partition(answer)[2].strip()


def answered(vm: VM, line: bytes, answer: str, scale: float) -> str:
    """Give the agent ``line`` on the console and wait for it to say ``stage answer``: that line."""
    mark = vm.console.mark()
    vm.console.send(line)
    # What connected() needs: 0.1 s of imports, for which the guest need not wait.
    importlib.import_module("harness.guest.agent")
    words = (f"harness: stage {answer}", "harness: trouble:")
    seconds = _SECONDS * scale
    found = vm.console.wait_for(
        lambda text: any(word in text for word in words), since=mark, timeout=seconds
    )
    if found is None:
        end = vm.end()
        why = end.detail if end else f"no answer on its console in {seconds:.0f} s"
        raise HostError(f"the guest was not {answer.split(maxsplit=1)[0]}: {why}")
    if words[1] in found[1]:
        raise HostError(f"the guest was not {answer.split(maxsplit=1)[0]}: {found[1]}")
    return found[1]
