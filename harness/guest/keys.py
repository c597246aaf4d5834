# SPDX-License-Identifier: GPL-2.0-only
"""The SSH keys of one run, and the archive that puts them into a guest."""

from __future__ import annotations

import base64
import functools
import io
import re
import struct
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from harness.image import cpio

if TYPE_CHECKING:
    import paramiko

# Host names as sethostname(2) takes them, at most 64 bytes, and tokens alike.
_WORD = re.compile(r"[A-Za-z0-9._-]{1,63}")


def _string(data: bytes) -> bytes:
    """Encode a string as SSH does (RFC 4251 section 5)."""
    return struct.pack(">I", len(data)) + data


def _raw_public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _public(key: Ed25519PrivateKey) -> str:
    """Return the public half in base64, as in known_hosts and authorized_keys (RFC 8709)."""
    return base64.b64encode(_string(b"ssh-ed25519") + _string(_raw_public(key))).decode()


class Keys:
    """An ed25519 key for the client and one for the guest's sshd, made anew."""

    def __init__(self) -> None:
        self._client = Ed25519PrivateKey.generate()
        self._host = Ed25519PrivateKey.generate()
        # What the harness logs in with, as an OpenSSH private key file.
        self.client_file: str = self._client.private_bytes(
            Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
        ).decode()
        # Public half of the guest's host key, base64 as in known_hosts.
        self.host_public: str = _public(self._host)

    @functools.cached_property
    def client(self) -> paramiko.Ed25519Key:
        """What the harness logs in with."""
        # Here, because a guest can renew itself meanwhile: paramiko takes 0.1 s.
        from harness.guest.ssh_library import paramiko  # noqa: PLC0415

        return paramiko.Ed25519Key.from_private_key(io.StringIO(self.client_file))

    def _host_file(self) -> bytes:
        """Return the host key's file, in dropbear's own format.

        Dropbear source, ed25519.c: the type, then private and public half in one string.
        """
        private = self._host.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return _string(b"ssh-ed25519") + _string(private + _raw_public(self._host))

    def _authorized_file(self) -> bytes:
        return f"ssh-ed25519 {_public(self._client)} harness\n".encode()

    def overlay(self) -> bytes:
        """Return a cpio archive with the guest's half of the keys.

        QEMU is given it behind the image, which stays the same for every run.
        """
        return cpio.archive(
            [
                cpio.folder("root", 0o700),
                cpio.folder("root/.ssh", 0o700),
                cpio.file("root/.ssh/authorized_keys", self._authorized_file(), 0o600),
                cpio.file("etc/dropbear/host_key", self._host_file(), 0o600),
            ]
        )

    def renewal(self, token: str, now_ns: int, seed: bytes, hostname: str) -> bytes:
        """Return the line that makes a restored guest take these keys (``images/init/console.c``).

        Sent to the guest's console, it is answered there with ``harness: stage renewed
        TOKEN`` when all is done, else with ``harness: trouble: renew: ...``.  ``now_ns`` is
        the time to set, in nanoseconds since 1970, and ``seed`` 32 random bytes that no
        other guest is given: its random numbers, host key and clock are then its own.

        Raises ValueError for what the line cannot hold.
        """
        if len(seed) != 32:
            raise ValueError(f"the seed has {len(seed)} bytes: expected 32")
        for word in (token, hostname):
            if not _WORD.fullmatch(word):
                raise ValueError(f"{word!r}: expected 1 to 63 of A-Z, a-z, 0-9, '.', '_', '-'")
        files = (self._host_file().hex(), self._authorized_file().hex())
        words = ("renew", token, str(now_ns), seed.hex(), hostname, *files)
        return " ".join(words).encode() + b"\n"
