# SPDX-License-Identifier: GPL-2.0-only
"""A kernel is configured, built, and found not built; make is a stand-in here."""

from __future__ import annotations

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels.build import Build, lacking, merged
from harness.kernels.make import BuildError

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


FRAGMENT = "CONFIG_USERFAULTFD=y\n"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source" / "mm").mkdir(parents=True)
    (tmp_path / "source" / "mm" / "a.c").write_text("a\n")
    return tmp_path / "source"


@pytest.fixture
def make(source, tmp_path, monkeypatch):
    """Put a stand-in for make on PATH; return how to write it anew."""

    def write(script=""):
        path = tmp_path / "bin" / "make"
        path.parent.mkdir(exist_ok=True)
        log = tmp_path / "make.log"
        path.write_text(MAKE.format(log=log, source=source, script=script))
        path.chmod(0o755)

    write()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("MAKEFLAGS", "n -- MUTANTS=x")
    return write


@pytest.fixture
def commands(tmp_path, make):  # noqa: ARG001 (it is what writes them)
    return lambda: (tmp_path / "make.log").read_text().splitlines()


@pytest.fixture
def built(source, tmp_path):
    return Build(source, tmp_path / "out", architectures.load("x86_64"), FRAGMENT)


def test_it_is_configured_once_and_built_each_time(built, commands):
    plain = built.make()
    assert built.make() == plain
    (built.source / "mm" / "a.c").write_text("b\n")
    assert built.make() != plain
    assert sum("allnoconfig" in line for line in commands()) == 1
    assert sum("bzImage" in line for line in commands()) == 3
    for line in commands():
        assert f"O={built.folder} ARCH=x86_64 CROSS_COMPILE=x86_64-linux-gnu- " in line
        # Reproducible, and not told what "make mutation" was told.
        assert line.endswith("[Thu Jan  1 00:00:00 UTC 1970] []")


def test_another_fragment_configures_it_anew(built, commands):
    built.make()
    Build(built.source, built.folder, built.recipe, "CONFIG_KASAN=y\n").make()
    assert (built.folder / ".config").read_text() == "CONFIG_KASAN=y\n"
    assert sum("allnoconfig" in line for line in commands()) == 2


def test_a_configuration_that_does_not_come_out_is_said(built, make):
    make('sed -i s/CONFIG_USERFAULTFD=y// "$out/.config"')
    for _ in range(2):  # it is not taken for configured the second time
        with pytest.raises(InputError, match="x86_64: Kconfig does not take CONFIG_USERFAULTFD=y"):
            built.make()


def test_a_failure_says_what_the_compiler_said(built, make):
    make("echo ok; echo mm/a.c:3: error: nonsense; echo more; exit 2")
    with pytest.raises(BuildError, match=r"make allnoconfig: mm/a.c:3: error: nonsense$"):
        built.make()


def test_what_only_some_kernels_have_is_asked_for_and_may_be_missing(source, tmp_path, make):
    make('sed -i s/CONFIG_OLD=y// "$out/.config"')
    text = "CONFIG_NEW=y\n#? CONFIG_OLD=y\n"
    built = Build(source, tmp_path / "out", architectures.load("x86_64"), text)
    built.make()
    assert (built.folder / "fragment.wanted").read_text() == "CONFIG_NEW=y\nCONFIG_OLD=y\n"
    assert merged([text, "CONFIG_OLD=n\n"]) == "CONFIG_NEW=y\nCONFIG_OLD=n\n"


def test_a_later_fragment_has_the_last_word():
    base = '# a note\nCONFIG_A=y\nCONFIG_B="x"\n# CONFIG_C is not set\n'
    more = "# CONFIG_A is not set\nCONFIG_C=y\n"
    assert merged([base, more]) == 'CONFIG_B="x"\n# CONFIG_A is not set\nCONFIG_C=y\n'


def test_what_a_configuration_lacks():
    fragment = "# a note\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\n"
    assert lacking(fragment, "CONFIG_A=y\nCONFIG_B=y\n") == []
    assert lacking(fragment, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_D=m\n") == [
        "CONFIG_B=y",
        "CONFIG_D",
    ]


def test_the_image_is_found_where_the_harness_looks_for_it(source, tmp_path):
    i386 = Build(source, tmp_path / "i386", architectures.load("i386"), FRAGMENT)
    assert i386.image == tmp_path / "i386/arch/x86/boot/bzImage"
