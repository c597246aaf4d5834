# SPDX-License-Identifier: GPL-2.0-only
"""The serial console: logged and watched while the VM runs.

Bytes come in chunks of any size.  Complete lines are handled a block at a time, for a guest that
prints fast must not slow the harness down; splats are found as the lines come, and whatever is
forgotten later is counted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from harness.errors import HostError
from harness.machine import loop
from harness.splats.reader import Reader
from harness.text import clean

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from harness.machine.evidence import EvidenceLog
    from harness.splats.kinds import Splat

# What a guest prints is not trusted: it may try to fill the host's memory or disk.
_LONGEST_LINE = 4096
_KEPT_LINES = 20_000
_LOGGED_BYTES = 64 << 20
# Bytes handled at once.
_BLOCK = 64 << 10
# Bytes that the log adds to a line, at most.
_LOG_PREFIX = 128
# A printk stamp, and what may become one: an overlong line is cut before them, or a splat behind a
# program's unfinished line would lose its stamp (harness.splats.printk).
_STAMP = re.compile(rb"\[ {0,7}[0-9]{1,10}\.[0-9]{6}\]")
_STAMP_BEGUN = re.compile(rb"\[ {0,7}[0-9]{0,10}(?:\.[0-9]{0,6})?\]?(?:\[ *[TC]?[0-9]*\]?)? ?\Z")
_LONGEST_STAMP = 40
# What clean() takes out of ASCII text without escape sequences; lines are split already.
_ASCII_CONTROLS = bytes({*range(32), 127} - {ord("\t"), ord("\n")})


class Console:
    """Lines of one VM's console, numbered from 0 as they come.

    Methods may be called from any thread.
    """

    def __init__(self, log: EvidenceLog) -> None:
        self._log = log
        self._now = log.clock.now
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._count = 0
        self._logged = 0
        # Lines that came when the log was full.
        self._unlogged = 0
        self._partial = bytearray()
        self._reader = Reader()
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
        now = self.last_output = self._now()
        if b"\n" not in data and len(self._partial) + len(data) <= _LONGEST_LINE:
            self._partial += data
            return
        with self._changed:
            for start in range(0, len(data), _BLOCK):
                self._take_block(data[start : start + _BLOCK], now)
            self._changed.notify_all()

    def _take_block(self, block: bytes, now: float) -> None:
        *lines, rest = (bytes(self._partial) + block).split(b"\n")
        if max(map(len, lines), default=0) > _LONGEST_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
        *pieces, rest = _pieces(rest)
        self._partial = bytearray(rest)
        if lines := [*lines, *pieces]:
            self._add(b"\n".join(lines), len(lines), now)

    def _add(self, raw: bytes, count: int, now: float) -> None:
        """Add ``count`` lines."""
        if _is_plain(raw):
            text = raw.translate(None, _ASCII_CONTROLS).decode("ascii")
            lines = text.split("\n")
        else:
            lines = [_cleaned(line) for line in raw.split(b"\n")]
            text = "\n".join(lines)
        self._reader.read(lines)
        self._lines.extend(lines)
        self._count += count
        if self._logged + len(raw) * 3 + count * _LOG_PREFIX < _LOGGED_BYTES:
            self._logged += self._log.serial(text, now)
        else:
            self._log_last(lines, now)

    def _log_last(self, lines: list[str], now: float) -> None:
        """Log as many lines as there is room for, and say so at the last one."""
        for at, line in enumerate(lines):
            if self._logged >= _LOGGED_BYTES:
                self._unlogged += len(lines) - at
                break
            self._logged += self._log.serial(line, now)
            if self._logged >= _LOGGED_BYTES:
                self._log.serial(f"(this is {_LOGGED_BYTES >> 20} MiB: no longer logged)", now)

    def close(self) -> None:
        """Note that no more will come; a last line without a newline counts as a line."""
        with self._changed:
            now = self._now()
            if self._partial:
                self._add(bytes(self._partial), 1, now)
                self._partial = bytearray()
            if self._unlogged:
                self._log.serial(f"({self._unlogged} more lines were not logged)", now)
                self._unlogged = 0
            self.closed = True
            self._changed.notify_all()

    def mark(self) -> int:
        """Return the number the next line will have."""
        with self._changed:
            return self._count

    def since(self, mark: int = 0) -> tuple[str, ...]:
        """Return the lines from number ``mark`` on, as far as they are still kept."""
        with self._changed:
            gone = self._count - len(self._lines)
            return tuple(self._lines)[max(0, mark - gone) :]

    def take(self, mark: int) -> tuple[tuple[str, ...], int]:
        """Return the lines from number ``mark`` on, and the number to go on from.

        Where some are no longer kept, the splats that were among them stand first, then how many
        are left out.
        """
        with self._changed:
            gone = self._count - len(self._lines)
            kept = tuple(self._lines)[max(0, mark - gone) :]
            if mark >= gone:
                return kept, self._count
            found = [s for s in self._reader.splats(mark)[0] if s.first_line_index < gone]
            lost = [line for splat in found for line in splat.lines]
            note = f"({gone - mark} lines were here, of which only splats are kept)"
            return (*lost, note, *kept), self._count

    def splats(self, since: int = 0) -> tuple[tuple[Splat, ...], int]:
        """Return the splats from line ``since`` on, and how many more there were than are kept."""
        with self._changed:
            return self._reader.splats(since)

    def forget_splats(self, before: int) -> None:
        """Forget the splats before line ``before``: of all there were, only so many are kept."""
        with self._changed:
            self._reader.forget(before)

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


def _is_plain(raw: bytes) -> bool:
    return raw.isascii() and b"\x1b" not in raw


def _cleaned(raw: bytes) -> str:
    """Return what clean() does of a line, which most often is plain ASCII."""
    if _is_plain(raw):
        return raw.translate(None, _ASCII_CONTROLS).decode("ascii")
    return clean(raw.decode("utf-8", "replace"))


def _pieces(line: bytes) -> list[bytes]:
    """Return ``line`` in pieces of at most 4096 bytes, which do not cut a stamp in two."""
    pieces = []
    while len(line) > _LONGEST_LINE:
        at = _cut(line[:_LONGEST_LINE])
        pieces.append(line[:at])
        line = line[at:]
    return [*pieces, line]


def _cut(head: bytes) -> int:
    """Return where to cut a line that begins with ``head``: not at 0."""
    stamps = [found.start() for found in _STAMP.finditer(head) if found.start()]
    begun = _STAMP_BEGUN.search(head, len(head) - _LONGEST_STAMP)
    if begun is not None:
        return begun.start()
    return stamps[-1] if stamps else len(head)
