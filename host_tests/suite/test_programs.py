# SPDX-License-Identifier: GPL-2.0-only
"""Building the guest programs with real compilers."""

import itertools
import logging
import os
import re
import shutil
import subprocess

import pytest
from elftools.elf.elffile import ELFFile
from guest_programs import PROGRAM, build, native, run

from harness import architectures
from harness.errors import HostError, InputError
from harness.host.compiler import BuildError
from harness.suite import programs

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64", "i386": "EM_386", "armhf": "EM_ARM"}


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A compiler that writes down each time it compiles."""
    log = tmp_path / "compiled"
    log.touch()
    wrapper = tmp_path / "cc wrapper"
    wrapper.write_text(
        f'#!/bin/sh\nshift\ncase "$*" in *--version) ;; *) echo "$*" >> {log} ;; esac\nexec "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC_x86_64", f"'{wrapper}' --with-an-argument x86_64-linux-gnu-gcc")
    return log


@pytest.mark.parametrize("arch", sorted(MACHINES))
def test_programs_are_static_stripped_and_for_their_architecture(arch):
    binaries = build(arch)
    assert [binary.name for binary in binaries] == programs.names()
    for binary in binaries:
        with binary.open("rb") as file:
            elf = ELFFile(file)
            assert elf["e_machine"] == MACHINES[arch]
            assert not any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
            assert elf.get_section_by_name(".symtab") is None
        assert binary.stat().st_size < 2 * 1024 * 1024
        assert os.access(binary, os.X_OK)


def test_binaries_do_not_know_where_they_were_built():
    for binary in build():
        assert str(architectures.ROOT).encode() not in binary.read_bytes()


@pytest.mark.usefixtures("tree")
def test_nothing_is_built_twice(compiler):
    first = build()
    once = compiler.read_text().splitlines()
    assert sum("small.c" in line for line in once) == 1
    assert sum("lib/runner.c" in line for line in once) == 1
    assert build() == first
    assert compiler.read_text().splitlines() == once


def test_only_what_changed_is_built(tree, compiler):
    (tree / "other.c").write_text(PROGRAM)
    small = build()[1]
    (tree / "small.c").write_text(PROGRAM.replace("something", "else_"))
    again = build()
    assert again[1].read_bytes() != small.read_bytes()
    compiled = compiler.read_text().splitlines()
    counts = [
        sum(file in line for line in compiled) for file in ("small.c", "other.c", "lib/ktap.c")
    ]
    assert counts == [2, 1, 1]


@pytest.mark.parametrize("changed", ["lib/uffd_test.h", "lib/region.c"])
@pytest.mark.usefixtures("compiler")
def test_a_change_of_the_library_rebuilds(tree, changed):
    before = build()
    with (tree / changed).open("a") as file:
        file.write("/* changed */\n")
    assert build() != before


@pytest.mark.usefixtures("tree", "compiler")
def test_another_compiler_rebuilds(monkeypatch):
    before = build()
    monkeypatch.delenv("CC_x86_64")
    assert build() != before


@pytest.mark.usefixtures("tree")
def test_binary_that_was_deleted_is_built_again():
    (binary,) = build()
    shutil.rmtree(binary.parent)
    assert build() == [binary]
    assert binary.is_file()


@pytest.mark.usefixtures("compiler")  # one of its own: nothing of it is in the cache
def test_progress_is_logged(tree, caplog):
    (tree / "other.c").write_text(PROGRAM)
    with caplog.at_level(logging.INFO, logger="harness"):
        build()
    said = [record.getMessage() for record in caplog.records]
    # They, and the library, which they share.
    files = 2 + len(list((tree / "lib").glob("*.c")))
    assert said == [
        f"building guest programs for x86_64 ({number} of {files})"
        for number in range(1, files + 1)
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("\tno_such_function();", "no_such_function"),
        ("\tint unused;", "unused"),  # a warning is an error
    ],
)
def test_compile_error_is_the_compilers_own(tree, cache, body, says):
    before = set(cache.rglob("*"))
    (tree / "small.c").write_text(PROGRAM.replace("\tEXPECT", f"{body}\n\tEXPECT"))
    with pytest.raises(BuildError) as caught:
        programs.build(architectures.load("x86_64"))
    message = str(caught.value)
    assert message.startswith("guest_tests/small.c does not compile for x86_64:\n")
    assert re.search(r"^small\.c:4:", message, re.MULTILINE)
    assert says in message
    left = {path for path in set(cache.rglob("*")) - before if path.suffix != ".lock"}
    assert not [path for path in left if "small" in path.name]


def test_programs_for_32_bit_tasks_have_names_of_their_own():
    recipe = architectures.load("i386")
    (own,) = programs.build(recipe, only=["api"])
    (compat,) = programs.build(recipe, only=["api"], compat=True)
    assert (own.name, compat.name) == ("api", "api.compat")
    assert own.parent != compat.parent


@pytest.mark.parametrize("arch", ["i386", "armhf"])
def test_programs_for_32_bit_tasks_fit_kernels_with_large_pages(arch):
    try:
        (compat,) = programs.build(architectures.load(arch), only=["api"], compat=True)
    except HostError as error:
        pytest.skip(str(error))
    with compat.open("rb") as file:
        loaded = [s for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
    # The last byte of one and the first of the next are on different pages of 64 KiB.
    for one, following in itertools.pairwise(loaded):
        assert (one["p_vaddr"] + one["p_memsz"] - 1) >> 16 < following["p_vaddr"] >> 16


@native
def test_one_binary_is_the_program_that_it_is_called(tree):
    (tree / "other.c").write_text(PROGRAM.replace('"nothing"', '"other"').replace("true", "false"))
    other, small = build()
    assert other.resolve() == small.resolve()
    # Both have a case of that name.
    assert run(small, "something").returncode == 0
    assert run(other, "something").returncode == 1
    listed = subprocess.run([small, "list"], capture_output=True, text=True, check=True).stdout
    assert listed.count("something") == 1
    compat = small.with_name("small.compat")
    compat.symlink_to(small.resolve())
    assert run(compat, "something").returncode == 0
    unknown = small.with_name("sma")
    unknown.symlink_to(small.resolve())
    assert "no case 'something'" in run(unknown, "something").stderr


def test_unknown_sabotage_is_named():
    with pytest.raises(InputError, match=r"unknown sabotage 'x': expected one of .*message-lost"):
        programs.build(architectures.load("x86_64"), sabotage="x")


def test_sabotage_stands_in_front_of_the_system_call(tree):
    (tree / "sabotage").mkdir()
    (tree / "sabotage" / "no-ioctl.c").write_text(
        "int __wrap_ioctl(int fd, unsigned long request, void *arg);\n"
        "int __wrap_ioctl(int fd, unsigned long request, void *arg)\n"
        "{ (void)fd; (void)request; (void)arg; return 4711; }\n"
    )
    (tree / "small.c").write_text(
        PROGRAM.replace("true", "ioctl(-1, 0, 0) == -1"),
    )
    (plain,), (sabotaged,) = build(), build(sabotage="no-ioctl")
    assert run(plain, "something").returncode == 0
    assert run(sabotaged, "something").returncode == 1


@pytest.fixture
def bare_tree(tmp_path, cache, monkeypatch):
    """No library, and a program of a few lines: quick to link with every sabotage."""
    folder = tmp_path / "guest_tests"
    shutil.copytree(architectures.GUEST_TESTS / "sabotage", folder / "sabotage")
    (folder / "lib").mkdir()
    for header in (architectures.GUEST_TESTS / "lib").glob("uapi*.h"):
        shutil.copy(header, folder / "lib")
    # It refers to every function that a sabotage stands in front of, or calls.
    called = re.compile(r"__(?:wrap|real)_(\w+)\(")
    texts = [path.read_text() for path in (folder / "sabotage").glob("*.[ch]")]
    names = sorted({name for text in texts for name in called.findall(text)})
    (folder / "bare.c").write_text(
        "".join(f"extern char {name}[];\n" for name in names)
        + "int main(void) { return (int)(0L"
        + "".join(f" + (long){name}" for name in names)
        + "); }\n"
    )
    monkeypatch.setattr(programs, "GUEST_TESTS", folder)
    # Without a sabotage it is built once for all of them.
    monkeypatch.setenv("HARNESS_CACHE", str(cache))


@pytest.mark.usefixtures("bare_tree")
@pytest.mark.parametrize("sabotage", programs.sabotages())
def test_sabotage_compiles(sabotage):
    (plain,), (sabotaged,) = build(), build(sabotage=sabotage)
    assert plain.read_bytes() != sabotaged.read_bytes()
