# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong outside a case, and the exit code each kind ends with."""

from __future__ import annotations

# Exit code of a command that Ctrl-C or SIGTERM ended: 128 + SIGINT, as shells have it.
INTERRUPTED = 130


class HarnessError(Exception):
    """Base of every error the harness reports to its user.

    The message says what was found, what was expected, and what to do next; it is printed
    as it is, without a traceback.
    """

    exit_code = 125


class InputError(HarnessError):
    """The user named something that cannot be used (exit code 2)."""

    exit_code = 2


class UntestableError(HarnessError):
    """The kernel that was named cannot be tested as it is: nothing was learned about it (125).

    Its parts do not belong together, or it lacks what every guest needs.
    """

    exit_code = 125


class HostError(HarnessError):
    """This machine or its network failed us: nothing was learned about the kernel (125)."""

    exit_code = 125
