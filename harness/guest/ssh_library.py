# SPDX-License-Identifier: GPL-2.0-only
"""paramiko, imported in half the time: every run's first case waits for it."""

from __future__ import annotations

import sys

if "invoke" in sys.modules:
    import paramiko
else:
    # paramiko.config, for ssh_config(5) files, takes invoke for "Match exec" if it is there:
    # 75 of 150 ms.  None in sys.modules makes its import fail (Python's reference, 5.3.1).
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        import paramiko
    finally:
        del sys.modules["invoke"]

from paramiko.common import MSG_CHANNEL_REQUEST

# What anything that is said over a connection raises when the other end is gone: the packets'
# writer says EOFError, whatever the socket said.
LOST = (OSError, EOFError, paramiko.SSHException)

__all__ = ["LOST", "MSG_CHANNEL_REQUEST", "paramiko"]
