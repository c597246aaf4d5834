# SPDX-License-Identifier: GPL-2.0-only
"""An interactive shell in a guest."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import termios
import tty
from typing import TYPE_CHECKING

from harness.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

    from harness.guest.ssh import Ssh


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Hand keys through as they are typed, Ctrl-C included, if ``fd`` is a terminal."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def interact(ssh: Ssh) -> int:
    """Connect this process's terminal, or its standard input, to a shell in the guest.

    Returns the shell's exit status, or that of a broken pipe when nobody reads what it says any
    more.  Raises SshError when no shell can be started.
    """
    stdin = sys.stdin.fileno()
    size = shutil.get_terminal_size()
    with ssh.shell(size.columns, size.lines, terminal=os.isatty(stdin)) as channel, _raw(stdin):
        return channel.recv_exit_status() if _pump(channel, stdin) else Exit.PIPE


def _pump(channel: paramiko.Channel, stdin: int) -> bool:
    """Carry bytes both ways until the guest's side is at its end; False when ours takes no more."""
    sources: list[paramiko.Channel | int] = [channel, stdin]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if channel in ready:
            data = channel.recv(65536)
            if not data:
                return True
            if not _written(data):
                return False
        if stdin in ready:
            if keys := os.read(stdin, 65536):
                channel.sendall(keys)
            else:
                channel.shutdown_write()
                sources.remove(stdin)


def _written(data: bytes) -> bool:
    """Write ``data`` to standard output; return False when it cannot be."""
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except OSError:
        return False
    return True
