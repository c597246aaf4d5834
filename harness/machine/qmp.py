# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's monitor: commands, and the events that tell how the VM fares."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qemu.qmp import ExecuteError, QMPClient, QMPError, Runstate

from harness.errors import HostError
from harness.machine import loop

if TYPE_CHECKING:
    import concurrent.futures
    import socket
    from collections.abc import Callable, Mapping

    from harness.machine.evidence import EvidenceLog

Event = dict[str, Any]


class Qmp:
    """A QMP session over a connected socket; everything that passes is logged.

    The names of commands, events and their fields are those of QEMU's QMP reference
    (docs/interop/qemu-qmp-ref).
    """

    def __init__(self, log: EvidenceLog, when_over: Callable[[], None] = lambda: None) -> None:
        """``when_over`` is called on the loop when the guest has shut down or QEMU has gone."""
        self._log = log
        self._client = QMPClient(log.vm)
        self._when_over = when_over
        self._tasks: list[concurrent.futures.Future[None]] = []
        # Every event so far, oldest first.
        self.events: list[Event] = []
        # "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)" once connected.
        self.version = ""

    def connect(self, connection: socket.socket, timeout: float) -> None:
        """Negotiate with the QEMU at the other end, within ``timeout`` seconds.

        Raises HostError when it does not answer as QMP should.
        """
        try:
            loop.run(self._client.connect(connection), timeout)
        except (QMPError, TimeoutError, OSError) as error:
            raise HostError(f"QEMU's monitor does not answer: {error!r}") from error
        self._tasks = [loop.start(self._collect()), loop.start(self._watch())]
        reply = self.execute("query-version")
        number = reply["qemu"]
        self.version = f"{number['major']}.{number['minor']}.{number['micro']}"
        if reply["package"]:
            self.version += f" ({reply['package']})"

    async def _collect(self) -> None:
        async for event in self._client.events:
            self._log.qmp("event", dict(event))
            self.events.append(dict(event))
            if event["event"] == "SHUTDOWN":
                self._when_over()

    async def _watch(self) -> None:
        while self._client.runstate is Runstate.RUNNING:
            await self._client.runstate_changed()
        self._when_over()

    def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, *, timeout: float = 10.0
    ) -> Any:  # noqa: ANN401 (QMP's replies are JSON)
        """Run ``command`` and return its reply.

        Raises HostError when QEMU refuses, is gone, or takes longer than ``timeout`` seconds.
        """
        request = {"execute": command, "arguments": dict(arguments or {})}
        self._log.qmp("command", request)
        try:
            reply = loop.run(self._client.execute(command, arguments), timeout)
        except (ExecuteError, QMPError, TimeoutError, OSError) as error:
            self._log.qmp("error", {"command": command, "error": repr(error)})
            raise HostError(f"QMP {command} failed: {error!r}") from error
        self._log.qmp("reply", reply)
        return reply

    def give_fd(self, name: str, number: int) -> None:
        """Have QEMU know the open file ``number`` as ``name`` (QMP getfd, SCM_RIGHTS)."""

        async def send() -> None:
            # Not thread-safe: it belongs on the loop, as all of the client does.
            self._client.send_fd_scm(number)

        loop.run(send(), 10.0)
        self.execute("getfd", {"fdname": name})

    def last(self, *names: str) -> Event | None:
        """Return the newest event with one of ``names``, None when there was none."""
        return next((e for e in reversed(self.events) if e["event"] in names), None)

    def close(self) -> None:
        """Leave the session; QEMU may be gone already."""
        for task in self._tasks:
            task.cancel()
        # Whatever it raises must not take the place of what ended the session: qemu.qmp 0.0.6
        # fails an assertion of its own after a connect() that Ctrl-C interrupted.
        with contextlib.suppress(Exception):
            loop.run(self._client.disconnect(), 2.0)
