# SPDX-License-Identifier: GPL-2.0-only
"""Run commands through the guest's agent: one SSH channel for all of them.

Each command by SSH costs a new channel, a fork of sshd and a shell, 45 to 90 ms of an
emulated CPU.  The agent (``images/init/serve.c``, which has the format of the frames) starts the
program itself; what is known of a command is the same.
"""

from __future__ import annotations

import contextlib
import re
import struct
import time
from typing import TYPE_CHECKING, Self

from harness.guest.outcome import Outcome, SshError
from harness.guest.ssh import CHUNK, MOST_OUTPUT, log_outcome
from harness.guest.ssh_library import LOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import paramiko

    from harness.guest.ssh import Ssh

PATH = "/sbin/agent"

_END_SECONDS = 5.0
# A deadline that passed so long ago was not waited for; then there is a last look.
_STILL_SECONDS, _LOOK_SECONDS = 2.0, 1.0

# images/init/serve.c has the same.
_HEADER = struct.Struct(">cI")
_MOST_COMMAND = 65536
_MOST_ARGUMENTS = 1024
_MOST_PAYLOAD = {b"O": 65536, b"E": 65536, b"H": 4096, b"X": 64}

# Why a command is not waited for any longer.
_TIMED_OUT = "it timed out"
_FLOODED = "it printed too much"
_AFTER_END = "the agent sent frames after the command's end"

_END = re.compile(rb"exit ([0-9]{1,3})|signal ([A-Z0-9]{1,16})")


