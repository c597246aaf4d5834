# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.kernels.spec import absolute


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (".", "here"),
        ("./", "here"),
        ("..", ""),
        ("bzImage", "here/bzImage"),
        ("./a/bzImage", "here/a/bzImage"),
        ("../linux/arch/x86/boot/bzImage", "linux/arch/x86/boot/bzImage"),
        ("a/../../b", "b"),
        ("~", "home"),
        ("~/linux", "home/linux"),
        ("~root-is-a-file/x/../y", None),
        ('it\'s "a" kernel, 100%', 'here/it\'s "a" kernel, 100%'),
        ("-k", "here/-k"),
        ("a:b", "here/a:b"),
        ("Kärnel", "here/Kärnel"),
    ],
)
def test_paths_become_absolute(here, spec, found):
    if found is None:
        with pytest.raises(InputError, match=r"there is no user 'root-is-a-file'; write \./~root"):
            absolute(spec)
        return
    assert absolute(spec) == str(here.parent / found)
    assert absolute(absolute(spec)) == absolute(spec)


def test_an_absolute_path_is_as_it_was():
    assert absolute("/a/b") == "/a/b"
    assert absolute("~root") == str(Path("~root").expanduser())


@pytest.mark.parametrize("spec", ["debian:bookworm", "debian:", "debian:sid:arm64-16k=7.0-1"])
def test_a_suite_is_no_path(spec):
    assert absolute(spec) == spec


def test_links_are_kept_but_not_before_dots(here):
    (here / "real/deep").mkdir(parents=True)
    (here / "link").symlink_to("real/deep")
    assert absolute("link/k") == str(here / "link/k")
    # as the kernel walks it, not as it is spelled
    assert absolute("link/../k") == str(here / "real/k")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "no kernel is named by ''"),
        ("  ", "no kernel is named by '  '"),
        ("a\0b", "no kernel is named"),
        ("~nosuch/linux", r"there is no user 'nosuch'; write \./~nosuch/linux for a file"),
        (os.fsdecode(b"b\xff"), r"b\\xff' is not UTF-8: rename it, or name a link"),
        ("https://example.org/bzImage", "is an address: download the file"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_no_path_is_explained(spec, message):
    with pytest.raises(InputError, match=message):
        absolute(spec)


def test_a_folder_that_is_gone(here):
    here.rmdir()
    with pytest.raises(InputError, match="current folder cannot be told: No such file"):
        absolute("bzImage")
    assert absolute("/bzImage") == "/bzImage"


def test_a_folder_that_is_not_utf_8(here, monkeypatch):
    odd = Path(os.fsdecode(os.fsencode(here) + b"/\xff"))
    odd.mkdir()
    monkeypatch.chdir(odd)
    with pytest.raises(InputError, match=r"\\xff/bzImage' is not UTF-8"):
        absolute("bzImage")
