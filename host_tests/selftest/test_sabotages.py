# SPDX-License-Identifier: GPL-2.0-only
"""Reading which cases must fail with which sabotage."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.selftest import sabotages


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sabotages, "GUEST_TESTS", tmp_path)
    made = tmp_path / "sabotage" / "expected"
    made.mkdir(parents=True)
    return made


def test_programs_are_put_together(folder):
    (folder / "one.toml").write_text('[wrong-errno]\nminor = ["a", "b[anon]"]\n')
    (folder / "two.toml").write_text('[wrong-errno]\nminor = ["c"]\n32-bit = ["d"]\n')
    assert sabotages.expected() == {
        "wrong-errno": {"minor": ["one/a", "one/b[anon]", "two/c"], "32-bit": ["two/d"]}
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nmajor = []\n", r"one\.toml \[a\]: unknown major: expected minor, newest"),
        ("[a\n", r"one\.toml: not TOML"),
    ],
)
def test_what_is_malformed_is_refused(folder, text, said):
    (folder / "one.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        sabotages.expected()


def test_the_real_ones():
    found = sabotages.expected()
    assert len(found) > 40
    assert all(names for kernels in found.values() for names in kernels.values())
