# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that cannot outlive the harness."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Have the kernel SIGKILL this process when its parent ``parent`` (a pid) ends.

    prctl(2) PR_SET_PDEATHSIG; the parent may have ended before the call, hence the check.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end_on_signals() -> None:
    """Have SIGTERM and SIGHUP end this process as Ctrl-C does: KeyboardInterrupt, cleaned up.

    A SIGHUP that is ignored stays so: nohup(1) asks for that.
    """

    def interrupt(number: int, frame: object) -> None:  # noqa: ARG001
        # A terminal that goes says so once, its shell once more: cleaning up is under way then.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


def leave_hangup_to_parent() -> None:
    """Ignore the SIGHUP that a terminal sends to all of its processes: the parent ends this one."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _before_exec(parent: int) -> Callable[[], None]:
    return lambda: die_with_parent(parent)


def spawn(argv: Sequence[str], **popen: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start ``argv`` in its own process group, to be killed when this process ends.

    Its own group keeps a terminal's Ctrl-C from it, so that the harness ends it in order.
    The parent-death signal is sent when the *thread* that called this ends (prctl(2)), so
    call it from one that lives as long as the child should.
    """
    return subprocess.Popen(
        argv,
        process_group=0,
        preexec_fn=_before_exec(os.getpid()),  # noqa: PLW1509 (only prctl and getppid run in it)
        **popen,
    )


def end(run: subprocess.Popen[bytes], seconds: float = 60.0) -> int:
    """End a run of the harness and return its exit code; one that has ended is left alone.

    In order, as Ctrl-C does: it keeps its records and ends its VMs.  By force when that takes
    more than ``seconds``; its workers and VMs go with it.
    """
    run.terminate()
    try:
        return run.wait(seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        return run.wait()
