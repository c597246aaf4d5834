# SPDX-License-Identifier: GPL-2.0-only
"""Archives, read back by a reader of the tests' own and by GNU cpio."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from newc import members, tree

from harness.image import cpio

NAME = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
PART = NAME.filter(lambda name: name not in {".", ".."})
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)
PERMISSIONS = st.integers(0, 0o7777)
ENTRY = st.one_of(
    st.builds(cpio.file, PATH, st.binary(max_size=40), PERMISSIONS),
    st.builds(cpio.folder, PATH, PERMISSIONS),
    st.builds(cpio.link, PATH, NAME),
    st.builds(cpio.device, PATH, st.integers(0, 4095), st.integers(0, 0xFFFFF), PERMISSIONS),
)
EXAMPLE = [
    cpio.file("init", b"#!/bin/sh\n", 0o755),
    cpio.link("bin/sh", "busybox"),
    cpio.device("dev/console", 5, 1),
    cpio.folder("tmp", 0o1777),
    cpio.file("usr/share/doc/x", b"12345"),
    cpio.file("empty", b""),
]


def no_name_is_two_things(entries: list[cpio.Entry]) -> bool:
    """Say whether no file stands where another entry wants a folder."""
    folders = {e.name for e in entries if stat.S_ISDIR(e.mode)}
    above = {str(p) for e in entries for p in PurePosixPath(e.name).parents[:-1]}
    names = [e.name for e in entries]
    return len(set(names)) == len(names) and not (set(names) & above) - folders


def no_name_ends_the_archive(entries: list[cpio.Entry]) -> bool:
    return not any(PurePosixPath(entry.name).parts[0] == "TRAILER!!!" for entry in entries)


ENTRIES = (
    st.lists(ENTRY, max_size=12).filter(no_name_is_two_things).filter(no_name_ends_the_archive)
)


@pytest.mark.parametrize("name", ["TRAILER!!!", "TRAILER!!!/in-it"])
def test_the_name_that_ends_an_archive_is_refused(name):
    with pytest.raises(ValueError, match=r"TRAILER!!! ends a cpio archive"):
        cpio.archive([cpio.file(name, b"")])
    # Only as the whole name.
    assert tree(cpio.archive([cpio.file(f"a/{name}", b"")]))


@given(ENTRIES)
def test_what_goes_in_comes_out(entries):
    found = tree(cpio.archive(entries))
    for entry in entries:
        member = found.pop(entry.name)
        assert (member.mode, member.data, member.device) == (entry.mode, entry.data, entry.device)
    # What is left are the folders above them.
    above = {str(p) for e in entries for p in PurePosixPath(e.name).parents[:-1]}
    assert set(found) == above - {e.name for e in entries}
    assert {member.mode for member in found.values()} <= {stat.S_IFDIR | 0o755}


@given(ENTRIES)
def test_folders_come_before_what_is_in_them_and_names_come_once(entries):
    seen: set[str] = set()
    for member in members(cpio.archive(entries)):
        parent = str(PurePosixPath(member.name).parent)
        assert parent in seen or parent == "."
        assert member.name not in seen
        seen.add(member.name)


@given(ENTRIES)
def test_the_bytes_depend_on_the_entries_alone(entries):
    archive = cpio.archive(entries)
    assert archive == cpio.archive(iter(entries))
    assert len(archive) % 512 == 0
    for member in members(archive):
        assert (member.uid, member.gid, member.mtime) == (0, 0, 0)
        # With more the kernel would take equal inode numbers for hard links.
        assert member.links == 1
    assert len({member.inode for member in members(archive)}) == len(members(archive))


@given(ENTRIES, ENTRIES)
def test_archives_can_stand_behind_each_other(first, second):
    both = cpio.archive(first) + cpio.archive(second)
    assert members(both) == members(cpio.archive(first)) + members(cpio.archive(second))


def test_a_folder_that_is_named_late_keeps_its_permissions():
    entries = [cpio.file("root/.ssh/x", b""), cpio.folder("root", 0o700)]
    found = members(cpio.archive(entries))
    assert [member.name for member in found] == ["root", "root/.ssh", "root/.ssh/x"]
    assert found[0].mode == stat.S_IFDIR | 0o700


def test_the_later_entry_of_one_name_counts():
    [member] = members(cpio.archive([cpio.file("x", b"1"), cpio.file("x", b"22")]))
    assert member.data == b"22"


def test_the_header_is_as_the_kernel_documents_it():
    archive = cpio.archive([cpio.device("c", 5, 1, 0o600)])
    fields = [b"1", b"2180", b"0", b"0", b"1", b"0", b"0", b"0", b"0", b"5", b"1", b"2", b"0"]
    assert archive.startswith(b"070701" + b"".join(f.rjust(8, b"0") for f in fields) + b"c\0")


@pytest.mark.skipif(not shutil.which("cpio"), reason="GNU cpio is not installed")
def test_gnu_cpio_reads_it():
    archive = cpio.archive(EXAMPLE)

    def run(*arguments: str) -> bytes:
        argv = ["cpio", "--quiet", "-i", *arguments]
        done = subprocess.run(argv, input=archive, capture_output=True, check=True)
        assert done.stderr == b""
        return done.stdout

    # Mode, owner, and what the kind of entry is about.
    listed = {line.split()[8]: line.split() for line in run("-tvn").decode().splitlines()}
    assert {name: words[0] for name, words in listed.items()} == {
        "init": "-rwxr-xr-x",
        "bin": "drwxr-xr-x",
        "bin/sh": "lrwxrwxrwx",
        "dev": "drwxr-xr-x",
        # "5, 1" is two words: the name is where others have a part of the date.
        "1970": "crw-------",
        "tmp": "drwxrwxrwt",
        "usr": "drwxr-xr-x",
        "usr/share": "drwxr-xr-x",
        "usr/share/doc": "drwxr-xr-x",
        "usr/share/doc/x": "-rw-r--r--",
        "empty": "-rw-r--r--",
    }
    assert all(words[2:4] == ["0", "0"] for words in listed.values())
    assert listed["bin/sh"][9:] == ["->", "busybox"]
    assert listed["1970"][4:6] == ["5,", "1"]
    assert listed["1970"][-1] == "dev/console"
    assert run("--to-stdout", "usr/share/doc/x") == b"12345"


def test_a_kernels_worth_of_bytes():
    data = bytes(range(256)) * 40_000  # sizes above 16 bits and 20 bits
    assert tree(cpio.archive([cpio.file("x", data)]))["x"].data == data
