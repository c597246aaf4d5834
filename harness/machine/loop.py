# SPDX-License-Identifier: GPL-2.0-only
"""One asyncio loop in a thread, for the clients that need one (qemu.qmp, the console)."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Coroutine

T = TypeVar("T")


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="harness-loop", daemon=True).start()
    return loop


def run(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Run ``work`` on the loop and wait for it, at most ``timeout`` seconds.

    Raises TimeoutError after that time (``work`` is cancelled), else what ``work`` raises.
    """
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout), _loop())
    try:
        return future.result()
    except BaseException:
        # Ctrl-C in mid-wait must not leave the work running.
        future.cancel()
        raise


def start(work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
    """Run ``work`` on the loop without waiting for it; cancel the result to end it."""
    return asyncio.run_coroutine_threadsafe(work, _loop())
