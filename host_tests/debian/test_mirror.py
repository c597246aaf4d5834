# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from harness.debian import mirror
from harness.errors import InputError

ONE_LINE = """\
# a comment
deb [arch=amd64] http://apt.example.org/debian bookworm other
deb http://packages.example.org/tool/debian bookworm main
deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example.org/debian bookworm main contrib
deb http://security.example.org/debian-security bookworm-security main
"""
DEB822 = """\
Types: deb deb-src
URIs: http://mirror.example.org/debian/
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example.org/debian-security
Suites: trixie-security
Components: main
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host's apt configuration, of our own making, with nothing downloaded yet."""
    etc = tmp_path / "etc"
    (etc / "sources.list.d").mkdir(parents=True)
    (tmp_path / "lists").mkdir()
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::Etc "{etc}"; Dir::State::lists "{tmp_path}/lists"; Dir::Etc::parts "/dev/null";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(config))
    monkeypatch.delenv("DEBIAN_MIRROR", raising=False)
    return etc


def test_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("DEBIAN_MIRROR", "http://127.0.0.1:1/x/")
    assert mirror.mirror() == "http://127.0.0.1:1/x"


@pytest.mark.parametrize("address", ["ftp.example.org", "http://a b", "ssh://x/debian"])
def test_an_address_apt_cannot_use_is_refused(monkeypatch, address):
    monkeypatch.setenv("DEBIAN_MIRROR", address)
    with pytest.raises(InputError, match="DEBIAN_MIRROR"):
        mirror.mirror()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources.list", ONE_LINE),
        ("sources.list.d/a.list", ONE_LINE),
        ("sources.list.d/debian.sources", DEB822),
    ],
)
def test_the_hosts_debian_mirror_is_found(host, file, text):
    (host / file).write_text(text)
    assert mirror.mirror() == "http://mirror.example.org/debian"


def test_a_mirror_list_is_followed(host, tmp_path):
    (tmp_path / "mirrors.list").write_text("# ours\nhttp://one.example.org/debian\tpriority:1\n")
    (host / "sources.list").write_text(f"deb mirror+file:{tmp_path}/mirrors.list trixie main\n")
    assert mirror.mirror() == "http://one.example.org/debian"


@pytest.mark.parametrize(
    "text", ["", ONE_LINE.splitlines()[1] + "\n", "deb http://x.example.org/apt bookworm main\n"]
)
def test_without_one_the_error_names_the_variable(host, text):
    (host / "sources.list").write_text(text)
    with pytest.raises(InputError, match="DEBIAN_MIRROR"):
        mirror.mirror()


def test_the_hosts_proxy_is_kept_and_its_hooks_are_not(host, tmp_path):
    config = tmp_path / "apt.conf"
    with config.open("a") as file:
        file.write(
            'Acquire::http::Proxy "http://127.0.0.1:3128";\n'
            'Acquire::AllowInsecureRepositories "true";\n'
            'APT::Update::Post-Invoke { "false"; };\n'
        )
    lines = "\n".join(mirror.reach())
    assert 'Acquire::http::Proxy "http://127.0.0.1:3128";' in lines
    assert f'"{host}/auth.conf' in lines
    assert "Insecure" not in lines
    assert "Invoke" not in lines
