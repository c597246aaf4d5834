# SPDX-License-Identifier: GPL-2.0-only
"""One table of what a user can say: read from a command line, and written back to one."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

import pytest

from harness import options
from harness.run.settings import Settings, add_options, from_options

PLAIN = Settings("arm64")
# Each field with a value that is not its default.
OTHERS = {
    "kernel": "debian:sid",
    "accelerator": "tcg",
    "timeout_scale": 2.5,
    "retries": 0,
    "append": "slub_debug=FZP quiet",
    "boot": "image",
    "vmcore": False,
    "isolation": "case",
}


def parsed(argv):
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    return from_options(parser.parse_args(argv))


def test_every_field_is_tried_below():
    assert {field.name for field in fields(Settings)} == {"arch", *OTHERS}


@pytest.mark.parametrize("name", OTHERS)
def test_what_was_said_comes_back(name):
    settings = replace(PLAIN, **{name: OTHERS[name]})
    assert parsed(settings.to_argv()) == settings


def test_all_of_it_at_once():
    settings = replace(PLAIN, **OTHERS)
    assert parsed(settings.to_argv()) == settings
    assert from_options(options.parser().parse_args(["run", *settings.to_argv()])) == settings


def test_defaults_are_not_said():
    assert PLAIN.to_argv() == ["--arch", "arm64"]


def test_fields_can_be_left_out():
    words = replace(PLAIN, **OTHERS).to_argv(without=("arch", "kernel", "append"))
    assert words == [
        *(
            "--accel",
            "tcg",
            "--timeout-scale",
            "2.5",
            "--retries",
            "0",
            "--boot",
            "image",
            "--no-vmcore",
        ),
        *("--isolation", "case"),
    ]


@pytest.mark.parametrize(
    ("words", "isolation"),
    [([], "vm"), (["--lf"], "case"), (["--lf", "--isolation", "vm"], "vm")],
)
def test_what_failed_last_time_gets_fresh_vms_unless_told_otherwise(words, isolation):
    chosen = options.parser().parse_args(["run", "--arch", "i386", *words])
    assert from_options(chosen).isolation == isolation


def test_a_command_that_has_fewer_options_leaves_the_defaults():
    chosen = options.parser().parse_args(["shell", "--arch", "i386", "--append", "quiet"])
    assert from_options(chosen) == Settings("i386", append="quiet")
