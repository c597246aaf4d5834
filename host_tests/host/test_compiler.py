# SPDX-License-Identifier: GPL-2.0-only
"""Finding a compiler, what its output depends on, and what it says of bad C."""

from __future__ import annotations

import re
import shutil

import pytest
from elftools.elf.elffile import ELFFile

from harness import architectures
from harness.errors import HostError
from harness.host import compiler

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64", "i386": "EM_386", "armhf": "EM_ARM"}


def find(arch: str) -> compiler.Compiler:
    try:
        return compiler.find(architectures.load(arch))
    except HostError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "x.c").write_text("int main(void)\n{\n\treturn strerrorname_np(1) == 0;\n}\n")
    (folder / "x.h").write_text("/* empty */\n")
    return folder


@pytest.mark.parametrize("arch", sorted(MACHINES))
def test_it_makes_static_stripped_programs_of_the_architecture(arch, folder):
    source = folder / "x.c"
    source.write_text("#include <string.h>\n" + source.read_text())
    arguments = [*compiler.COMPILE, *compiler.LINK, "-o", "x", "x.c"]
    find(arch).compile(folder, "x.c", arguments)
    with (folder / "x").open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_machine"] == MACHINES[arch]
        assert not any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
        assert elf.get_section_by_name(".symtab") is None
    assert str(folder).encode() not in (folder / "x").read_bytes()


@pytest.mark.parametrize(
    ("body", "says"),
    [("no_such_function();", "no_such_function"), ("int unused;", "unused")],
)
def test_what_the_compiler_says_is_the_error(folder, body, says):
    (folder / "x.c").write_text(f"int main(void)\n{{\n\t{body}\n}}\n")
    with pytest.raises(compiler.BuildError) as caught:
        find("x86_64").compile(folder, "x.c", [*compiler.COMPILE, "-c", "-o", "x.o", "x.c"])
    message = str(caught.value)
    assert message.startswith("sources/x.c does not compile for x86_64:\n")
    assert re.search(r"^x\.c:3:", message, re.MULTILINE)
    assert says in message
    assert caught.value.exit_code == 200


def test_the_name_of_an_output_depends_on_all_that_goes_in(folder, monkeypatch):
    cc = find("x86_64")
    files = ["x.c", "x.h"]
    names = [cc.made_from(folder, ["-O2"], files)]
    assert cc.made_from(folder, ["-O2"], files) == names[0]
    names += [cc.made_from(folder, flags, files) for flags in ([], ["-Os"], ["-O", "2"])]
    names += [cc.made_from(folder, ["-O2"], few) for few in (["x.c"], ["x.h", "x.c"], ["-O2"][1:])]
    (folder / "x.h").write_text("/* changed */\n")
    names.append(cc.made_from(folder, ["-O2"], files))
    monkeypatch.setenv("CC_x86_64", "x86_64-linux-gnu-gcc -DX")
    names.append(find("x86_64").made_from(folder, ["-O2"], files))
    assert len(set(names)) == len(names)


def test_another_version_of_the_compiler_is_another_compiler(monkeypatch, tmp_path):
    found = []
    for version in ("1", "2"):
        program = tmp_path / version / "cc"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho cc {version}\n")
        program.chmod(0o755)
        monkeypatch.setenv("CC_arm64", f"'{program}' --sysroot='/a b'")
        found.append(compiler.find(architectures.load("arm64")))
    assert [cc.version for cc in found] == ["cc 1\n", "cc 2\n"]
    assert found[0].command[1:] == ("--sysroot=/a b",)
    assert found[0].arch == "arm64"


@pytest.mark.parametrize("arch", sorted(MACHINES))
def test_missing_compiler_says_what_to_install(arch, monkeypatch, tmp_path):
    monkeypatch.delenv(f"CC_{arch}", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    recipe = architectures.load(arch)
    with pytest.raises(HostError) as caught:
        compiler.find(recipe)
    message = str(caught.value)
    assert f"{recipe.cross}-gcc is not in PATH" in message
    assert f"apt-get install gcc-{recipe.cross.replace('_', '-')} " in message
    assert f"libc6-dev-{recipe.debian_arch}-cross" in message
    assert f"CC_{arch}" in message


def test_compiler_that_does_not_run_is_named(monkeypatch):
    monkeypatch.setenv("CC_x86_64", "false")
    with pytest.raises(HostError, match="false --version failed"):
        compiler.find(architectures.load("x86_64"))


def test_compiler_that_is_no_program_is_named(monkeypatch, tmp_path, folder):
    program = tmp_path / "cc"
    shutil.copy("/bin/sh", program)
    monkeypatch.setenv("CC_x86_64", str(program))
    cc = compiler.Compiler("x86_64", (str(program),), "")
    program.write_bytes(b"")
    program.chmod(0o644)
    with pytest.raises(HostError, match="cannot run"):
        cc.compile(folder, "x.c", [])
