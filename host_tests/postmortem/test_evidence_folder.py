# SPDX-License-Identifier: GPL-2.0-only
"""Where evidence is put."""

from __future__ import annotations

import pytest

from harness.postmortem.evidence_folder import EvidenceFolder


def test_files_are_named_below_the_runs_folder(tmp_path):
    shelf = EvidenceFolder(tmp_path, "continue.hole[hugetlb-shared]-gw0.1")
    assert list(tmp_path.iterdir()) == []
    shelf.write("hang.txt", "a\nb\x1b[31m\x00c")
    core = shelf.place("vmcore")
    core.write_bytes(b"x")
    shelf.keep(core)
    folder = "evidence/continue.hole-hugetlb-shared-gw0.1"
    assert shelf.files == [f"{folder}/hang.txt", f"{folder}/vmcore"]
    assert (tmp_path / shelf.files[0]).read_text() == "a\nbc\n"


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../b", "..", "\0", "x" * 500])
def test_no_name_leads_out_of_it(tmp_path, name):
    shelf = EvidenceFolder(tmp_path, name + "-vm.1")
    shelf.write("hang.txt", "a")
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.parent.parent == tmp_path / "evidence"
    assert shelf.files == [str(file.relative_to(tmp_path))]


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path, caplog):
    (tmp_path / "evidence").write_text("a file is in the way")
    shelf = EvidenceFolder(tmp_path, "x")
    shelf.write("hang.txt", "a")
    assert shelf.place("vmcore") is None
    assert shelf.files == []
    assert "cannot be made" in caplog.text


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    shelf = EvidenceFolder(tmp_path, "x")
    shelf.place("hang.txt").symlink_to("/dev/full")
    shelf.write("hang.txt", "a")
    assert shelf.files == []
    assert "No space left on device" in caplog.text
