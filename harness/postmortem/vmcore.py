# SPDX-License-Identifier: GPL-2.0-only
"""A dump of a guest's memory, for crash(8) and drgn."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import time
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.postmortem.kdump import Unflatten, name_system

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machine.vm import VM

# Bytes.  QEMU leaves out pages of zeros and compresses the others: 60 MB of a guest's 1 GiB.
MOST_BYTES = 512 << 20
# That much of the disk is left to others.
_SPARE_BYTES = 2 << 30
# What a pipe can hold at most without privileges (/proc/sys/fs/pipe-max-size).
_CHUNK = 1 << 20
# For QEMU to say how it went, once it has closed the pipe.
_REPORT_SECONDS = 5.0
_POLL_SECONDS = 0.01


def dump(vm: VM, path: Path, seconds: float, most_bytes: int = MOST_BYTES) -> str:
    """Write the memory of ``vm``, which must be stopped, to ``path``.

    Returns "", or why there is no dump: none is left then.  One that takes longer than
    ``seconds`` or would be larger than ``most_bytes`` ends with QEMU, which is killed.
    """
    why = "it was interrupted"
    try:
        free = shutil.disk_usage(path.parent).free
        if free < most_bytes + _SPARE_BYTES:
            why = f"only {free >> 20} MiB of disk are free"
            return why
        why = _dump(vm, path, most_bytes, time.monotonic() + seconds)
    except (HostError, OSError, ValueError) as error:
        why = str(error)
    finally:
        if why:
            with contextlib.suppress(OSError):
                path.unlink()
    return why


def _dump(vm: VM, path: Path, most_bytes: int, deadline: float) -> str:
    read, write = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _CHUNK)
    with os.fdopen(read, "rb", buffering=0) as pipe, path.open("w+b") as file:
        try:
            vm.qmp.give_fd("vmcore", write)
        finally:
            os.close(write)
        arguments = {"paging": False, "protocol": "fd:vmcore", "format": "kdump-zlib"}
        vm.qmp.execute("dump-guest-memory", {**arguments, "detach": True})
        parts = Unflatten(file)
        while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if not (data := pipe.read(_CHUNK)):
                break
            parts.feed(data)
            if file.tell() > most_bytes:
                vm.kill()
                return f"it would be larger than {most_bytes >> 20} MiB"
        else:
            vm.kill()
            return "it took too long"
        if not parts.complete:
            return f"it is not complete: {_word(vm)}"
        name_system(file)
    return ""


def _word(vm: VM) -> str:
    """Return what QEMU says of a dump that failed."""
    deadline = time.monotonic() + _REPORT_SECONDS
    while time.monotonic() < deadline:
        if done := vm.qmp.last("DUMP_COMPLETED"):
            return str(done["data"].get("error", "QEMU says nothing of an error"))
        time.sleep(_POLL_SECONDS)
    return "QEMU does not say why"
