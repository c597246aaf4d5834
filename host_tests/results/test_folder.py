# SPDX-License-Identifier: GPL-2.0-only
"""Folders for runs, and the link to the latest."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from harness.errors import HostError
from harness.results.folder import latest, make_folder

NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)


def test_name_and_link(tmp_path):
    folder = make_folder(tmp_path / "new" / "results", "x86_64", "6.1.0-50-amd64", NOON)
    assert folder.name == "20260702T120000Z-x86_64-6.1.0-50-amd64"
    assert folder.is_dir()
    link = folder.parent / "latest-x86_64"
    assert link.readlink().name == folder.name
    assert link.resolve() == folder.resolve()
    assert sorted(folder.parent.iterdir()) == sorted([folder, link])


def test_the_name_has_utc(tmp_path):
    east = NOON.astimezone(timezone(timedelta(hours=2)))
    assert make_folder(tmp_path, "arm64", "6.1", east).name.startswith("20260702T120000Z-")


def test_two_in_a_second_and_the_link_follows(tmp_path):
    first = make_folder(tmp_path, "arm64", "6.1", NOON)
    second = make_folder(tmp_path, "arm64", "6.1", NOON)
    third = make_folder(tmp_path, "arm64", "6.1", NOON)
    assert (second.name, third.name) == (f"{first.name}-2", f"{first.name}-3")
    assert (tmp_path / "latest-arm64").readlink().name == third.name


def test_each_architecture_has_its_link(tmp_path):
    make_folder(tmp_path, "arm64", "6.1", NOON)
    make_folder(tmp_path, "x86_64", "6.1", NOON)
    assert (tmp_path / "latest-arm64").readlink().name.endswith("-arm64-6.1")


def test_a_link_to_a_folder_that_was_deleted_is_replaced(tmp_path):
    make_folder(tmp_path, "arm64", "6.1", NOON).rmdir()
    folder = make_folder(tmp_path, "arm64", "6.2", NOON)
    assert (tmp_path / "latest-arm64").resolve() == folder.resolve()


@pytest.mark.parametrize("release", ["../../etc", "a/b", "x\ny\x00", "", "ü" * 500])
def test_a_kernel_may_call_itself_anything(tmp_path, release):
    folder = make_folder(tmp_path, "x86_64", release, NOON)
    assert folder.parent == tmp_path
    assert folder.is_dir()


def test_what_cannot_be_made_is_a_host_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot make a folder"):
        make_folder(tmp_path / "file", "arm64", "6.1", NOON)
    (tmp_path / "latest-arm64").mkdir()
    with pytest.raises(HostError, match="cannot make a folder"):
        make_folder(tmp_path, "arm64", "6.1", NOON)
    assert not list(tmp_path.glob(".latest*"))


def test_the_latest_folder_is_found(tmp_path):
    assert latest(tmp_path / "nothing", "x86_64") is None
    assert latest(tmp_path, "x86_64") is None
    folder = make_folder(tmp_path, "x86_64", "6.1", NOON)
    assert latest(tmp_path, "x86_64") == folder
    assert latest(tmp_path, "arm64") is None
    again = make_folder(tmp_path, "x86_64", "6.1", NOON)
    assert latest(tmp_path, "x86_64") == again
    again.rmdir()
    assert latest(tmp_path, "x86_64") is None
