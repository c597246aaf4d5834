# SPDX-License-Identifier: GPL-2.0-only
"""SSH into a guest: commands with their whole outcome, files in one stream."""

from __future__ import annotations

import contextlib
import io
import logging
import lzma
import select
import shlex
import socket
import tarfile
import time
from typing import TYPE_CHECKING, Self

from harness.guest.outcome import Outcome, SshError
from harness.guest.ssh_library import LOST, MSG_CHANNEL_REQUEST, paramiko

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.guest.keys import Keys
    from harness.machine.evidence import EvidenceLog

# paramiko logs each lost connection as an error with a traceback; we report them ourselves.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

# A guest is not trusted: it may print for ever.
MOST_OUTPUT = 4 << 20
CHUNK = 65536

# Bytes that a compressed stream looks back: more than a static program has.
_DICTIONARY = 4 << 20


def log_outcome(log: EvidenceLog, argv: Sequence[str], outcome: Outcome, **more: object) -> None:
    """Write to ``ssh.jsonl`` how a command ended."""
    log.ssh(
        command=argv,
        exit_status=outcome.exit_status,
        signal=outcome.signal,
        timed_out=outcome.timed_out,
        lost=outcome.lost,
        seconds=round(outcome.ended - outcome.started, 6),
        **more,
    )


# What dropbear has and is quickest at.  paramiko 5.1 would rather have ML-KEM and makes a key for
# it, which is 10 ms of each connection.
_KEX = ("curve25519-sha256@libssh.org",)


class _Transport(paramiko.Transport):
    """A transport that also remembers by which signal a command ended.

    paramiko 3.4 to 5.1 ignores RFC 4254's "exit-signal" request.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.get_security_options().kex = _KEX
        # Channel number -> name of the signal, without SIG.
        self.exit_signals: dict[int, str] = {}
        table = paramiko.Transport._channel_handler_table  # type: ignore[attr-defined]
        original = table[MSG_CHANNEL_REQUEST]

        def handle(channel: paramiko.Channel, message: paramiko.Message) -> None:
            # The message begins with the channel's number, which has been read already.
            position = message.packet.tell()
            if message.get_text() == "exit-signal":
                message.get_boolean()
                self.exit_signals[channel.get_id()] = message.get_text()
                return
            message.packet.seek(position)
            original(channel, message)

        self._channel_handler_table = {**table, MSG_CHANNEL_REQUEST: handle}


class Ssh:
    """One SSH connection to one guest; use it as a context manager."""

    def __init__(self, port: int, keys: Keys, log: EvidenceLog, *, timeout: float) -> None:
        """Prepare a connection to 127.0.0.1:``port``; ``timeout`` is in seconds."""
        self._port = port
        self._keys = keys
        self.log = log
        self._timeout = timeout
        self._transport: _Transport | None = None
        self._sock: socket.socket | None = None

    def __enter__(self) -> Self:
        """Connect; SshError when the guest does not answer, or with a key not its own."""
        started = self.log.clock.now()
        try:
            sock = socket.create_connection(("127.0.0.1", self._port), self._timeout)
            # paramiko sends two messages in a row, twice: without this the second waits for
            # the other end's delayed ACK, 40 ms each time.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock = sock
            self._transport = _Transport(sock)
            self._transport.banner_timeout = self._timeout
            self._transport.auth_timeout = self._timeout
            self._transport.start_client(timeout=self._timeout)
            self._check_host_key(self._transport.get_remote_server_key())
            self._transport.auth_publickey("root", self._keys.client)
        except LOST as error:
            self.close()
            self.log.ssh(connect=self._port, error=repr(error))
            raise SshError(f"no SSH connection to the guest: {error!r}") from error
        except SshError:
            self.close()
            raise
        seconds = round(self.log.clock.now() - started, 6)
        self.log.ssh(connect=self._port, seconds=seconds)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_host_key(self, found: paramiko.PKey) -> None:
        if found.get_base64() != self._keys.host_public:
            raise SshError(f"the guest's host key is {found.get_base64()}, not the run's own")

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Have everyone who waits for the guest learn that it is gone; does not wait itself."""
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def start(self, argv: Sequence[str]) -> paramiko.Channel:
        """Start ``argv`` in the guest and return its channel.

        Raises SshError when it could not be started.
        """
        assert self._transport is not None
        # SSH has no argument lists: the remote side is given one string for its shell.
        # "exec": the shell must not hide the signal behind an exit status of 128 + n.
        command = "exec " + shlex.join(argv)
        try:
            channel = self._transport.open_session(timeout=self._timeout)
            channel.exec_command(command)
        except LOST as error:
            self.log.ssh(command=argv, error=repr(error))
            raise SshError(f"cannot run {argv[0]} in the guest: {error!r}") from error
        return channel

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: bytes = b"",
        on_output: Callable[[bytes], object] | None = None,
    ) -> Outcome:
        """Run ``argv`` in the guest for at most ``timeout`` seconds.

        ``on_output`` is called with pieces of standard output as they come.  Trouble on the
        way is part of the outcome (``lost``, ``timed_out``); only a command that could not
        even be started raises SshError.
        """
        assert self._transport is not None
        started = self.log.clock.now()
        channel = self.start(argv)
        try:
            # Also for a command that does not read its input.
            channel.settimeout(timeout)
            reader = _Reader(channel, on_output)
            reader.send(stdin)
            reader.run(timeout)
        except LOST as error:
            self.log.ssh(command=argv, error=repr(error))
            raise SshError(f"cannot run {argv[0]} in the guest: {error!r}") from error
        signal = self._transport.exit_signals.pop(channel.get_id(), None)
        known = channel.exit_status_ready() and channel.exit_status >= 0
        outcome = Outcome(
            stdout=bytes(reader.stdout),
            stderr=bytes(reader.stderr),
            exit_status=channel.exit_status if known else None,
            signal=signal,
            timed_out=reader.timed_out,
            lost=not known and signal is None and not reader.timed_out and not reader.flooded,
            flooded=reader.flooded,
            started=started,
            ended=self.log.clock.now(),
        )
        with contextlib.suppress(*LOST):
            channel.close()
        log_outcome(self.log, argv, outcome)
        return outcome

    def shell(self, columns: int, rows: int, *, terminal: bool) -> paramiko.Channel:
        """Start a shell, with a pseudo-terminal of that size if ``terminal``.

        Raises SshError when the guest does not start one.
        """
        assert self._transport is not None
        try:
            channel = self._transport.open_session(timeout=self._timeout)
            if terminal:
                channel.get_pty("linux", columns, rows)
            channel.set_combine_stderr(True)
            channel.invoke_shell()
        except LOST as error:
            raise SshError(f"the guest starts no shell: {error!r}") from error
        return channel

    def push(self, files: Sequence[Path], folder: str, *, timeout: float) -> None:
        """Put ``files``, executable, into the guest's ``folder``, in one stream.

        Of one that is a link, the file beside it that it leads to is put there, too.
        Raises SshError when that does not end well within ``timeout`` seconds.
        """
        buffer = io.BytesIO()
        # The programs have most of their bytes in common, which only a dictionary larger than
        # one of them finds: a sixth of what gzip leaves, and decryption is what takes long.
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": _DICTIONARY}]
        with (
            lzma.open(buffer, "wb", check=lzma.CHECK_CRC32, filters=filters) as compressed,
            tarfile.open(fileobj=compressed, mode="w|") as tar,
        ):
            for path in dict.fromkeys(path.resolve() for path in files):
                info = tarfile.TarInfo(path.name)
                data = path.read_bytes()
                info.size, info.mode = len(data), 0o755
                tar.addfile(info, io.BytesIO(data))
            for path in files:
                if path.is_symlink():
                    info = tarfile.TarInfo(path.name)
                    info.type, info.linkname = tarfile.SYMTYPE, path.resolve().name
                    tar.addfile(info)
        script = f"mkdir -p {shlex.quote(folder)} && tar -xJ -f - -C {shlex.quote(folder)}"
        done = self.run(["sh", "-c", script], timeout=timeout, stdin=buffer.getvalue())
        if done.exit_status != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise SshError(f"cannot push the programs (status {done.exit_status}): {said}")


