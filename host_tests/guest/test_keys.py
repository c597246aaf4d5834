# SPDX-License-Identifier: GPL-2.0-only
"""The keys of a run, as OpenSSH, paramiko and dropbear's own tools read them."""

from __future__ import annotations

import base64
import io
import platform
import shutil
import stat
import struct
import subprocess

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from newc import tree

from harness import architectures
from harness.debian.apt import Suite
from harness.debian.deb import Deb
from harness.guest.keys import Keys
from harness.image import userland

HOST_KEY = "etc/dropbear/host_key"


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="module")
def overlay(keys):
    return tree(keys.overlay())


def strings(data: bytes) -> list[bytes]:
    """Split SSH strings that stand behind each other (RFC 4251 section 5)."""
    found = []
    while data:
        (length,) = struct.unpack_from(">I", data)
        assert len(data) >= 4 + length
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def test_the_hosts_key_file_is_as_dropbear_has_it(keys, overlay):
    kind, both = strings(overlay[HOST_KEY].data)
    assert kind == b"ssh-ed25519"
    assert len(both) == 64
    private = Ed25519PrivateKey.from_private_bytes(both[:32])
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert both[32:] == public
    assert strings(base64.b64decode(keys.host_public)) == [b"ssh-ed25519", public]


def test_paramiko_takes_the_clients_key(keys, overlay):
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(keys.client_file))
    assert key.can_sign()
    assert key == keys.client
    kind, public, _ = overlay["root/.ssh/authorized_keys"].data.decode().split()
    assert (kind, public) == ("ssh-ed25519", key.get_base64())


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")
def test_openssh_takes_the_clients_key(keys, overlay, tmp_path):
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(keys.client_file)
    argv = ["ssh-keygen", "-y", "-P", "", "-f", str(path)]
    done = subprocess.run(argv, capture_output=True, check=True)
    public = overlay["root/.ssh/authorized_keys"].data.split()[:2]
    assert done.stdout.split()[:2] == public


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs Debian's program for x86_64")
def test_dropbear_takes_the_hosts_key(keys, overlay, tmp_path):
    recipe = architectures.load("x86_64")
    for entry in userland.entries(recipe):
        (tmp_path / entry.name.rpartition("/")[2]).write_bytes(entry.data)
    suite = Suite(userland.SUITE, "amd64")
    with Deb(suite.fetch(suite.find("dropbear-bin"))) as deb:
        (tmp_path / "dropbearkey").write_bytes(deb.read("usr/bin/dropbearkey"))
    (tmp_path / "host_key").write_bytes(overlay[HOST_KEY].data)
    linker = tmp_path / "ld-linux-x86-64.so.2"
    linker.chmod(0o755)
    argv = [linker, "--library-path", ".", "./dropbearkey", "-y", "-f", "host_key"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"ssh-ed25519 {keys.host_public} " in done.stdout


def test_nobody_but_root_reads_them(overlay):
    modes = {name: (stat.S_IFMT(m.mode), stat.S_IMODE(m.mode)) for name, m in overlay.items()}
    # sshd refuses keys that others could write, in folders too.
    assert modes["root"] == modes["root/.ssh"] == (stat.S_IFDIR, 0o700)
    assert modes["root/.ssh/authorized_keys"] == modes[HOST_KEY] == (stat.S_IFREG, 0o600)
    assert {m.uid for m in overlay.values()} == {0}


def test_the_guest_is_given_no_private_key_of_the_client(keys):
    overlay = keys.overlay()
    assert b"PRIVATE" not in overlay
    private = paramiko.Ed25519Key.from_private_key(io.StringIO(keys.client_file))
    seed = bytes(private._signing_key)
    assert len(seed) == 32
    assert seed not in overlay


def test_every_run_has_its_own():
    first, second = Keys(), Keys()
    assert first.client_file != second.client_file
    assert first.host_public != second.host_public
    assert first.overlay() != second.overlay()
    assert first.overlay() == first.overlay()


def test_the_line_that_renews_has_the_files_of_the_overlay(keys, overlay):
    line = keys.renewal("t-1.x", 1_700_000_000_123_456_789, bytes(range(32)), "clone-1")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    word, token, now, seed, hostname, host_key, authorized = line.split()
    assert (word, token, now, hostname) == (b"renew", b"t-1.x", b"1700000000123456789", b"clone-1")
    assert bytes.fromhex(seed.decode()) == bytes(range(32))
    assert bytes.fromhex(host_key.decode()) == overlay[HOST_KEY].data
    assert bytes.fromhex(authorized.decode()) == overlay["root/.ssh/authorized_keys"].data
    # What the console's tty takes in at once, and images/init/console.c as a line.
    assert len(line) < 4096


@pytest.mark.parametrize("word", ["", "a b", "a\n", "x" * 64, "\u00e9", "a\0"])
def test_a_line_that_would_not_be_one_is_refused(keys, word):
    with pytest.raises(ValueError, match="expected 1 to 63 of"):
        keys.renewal(word, 1, bytes(32), "h")
    with pytest.raises(ValueError, match="expected 1 to 63 of"):
        keys.renewal("t", 1, bytes(32), word)
    with pytest.raises(ValueError, match="the seed has 31 bytes"):
        keys.renewal("t", 1, bytes(31), "h")
