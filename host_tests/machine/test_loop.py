# SPDX-License-Identifier: GPL-2.0-only
"""Coroutines that run beside the test: results, errors, timeouts and interruptions."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from harness.machine import loop


class Work:
    """Waits, and knows how that ended."""

    def __init__(self) -> None:
        self.thread = ""
        self.cancelled = threading.Event()
        self.finished = threading.Event()

    async def sleep(self, seconds: float) -> str:
        self.thread = threading.current_thread().name
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.finished.set()
        return "slept"


class OwnError(Exception):
    pass


async def fail() -> None:
    raise OwnError("own")


def test_a_result_comes_back():
    work = Work()
    assert loop.run(work.sleep(0.01), 30) == "slept"
    assert work.thread == "harness-loop" != threading.current_thread().name


def test_an_exception_passes_as_it_is():
    with pytest.raises(OwnError, match=r"^own$"):
        loop.run(fail(), 30)
    assert loop.run(Work().sleep(0), 30) == "slept"  # and the loop lives


def test_a_timeout_cancels_the_work():
    work = Work()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        loop.run(work.sleep(60), 0.2)
    assert 0.2 <= time.monotonic() - began < 20
    assert work.cancelled.wait(10)
    assert not work.finished.is_set()


def test_an_interruption_cancels_the_work():
    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    work = Work()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(work.sleep(60), 60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert work.cancelled.wait(10)


def test_work_of_several_threads_runs_at_the_same_time():
    began = time.monotonic()
    threads = [threading.Thread(target=loop.run, args=[Work().sleep(0.5), 30]) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 5
    # All on the one loop.
    assert [t.name for t in threading.enumerate()].count("harness-loop") == 1


def test_what_is_started_goes_on_and_can_be_ended():
    first, second = Work(), Work()
    loop.start(first.sleep(0.1))
    future = loop.start(second.sleep(60))
    assert first.finished.wait(10)
    assert not second.cancelled.is_set()
    future.cancel()
    assert second.cancelled.wait(10)
