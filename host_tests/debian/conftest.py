# SPDX-License-Identifier: GPL-2.0-only
"""A mirror on the loopback that passes a real one on, and fails as real ones do."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest

from harness.debian.mirror import mirror


class FlakyMirror:
    """Serves the host's own mirror; ``fail`` says what goes wrong, and how often."""

    def __init__(self) -> None:
        upstream = mirror()
        self.requests: list[str] = []
        self.stalled = threading.Event()
        self._faults: list[list] = []
        self._lock = threading.Lock()
        self._end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments) -> None:
                pass

            def do_GET(self) -> None:
                outer.requests.append(self.path)
                fault = outer._next_fault(self.path)
                if fault == "refuse":
                    self.send_error(503, "Service Unavailable")
                    return
                try:
                    with urllib.request.urlopen(upstream + self.path) as answer:
                        body = answer.read()
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)
                    return
                if fault == "corrupt":  # same length, other contents: "sync in progress"
                    body = body[:-200] + bytes(byte ^ 1 for byte in body[-200:])
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if fault == "stall":
                    self.wfile.write(body[:100])
                    self.wfile.flush()
                    outer.stalled.set()
                    outer._end.wait()
                self.wfile.write(body[:-100] if fault == "truncate" else body)
                self.close_connection = fault == "truncate"

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client that was killed
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, word: str, fault: str, times: int) -> None:
        """Do ``fault`` to the next ``times`` requests with ``word`` in their path."""
        with self._lock:
            self._faults.append([word, fault, times])

    def _next_fault(self, path: str) -> str | None:
        with self._lock:
            for entry in self._faults:
                # apt asks for indexes by their hash.
                word = "by-hash" if entry[0] == "Packages" and "by-hash" in path else entry[0]
                if word in path and entry[2] > 0:
                    entry[2] -= 1
                    return entry[1]
        return None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def flaky(monkeypatch):
    """A flaky mirror that the harness uses for the duration of the test."""
    with FlakyMirror() as server:
        monkeypatch.setenv("DEBIAN_MIRROR", server.address)
        yield server
