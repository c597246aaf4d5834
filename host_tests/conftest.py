# SPDX-License-Identifier: GPL-2.0-only
"""For every test of the harness: ids the same in each xdist worker, the same examples."""

from __future__ import annotations

import signal

# A shell without job control has it ignored in what it starts in the background, and children
# inherit that: no test of an interrupt could work.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from hypothesis import settings

# Hypothesis's 200 ms for each example are missed where VMs boot beside it.  The same examples each
# time: who sees red sees it again.  Others come with --hypothesis-profile=explore.
settings.register_profile("harness", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("harness")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter of bytes by its argument (pytest numbers them), not by its value.

    Made data (an archive with the time in it) differs from worker to worker, and then xdist
    refuses the whole session.
    """
    return argname if isinstance(val, bytes) else None
