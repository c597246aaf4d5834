# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong outside a case, and the one table of the exit codes.

``git bisect run`` reads an exit code from 1 to 124 as "this commit is bad", 125 as "skip it",
126 and 127 as bad or as trouble of its own, and stops at one of 128 or more
(git-bisect(1)).  So 1 is kept for what a record shows to be the kernel's fault; nothing else,
foreseen or not, ends with a code from 1 to 124.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0  # nothing wrong
    FAIL = 1  # a FAIL is on record: the kernel is wrong, crashed or hung
    UNTESTED = 125  # nothing was learned: MISS, ERROR, nothing applied, the host, the harness
    INTERRUPTED = 130  # Ctrl-C, SIGTERM or SIGHUP ended it: 128 + SIGINT, as shells have it
    PIPE = 141  # a shell whose output nobody reads any more: 128 + SIGPIPE
    INPUT = 200  # bad input or usage; beyond 128 + any signal, so that it is no signal's


class HarnessError(Exception):
    """Base of every error the harness reports to its user.

    The message says what was found, what was expected, and what to do next; it is printed
    as it is, without a traceback.
    """

    exit_code = Exit.UNTESTED


class InputError(HarnessError):
    """The user named something that cannot be used: no other commit would make it right."""

    exit_code = Exit.INPUT


class UntestableError(HarnessError):
    """The kernel that was named cannot be tested as it is: nothing was learned about it.

    Its parts do not belong together, or it lacks what every guest needs.
    """

    exit_code = Exit.UNTESTED


class HostError(HarnessError):
    """This machine or its network failed us: nothing was learned about the kernel."""

    exit_code = Exit.UNTESTED
