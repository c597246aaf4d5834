# SPDX-License-Identifier: GPL-2.0-only
"""Where a kernel comes from, as far as trees, tuxmake, packages and images say it."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from harness.architectures import load
from harness.host.codec import from_json, to_json
from harness.host.git import Git
from harness.kernels.find import find
from harness.kernels.provenance import (
    QUESTIONS,
    Build,
    Provenance,
    Source,
    compiler_version,
    provenance,
    source_of_git,
    source_of_release,
    without_password,
)

X86 = load("x86_64")
CONFIG = 'CONFIG_USERFAULTFD=y\nCONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14) 12.2.0"\n'
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# As tuxmake 1.45 writes it (its build.py, metadata/*.ini), shortened.
TUXMAKE = {
    "build": {"kconfig": "defconfig", "kconfig_add": ["a.config", "CONFIG_KVM_GUEST=y"]},
    "compiler": {"name": "clang", "version_full": "Debian clang version 14.0.6"},
    "git": {
        "git_branch": "mm-new",
        "git_commit": COMMIT,
        "git_describe": "v6.12-rc1-12-g0123456789ab",
        "git_url": "https://me:secret@example.org/linux.git",
    },
    "results": {"duration": {"validate": 0.1, "build": 123.45678}},
    "tuxmake": {"version": "1.45.0"},
}


def git(tree, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x"]
    done = subprocess.run(["git", "-C", tree, *who, *words], check=True, capture_output=True)
    return done.stdout.decode().strip()


def asked(tree, release="6.1"):
    return source_of_git(Git(tree, QUESTIONS).answers(20), release)


@pytest.fixture
def tree(tmp_path, bzimage):
    """A build tree of kbuild, in git."""
    folder = tmp_path / "linux"
    boot = folder / "arch" / "x86" / "boot"
    boot.mkdir(parents=True)
    (folder / "Kbuild").write_text("")
    git(folder, "init", "-q", "-b", "mm-new")
    git(folder, "add", "Kbuild")
    git(folder, "commit", "-qm", "x")
    git(folder, "tag", "-am", "x", "v6.1")
    (boot / "bzImage").write_bytes(bzimage)
    (folder / ".config").write_text(CONFIG)
    return folder


def test_a_build_tree(tree):
    (tree / "include" / "generated").mkdir(parents=True)
    (tree / "include" / "generated" / "compile.h").write_text(
        '#define UTS_MACHINE\t\t"x86_64"\n'
        '#define LINUX_COMPILER\t\t"gcc-13 (Debian 13.1.0-2) 13.1.0, GNU ld (GNU Binutils) 2.40"\n'
    )
    found, files = provenance(find(str(tree), X86))
    assert found == Provenance(
        Build(
            compiler="gcc-13 (Debian 13.1.0-2) 13.1.0, GNU ld (GNU Binutils) 2.40",
            compiler_version="13.1.0",
            config_sha256=hashlib.sha256(CONFIG.encode()).hexdigest(),
        ),
        tree=str(tree),
    )
    assert tree / "include" / "generated" / "compile.h" in files
    assert from_json(Provenance, to_json(found)) == found


@pytest.mark.parametrize("link", [False, True])
def test_an_image_in_a_build_tree(tree, tmp_path, link):
    path = tree / "arch" / "x86" / "boot" / "bzImage"
    if link:
        (tmp_path / "vmlinuz").symlink_to(path)
        path = tmp_path / "vmlinuz"
    assert provenance(find(str(path), X86))[0].tree == str(tree)


def test_the_source_of_an_output_folder(tree, tmp_path):
    """Of make O=: the repository is where the link "source" leads."""
    source = tmp_path / "elsewhere"
    source.mkdir()
    (tree / "source").symlink_to(source)
    assert provenance(find(str(tree), X86))[0].tree == str(tree / "source")


def test_a_configuration_says_the_compiler(tree):
    found, _ = provenance(find(str(tree), X86))
    assert found.build.compiler == "gcc-12 (Debian 12.2.0-14) 12.2.0"
    assert found.build.compiler_version == "12.2.0"


def test_an_image_alone_says_its_compiler(bzimage, tmp_path):
    (tmp_path / "bzImage").write_bytes(bzimage)
    found, _ = provenance(find(str(tmp_path / "bzImage"), X86))
    assert found.build.compiler.startswith("gcc-12 (Debian 12.2.0-14")
    assert found.build.compiler_version == "12.2.0"
    assert found.build.config_sha256 == ""
    assert (found.source, found.tree) == (None, "")


def test_tuxmake(bzimage, tmp_path):
    (tmp_path / "bzImage").write_bytes(bzimage)
    (tmp_path / "config").write_text("CONFIG_USERFAULTFD=y\n")
    (tmp_path / "metadata.json").write_text(json.dumps(TUXMAKE))
    found, files = provenance(find(str(tmp_path / "bzImage"), X86))
    assert found.source == Source(
        COMMIT,
        describe="v6.12-rc1-12-g0123456789ab",
        branch="mm-new",
        url="https://example.org/linux.git",
        said_by="tuxmake",
    )
    assert found.build == Build(
        compiler="Debian clang version 14.0.6",
        compiler_version="14.0.6",
        config_name="defconfig+a.config+CONFIG_KVM_GUEST=y",
        config_sha256=hashlib.sha256(b"CONFIG_USERFAULTFD=y\n").hexdigest(),
        duration=123.457,
    )
    assert tmp_path / "metadata.json" in files


@pytest.mark.parametrize(
    "said",
    [
        "", "{", "[]", "[" * 100_000, json.dumps(TUXMAKE).replace('"tuxmake"', '"another"'),
        '{"tuxmake": 1, "git": 5, "build": [], "results": {"duration": {"build": 1e999}}}',
        '{"tuxmake": 1, "git": {"git_commit": 5}, "build": {"kconfig": {}}, "results": []}',
        '{"tuxmake": 1, "git": {"git_commit": "HEAD"}, "compiler": {"version_full": {}}}',
    ],
)  # fmt: skip
def test_metadata_that_makes_no_sense_is_passed_over(bzimage, tmp_path, said):
    (tmp_path / "bzImage").write_bytes(bzimage)
    (tmp_path / "metadata.json").write_text(said)
    found, _ = provenance(find(str(tmp_path / "bzImage"), X86))
    assert found.source is None
    assert (found.build.config_name, found.build.duration) == ("", None)
    assert found.build.compiler_version == "12.2.0"


def test_a_package_of_debian():
    kernel = find("debian:bookworm", X86)
    found, _ = provenance(kernel)
    assert found.build.config_name == f"config-{kernel.release}"
    assert len(found.build.config_sha256) == 64
    assert found.build.compiler.startswith("gcc-12 (Debian 12.2.0-14")
    assert (found.source, found.tree) == (None, "")


def test_git_says_the_commit(tree):
    git(tree, "config", "remote.origin.url", "https://token@example.org/linux.git")
    assert asked(tree) == Source(
        commit=git(tree, "rev-parse", "HEAD"),
        describe="v6.1",
        branch="mm-new",
        url="https://example.org/linux.git",
        dirty=False,
    )
    (tree / "Kbuild").write_text("x")
    assert asked(tree).dirty is True
    git(tree, "checkout", "-q", "--detach")
    assert asked(tree).branch == ""


def test_a_tree_without_a_remote_has_no_url(tree):
    assert asked(tree).url == ""


def test_no_repository_no_commit(tmp_path):
    assert asked(tmp_path) is None


def test_what_git_did_not_say_in_time_is_not_known():
    assert source_of_git({"commit": COMMIT}, "6.1") == Source(COMMIT)
    assert source_of_git({"describe": "v6.1"}, "6.1") is None


def test_a_kernel_of_a_commit_that_is_no_longer_checked_out():
    answers = {"commit": COMMIT, "branch": "x", "url": "u", "status": "M x"}
    assert source_of_git(answers, "6.12.0-rc1-00012-gfedcba987654") == Source(
        "fedcba987654", url="u", dirty=False, said_by="release"
    )
    # The same commit: what was dirty when it was built counts, not what is now.
    same = source_of_git(answers, f"6.12.0-rc1-00012-g{COMMIT[:12]}")
    assert (same.commit, same.branch, same.dirty) == (COMMIT, "x", False)
    assert source_of_git(answers, f"6.12.0-g{COMMIT[:12]}-dirty").dirty is True


@pytest.mark.parametrize(
    ("release", "commit", "dirty"),
    [
        ("6.12.0-rc1-00012-g1234567890ab", "1234567890ab", False),
        ("6.12.0-rc1-next-20261001-g1234567-dirty", "1234567", True),
        ("6.1.0-50-amd64", None, None),
        ("6.12.0-dirty", None, None),
        ("6.12.0-gaming", None, None),
        ("6.12.0-g1234567-amd64", None, None),
    ],
)
def test_the_commit_in_a_release(release, commit, dirty):
    found = source_of_release(release)
    assert (found and found.commit, found and found.dirty) == (commit, dirty)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("https://token@example.org/x.git", "https://example.org/x.git"),
        ("https://me:secret@example.org/x.git", "https://example.org/x.git"),
        ("http://me:s:e@example.org/a@b", "http://example.org/a@b"),
        ("ssh://git:secret@example.org/x.git", "ssh://git@example.org/x.git"),
        ("git@example.org:x.git", "git@example.org:x.git"),
        ("/srv/git/linux", "/srv/git/linux"),
    ],
)
def test_a_password_is_not_kept(url, kept):
    assert without_password(url) == kept


@pytest.mark.parametrize(
    ("compiler", "version"),
    [
        ("gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40",
         "12.2.0"),
        ("aarch64-linux-gnu-gcc-12 (Debian 12.2.0-14) 12.2.0", "12.2.0"),
        ("Debian clang version 14.0.6, Debian LLD 14.0.6", "14.0.6"),
        ("clang version 19.1.7 (https://example.org/llvm.git cd708029e0b2)", "19.1.7"),
        ("Android (7284624, based on r416183b) clang version 12.0.5 (x 1.2), LLD 12.0.5",
         "12.0.5"),
        ("gcc (GCC) 15.0.1 20250418 (Red Hat 15.0.1-0)", "15.0.1"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_version_of_a_compiler(compiler, version):
    assert compiler_version(compiler) == version