class _Reader:
    """Feeds a channel its input and collects its output, with limits."""

    def __init__(
        self, channel: paramiko.Channel, on_output: Callable[[bytes], object] | None
    ) -> None:
        self._channel = channel
        self._on_output = on_output
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.timed_out = False
        self.flooded = False

    def send(self, data: bytes) -> None:
        """Send all of ``data``, then end-of-file.

        A command may end without reading its input: what it has to say of that is in its
        status and its output, not here.
        """
        with contextlib.suppress(*LOST):
            self._channel.sendall(data)
            self._channel.shutdown_write()

    def run(self, timeout: float) -> None:
        """Collect until the command's status is known and its output is at an end."""
        deadline = time.monotonic() + timeout
        channel = self._channel
        while not self.flooded:
            if self._drain():
                continue
            if channel.closed or (channel.eof_received and channel.exit_status_ready()):
                # What came between the last look and the end.
                self._drain()
                return
            left = deadline - time.monotonic()
            if left <= 0:
                self.timed_out = True
                return
            # The end of the channel wakes it too; the limit guards against a lost wake-up.
            select.select([channel], [], [], min(left, 0.5))

    def _drain(self) -> bool:
        """Take what is there; say whether anything was."""
        channel, took = self._channel, False
        while channel.recv_ready():
            data = channel.recv(CHUNK)
            if not data:
                break
            took = True
            self.stdout += data
            if self._on_output:
                self._on_output(data)
            if len(self.stdout) > MOST_OUTPUT:
                self.flooded = True
                return True
        while channel.recv_stderr_ready():
            data = channel.recv_stderr(CHUNK)
            if not data:
                break
            took = True
            self.stderr += data
            if len(self.stderr) > MOST_OUTPUT:
                self.flooded = True
                return True
        return took