class FrameReader:
    """Reads what the agent sends, in pieces of any size; keeps at most one short text.

    A guest is hostile: what is wrong is said in ``broken``, and nothing is read after it.
    """

    def __init__(self) -> None:
        # What was wrong with the frames; "" as long as nothing was.
        self.broken = ""
        self._header = bytearray()
        self._left = 0
        self._text = bytearray()

    @property
    def between(self) -> bool:
        """Is the last frame whole?"""
        return not self._header

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield type and payload of what is in ``data``.

        The payloads of ``O`` and ``E`` come as they are, maybe in several parts, those of
        ``H`` and ``X`` come whole.
        """
        position = 0
        while position < len(data) and not self.broken:
            if len(self._header) < _HEADER.size:
                taken = data[position : position + _HEADER.size - len(self._header)]
                self._header += taken
                position += len(taken)
                if len(self._header) == _HEADER.size:
                    self._begin()
                continue
            kind = bytes(self._header[:1])
            piece = data[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            if self._left == 0:
                self._header.clear()
            if kind in b"OE":
                yield kind, piece
                continue
            self._text += piece
            if self._left == 0:
                text = bytes(self._text)
                self._text.clear()
                yield kind, text

    def _begin(self) -> None:
        kind, self._left = _HEADER.unpack(self._header)
        most = _MOST_PAYLOAD.get(kind)
        if most is None:
            self.broken = f"a frame of unknown type {kind!r}"
        elif not 0 < self._left <= most:
            self.broken = f"a frame {kind.decode()} of {self._left} bytes: expected 1 to {most}"


class Agent:
    """The agent of one guest; use it as a context manager, within that of ``ssh``.

    After a command that timed out, was lost or flooded the host the agent is of no use any
    more, and ``run`` raises SshError: the VM is to be replaced.
    """

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh
        self._log = ssh.log
        self._channel: paramiko.Channel | None = None
        self._reader = FrameReader()
        # Why it cannot be used; "" when it can.
        self._unusable = "it was not started"

    def __enter__(self) -> Self:
        """Start the agent; SshError when the guest does not even try."""
        self._channel = self._ssh.start([PATH, "serve"])
        self._unusable = ""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the agent, and with it the command that runs, if any."""
        if self._channel is not None and not self._unusable:
            # Not before it has ended: of a channel that is closed while its program runs and
            # one that is opened right then, dropbear 2022.83 may close both.
            self._unusable = "it was closed"
            with contextlib.suppress(*LOST):
                self._channel.settimeout(_END_SECONDS)
                self._channel.shutdown_write()
                self._channel.recv(CHUNK)
                self._channel.status_event.wait(_END_SECONDS)
        if self._channel is not None:
            with contextlib.suppress(*LOST):
                self._channel.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        on_output: Callable[[bytes], object] | None = None,
    ) -> Outcome:
        """Run ``argv`` in the guest for at most ``timeout`` seconds, as ``Ssh.run`` does.

        ``argv[0]`` is a path: there is no shell and no PATH, and nothing to read on standard
        input.  A program that cannot be executed ends with status 127 and says why.
        """
        started = self._log.clock.now()
        deadline = time.monotonic() + timeout
        self._send(argv, timeout)
        # An interrupt in mid-run leaves frames that belong to no later command.
        self._unusable = f"{argv[0]} was still running"
        collected = _Collected(on_output)
        why = self._collect(collected, deadline)
        lost = why not in {"", _TIMED_OUT, _FLOODED}
        if lost:
            collected.stderr += self._last_words()
        outcome = Outcome(
            stdout=bytes(collected.stdout),
            stderr=bytes(collected.stderr),
            exit_status=None if why else collected.exit_status,
            signal=None if why else collected.signal,
            timed_out=why == _TIMED_OUT,
            lost=lost,
            flooded=why == _FLOODED,
            health=collected.health,
            started=started,
            ended=self._log.clock.now(),
        )
        more = {"error": why} if lost else {}
        log_outcome(self._log, argv, outcome, via="agent", **more)
        self._unusable = f"{argv[0]}: {why}" if why else ""
        # What did not end in time is looked at as it is: the agent would kill it.
        if why and why != _TIMED_OUT:
            self.close()
        return outcome

    def _send(self, argv: Sequence[str], timeout: float) -> None:
        payload = b"\0".join(word.encode() for word in argv)
        wrong = self._unusable
        if len(payload) > _MOST_COMMAND or len(argv) > _MOST_ARGUMENTS:
            wrong = f"{len(argv)} arguments of {len(payload)} bytes are more than it takes"
        elif payload.count(b"\0") != len(argv) - 1:
            wrong = "an argument has a NUL in it"
        if not wrong:
            assert self._channel is not None
            self._channel.settimeout(timeout)
            try:
                self._channel.sendall(_HEADER.pack(b"R", len(payload)) + payload)
            except LOST as error:
                wrong = repr(error)
        if wrong:
            self._log.ssh(command=argv, error=wrong, via="agent")
            raise SshError(f"the guest's agent cannot run {argv[0]}: {wrong}")

    def _collect(self, collected: _Collected, deadline: float) -> str:
        """Read until the command has ended; say what kept it from doing so, "" if nothing."""
        assert self._channel is not None
        looks = 1
        while True:
            left = deadline - time.monotonic()
            if left <= -_STILL_SECONDS and looks:
                # This process stood still (Ctrl-Z), the guest did not: what has come counts.
                looks, left = 0, _LOOK_SECONDS
                deadline = time.monotonic() + left
            if left <= 0:
                return _TIMED_OUT
            self._channel.settimeout(left)
            try:
                data = self._channel.recv(CHUNK)
            except TimeoutError:
                if time.monotonic() - deadline < _STILL_SECONDS:
                    return _TIMED_OUT
                continue
            except LOST:  # to read is to tell the other end that it has room again
                data = b""
            if not data:
                return "the channel was closed"
            for kind, payload in self._reader.feed(data):
                collected.take(kind, payload)
                if collected.wrong:
                    return collected.wrong
            if self._reader.broken:
                return self._reader.broken
            if collected.ended:
                return "" if self._reader.between else _AFTER_END

    def _last_words(self) -> bytes:
        """Return what the agent itself, or the shell in its place, has said."""
        assert self._channel is not None
        ready = self._channel.recv_stderr_ready()
        return self._channel.recv_stderr(CHUNK) if ready else b""


class _Collected:
    """What has come of one command."""

    def __init__(self, on_output: Callable[[bytes], object] | None) -> None:
        self._on_output = on_output
        self.stdout = bytearray()
        self.stderr = bytearray()
        # Why no more of it is wanted; "" while it is well.
        self.wrong = ""
        self.ended = False
        self.health = ""
        self.exit_status: int | None = None
        self.signal: str | None = None

    def take(self, kind: bytes, payload: bytes) -> None:
        if self.ended:
            self.wrong = _AFTER_END
        elif kind == b"H":
            self.health = payload.decode("ascii", "replace")
        elif kind == b"X":
            self.ended = True
            end = _END.fullmatch(payload)
            if end is None:
                self.wrong = f"an end that is none: {payload!r}"
            elif end[1]:
                self.exit_status = int(end[1])
            else:
                self.signal = end[2].decode()
        else:
            output = self.stdout if kind == b"O" else self.stderr
            output += payload
            if kind == b"O" and self._on_output:
                self._on_output(payload)
            if len(output) > MOST_OUTPUT:
                self.wrong = _FLOODED
