# SPDX-License-Identifier: GPL-2.0-only
"""Folders for runs, and the link to the latest."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from harness.errors import HostError, InputError
from harness.results.folder import latest, link_latest, make_folder

NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)


def test_name_and_link(tmp_path):
    folder = make_folder(tmp_path / "new" / "results", "x86_64", "6.1.0-50-amd64", NOON)
    assert folder.name == "20260702T120000Z-x86_64-6.1.0-50-amd64"
    assert folder.is_dir()
    link_latest(folder, "x86_64")
    link = folder.parent / "latest-x86_64"
    assert link.readlink().name == folder.name
    assert link.resolve() == folder.resolve()
    assert sorted(folder.parent.iterdir()) == sorted([folder, link])


def test_the_name_has_utc(tmp_path):
    east = NOON.astimezone(timezone(timedelta(hours=2)))
    assert make_folder(tmp_path, "arm64", "6.1", east).name.startswith("20260702T120000Z-")


def made(results, arch, release="6.1"):
    folder = make_folder(results, arch, release, NOON)
    link_latest(folder, arch)
    return folder


def test_two_in_a_second_and_the_link_follows(tmp_path):
    first, second, third = (made(tmp_path, "arm64") for _ in range(3))
    assert (second.name, third.name) == (f"{first.name}-2", f"{first.name}-3")
    assert (tmp_path / "latest-arm64").readlink().name == third.name


def test_each_architecture_has_its_link(tmp_path):
    made(tmp_path, "arm64")
    made(tmp_path, "x86_64")
    assert (tmp_path / "latest-arm64").readlink().name.endswith("-arm64-6.1")


def test_a_link_to_a_folder_that_was_deleted_is_replaced(tmp_path):
    made(tmp_path, "arm64").rmdir()
    folder = made(tmp_path, "arm64", "6.2")
    assert (tmp_path / "latest-arm64").resolve() == folder.resolve()


def test_what_stands_where_the_link_should_be_stops_nothing(tmp_path, caplog):
    """Stores of artifacts make folders of links."""
    (tmp_path / "latest-arm64" / "old").mkdir(parents=True)
    folder = made(tmp_path, "arm64")
    assert folder.is_dir()
    assert "latest-arm64 does not lead to the new results: Is a directory" in caplog.text
    assert (tmp_path / "latest-arm64" / "old").is_dir()
    assert not list(tmp_path.glob(".latest*"))
    (tmp_path / "latest-i386").write_text("a plain file is replaced")
    assert made(tmp_path, "i386") == (tmp_path / "latest-i386").resolve()


@pytest.mark.parametrize("release", ["../../etc", "a/b", "x\ny\x00", "", "ü" * 500])
def test_a_kernel_may_call_itself_anything(tmp_path, release):
    folder = make_folder(tmp_path, "x86_64", release, NOON)
    assert folder.parent == tmp_path
    assert folder.is_dir()


def test_results_that_can_be_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("gone")
    for name, why in [
        ("file", "file is no folder"),
        ("file/results", "file is no folder"),
        ("link", "leads to gone, which is not there"),
        ("link/results", "leads to gone, which is not there"),
    ]:
        with pytest.raises(InputError, match=f"no results can be kept in .*/{name}: .*{why}$"):
            make_folder(tmp_path / name, "arm64", "6.1", NOON)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_link_to_a_folder_will_do(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to("disk")
    made(tmp_path / "results", "arm64")
    assert (tmp_path / "disk" / "latest-arm64").is_dir()


def test_what_cannot_be_made_is_a_host_error():
    with pytest.raises(HostError, match="cannot make a folder for the results in /proc/results"):
        make_folder(Path("/proc/results"), "arm64", "6.1", NOON)


def test_the_latest_folder_is_found(tmp_path):
    assert latest(tmp_path / "nothing", "x86_64") is None
    assert latest(tmp_path, "x86_64") is None
    folder = made(tmp_path, "x86_64")
    assert latest(tmp_path, "x86_64") == folder
    assert latest(tmp_path, "arm64") is None
    again = made(tmp_path, "x86_64")
    assert latest(tmp_path, "x86_64") == again
    again.rmdir()
    assert latest(tmp_path, "x86_64") is None
