# SPDX-License-Identifier: GPL-2.0-only
"""A kernel is configured, built, and found not built; make is a stand-in here."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels.make import BuildError
from harness.selftest.mutation.build import Build, lacking

# Stands for make: notes its words, writes the .config it was told to, and an "image".
MAKE = """#!/bin/sh
echo "$* [$KBUILD_BUILD_TIMESTAMP] [$MAKEFLAGS]" >>{log}
for word; do case $word in
O=*) out=${{word#O=}} ;;
KCONFIG_ALLCONFIG=*) cp "${{word#*=}}" "$out/.config" ;;
bzImage) mkdir -p "$out/arch/x86/boot" && cat {source}/mm/a.c >"$out/arch/x86/boot/bzImage" ;;
esac; done
{script}
"""


@pytest.fixture
def make(tree, tmp_path, monkeypatch):
    """Put a stand-in for make on PATH; return how to write it anew."""

    def write(script=""):
        path = tmp_path / "bin" / "make"
        path.parent.mkdir(exist_ok=True)
        log = tmp_path / "make.log"
        path.write_text(MAKE.format(log=log, source=tree.source, script=script))
        path.chmod(0o755)

    write()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("MAKEFLAGS", "n -- MUTANTS=x")
    return write


@pytest.fixture
def commands(tmp_path, make):  # noqa: ARG001 (it is what writes them)
    return lambda: (tmp_path / "make.log").read_text().splitlines()


def test_it_is_configured_once_and_built_each_time(tree, commands, mutant):
    built = Build(tree, architectures.load("x86_64"))
    plain = built.make()
    assert built.make() == plain
    with tree.edited(mutant().edits):
        assert built.make() != plain
    assert built.make() == plain
    assert sum("allnoconfig" in line for line in commands()) == 1
    assert sum("bzImage" in line for line in commands()) == 4
    for line in commands():
        assert f"O={tree.folder}/x86_64 ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu- " in line
        # Reproducible, and not told what "make mutation" was told.
        assert line.endswith("[Thu Jan  1 00:00:00 UTC 1970] []")


def test_each_architecture_has_its_fragment_and_folder(tree, commands):
    built = Build(tree, architectures.load("i386"))
    assert "CONFIG_X86_PAE=y" in built.fragment
    assert "CONFIG_X86_PAE=y" not in Build(tree, architectures.load("x86_64")).fragment
    built.make()
    assert "ARCH=i386 CROSS_COMPILE=i686-linux-gnu- " in commands()[0]
    with pytest.raises(InputError, match="no mutant of arm64 can be built"):
        Build(tree, architectures.load("arm64")).make()


def test_a_configuration_that_does_not_come_out_is_said(tree, make):
    make('sed -i s/CONFIG_USERFAULTFD=y// "$out/.config"')
    built = Build(tree, architectures.load("x86_64"))
    for _ in range(2):  # it is not taken for configured the second time
        with pytest.raises(InputError, match="x86_64: Kconfig does not take CONFIG_USERFAULTFD=y"):
            built.make()


def test_a_failure_says_what_the_compiler_said(tree, make):
    make("echo ok; echo mm/a.c:3: error: nonsense; echo more; exit 2")
    with pytest.raises(BuildError, match=r"make allnoconfig: mm/a.c:3: error: nonsense$"):
        Build(tree, architectures.load("x86_64")).make()


def test_what_a_configuration_lacks():
    fragment = "# a note\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\n"
    assert lacking(fragment, "CONFIG_A=y\nCONFIG_B=y\n") == []
    assert lacking(fragment, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_D=m\n") == [
        "CONFIG_B=y",
        "CONFIG_D",
    ]


def test_the_image_is_found_where_the_harness_looks_for_it(tree):
    assert (
        Build(tree, architectures.load("i386")).image == tree.folder / "i386/arch/x86/boot/bzImage"
    )
