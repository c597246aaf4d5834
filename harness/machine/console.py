# SPDX-License-Identifier: GPL-2.0-only
"""The serial console: logged and watched while the VM runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.machine import loop
from harness.text import clean

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from harness.machine.evidence import EvidenceLog

# What a guest prints is not trusted: it may try to fill the host's memory or disk.
_LONGEST_LINE = 4096
_KEPT_LINES = 20_000
_LOGGED_BYTES = 64 << 20


class Console:
    """Lines of one VM's console, numbered from 0 as they come.

    Methods may be called from any thread.
    """

    def __init__(self, log: EvidenceLog) -> None:
        self._log = log
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._count = 0
        self._logged = 0
        self._partial = b""
        self._changed = threading.Condition()
        # Run clock at which the last byte came; None while nothing has.
        self.last_output: float | None = None
        self.closed = False
        self._connection: socket.socket | None = None
        self._reading: concurrent.futures.Future[None] | None = None

    def attach(self, connection: socket.socket) -> None:
        """Read from ``connection`` (non-blocking) until its other end closes."""
        self._connection = connection
        self._reading = loop.start(self._read(connection))

    def detach(self, timeout: float = 1.0) -> None:
        """Stop reading: at the other end's close, or after ``timeout`` seconds.

        Only then may the connection be closed: the loop would wait for the next file of the
        same number as if it were this one, and nobody would ever read from that.
        """
        if self._connection is None or self._reading is None:
            return
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            self._reading.result(timeout)
        self._reading.cancel()
        loop.run(self._forget(self._connection), 10.0)
        self._connection = None
        self.close()

    @staticmethod
    async def _forget(connection: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(connection)

    async def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := await asyncio.get_running_loop().sock_recv(connection, 65536):
                self.feed(data)
        self.close()

    def send(self, data: bytes, timeout: float = 10.0) -> None:
        """Type ``data`` on the console, all of it.

        Raises HostError when the VM has ended, or does not take it within ``timeout`` seconds.
        """
        try:
            if self._connection is None:
                raise BrokenPipeError("it is not attached")
            loop.run(self._write(self._connection, data), timeout)
        except (OSError, TimeoutError) as error:
            raise HostError(f"the console does not take input: {error!r}") from error

    @staticmethod
    async def _write(connection: socket.socket, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, data)

    def feed(self, data: bytes) -> None:
        """Take bytes as they come; a line is complete at its newline or after 4096 bytes."""
        now = self._log.clock.now()
        with self._changed:
            self.last_output = now
            *lines, rest = (self._partial + data).split(b"\n")
            for line in lines:
                self._add(self._cut(line, now), now)
            self._partial = self._cut(rest, now)
            self._changed.notify_all()

    def _cut(self, line: bytes, now: float) -> bytes:
        """Add what of ``line`` is too long for one line; return the rest of it."""
        while len(line) > _LONGEST_LINE:
            self._add(line[:_LONGEST_LINE], now)
            line = line[_LONGEST_LINE:]
        return line

    def _add(self, raw: bytes, now: float) -> None:
        text = clean(raw.decode("utf-8", "replace"))
        self._lines.append(text)
        self._count += 1
        if self._logged < _LOGGED_BYTES:
            self._logged += self._log.serial(text, now)
            if self._logged >= _LOGGED_BYTES:
                self._log.serial(f"(this is {_LOGGED_BYTES >> 20} MiB: no longer logged)", now)

    def close(self) -> None:
        """Note that no more will come; a last line without a newline counts as a line."""
        with self._changed:
            if self._partial:
                self._add(self._partial, self._log.clock.now())
                self._partial = b""
            self.closed = True
            self._changed.notify_all()

    def mark(self) -> int:
        """Return the number the next line will have."""
        with self._changed:
            return self._count

    def since(self, mark: int = 0) -> tuple[str, ...]:
        """Return the lines from number ``mark`` on, as far as they are still kept."""
        return self.take(mark)[0]

    def take(self, mark: int) -> tuple[tuple[str, ...], int]:
        """Return what since() does, and the number to go on from without missing a line."""
        with self._changed:
            gone = self._count - len(self._lines)
            return tuple(self._lines)[max(0, mark - gone) :], self._count

    def wait_for(
        self, wanted: Callable[[str], bool], *, since: int, timeout: float
    ) -> tuple[int, str] | None:
        """Wait for a line from number ``since`` on that ``wanted`` accepts.

        Returns its number and text, or None after ``timeout`` seconds or when the console
        closed without it.
        """
        deadline = time.monotonic() + timeout
        position = since
        while True:
            with self._changed:
                gone = self._count - len(self._lines)
                position = max(position, gone)
                fresh = list(self._lines)[position - gone :]
                left = deadline - time.monotonic()
                if not fresh:
                    if self.closed or left <= 0:
                        return None
                    self._changed.wait(left)
                    continue
            for text in fresh:
                if wanted(text):
                    return position, text
                position += 1
            if left <= 0:
                return None  # a guest that prints without end must not keep us here
