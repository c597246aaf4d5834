# SPDX-License-Identifier: GPL-2.0-only
"""What a guest, and a QEMU that it took over, could do to the host: as little as there is."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path


def test_qemu_is_in_a_sandbox(guest):
    """Every thread has the filter: seccomp(2) gives it only to those that come after."""
    for task in Path(f"/proc/{guest.vm.pid}/task").iterdir():
        status = (task / "status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE), (task.name, status)


def sockets(pid):
    """Return the inodes of the sockets that a process has."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
            found.add(match[1])
    return found


def listening(pid, family):
    """Return the hexadecimal addresses that a process listens at (proc(5), /proc/net/tcp)."""
    mine = sockets(pid)
    lines = Path("/proc/net", family).read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in mine]


def test_nobody_but_this_host_can_connect(guest):
    assert listening(guest.vm.pid, "tcp") == ["0100007F"], "127.0.0.1, little endian"
    assert listening(guest.vm.pid, "tcp6") == []


def test_the_guest_reaches_nothing(guest):
    """Not the host (10.0.2.2 in QEMU's user network), where somebody listens."""
    heard = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve():
            try:
                server.accept()
            except OSError:
                return
            heard.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        # The same from this host: the server is there.
        script = f"echo hello | timeout 2 nc 10.0.2.2 {port}"
        done = guest.ssh.run(["sh", "-c", script], timeout=60)
        assert done.exit_status != 0
        assert not heard.is_set()
        socket.create_connection(("127.0.0.1", port)).close()
        assert heard.wait(10)


def test_saved_vms_are_the_users_own(guest):
    """They hold a guest's whole memory."""
    assert guest.vm.boot.state is not None
    assert guest.vm.boot.state.parent.stat().st_mode & 0o777 == 0o700


def test_keys_are_not_in_the_evidence(guest):
    """The logs of a run are made to be shown to others."""
    files = [path for path in guest.vm.log.folder.iterdir() if path.is_file()]
    logged = b"".join(path.read_bytes() for path in files)
    assert b"renewed" in logged
    # As the guest is told them, in hexadecimal, and as a file has them, in base64.
    renewal = guest.keys.renewal("x", 0, bytes(32), "x").split()
    secrets = [*renewal[-2:], *guest.keys.client_file.encode().split()[4:-4]]
    assert all(len(secret) > 40 for secret in secrets)
    assert not [secret for secret in secrets if secret in logged]
