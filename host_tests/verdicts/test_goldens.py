# SPDX-License-Identifier: GPL-2.0-only
"""Golden logs, one or more for each format, and what must not change what is read in them.

data/goldens has them: ``TITLE:`` and ``FRAMES:`` (of the first splat) are what must be found in
what follows.  Formats are real, names and addresses made up.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.splats.formats import FORMATS, match
from harness.splats.printk import records
from harness.verdicts.fingerprint import fingerprint, frames_of, function_of, title_of
from harness.verdicts.splats import Kind, find

DATA = Path(__file__).with_name("data") / "goldens"


class Golden(NamedTuple):
    titles: list[str]
    frames: list[str]
    lines: list[str]


def read(path: Path) -> Golden:
    header, _, log = path.read_text().partition("\n\n")
    fields = [line.partition(": ")[::2] for line in header.splitlines()]
    frames = next(value.split() for key, value in fields if key == "FRAMES")
    return Golden([value for key, value in fields if key == "TITLE"], frames, log.splitlines())


GOLDENS = {path.stem: read(path) for path in sorted(DATA.glob("*.log"))}


def seen(lines: list[str]) -> list[tuple[Kind, str, str]]:
    """Return what must stay the same of each splat; a title's text differs with what it names."""
    return [(splat.kind, function_of(splat), fingerprint(splat)) for splat in find(lines)]


every_golden = pytest.mark.parametrize("name", list(GOLDENS))


@every_golden
def test_titles_and_frames(name):
    golden = GOLDENS[name]
    found = find(golden.lines)
    assert list(map(title_of, found)) == golden.titles
    assert frames_of(found[0]) == golden.frames


def test_every_row_of_the_table_has_a_golden_log():
    shown = {
        row
        for golden in GOLDENS.values()
        for line in golden.lines
        for record in records(line)
        if (row := match(record.text))
    }
    lacking = [row.pattern.pattern for row in FORMATS if row.kind and row not in shown]
    assert not lacking


def test_every_kind_has_a_golden_log():
    kinds = {splat.kind for golden in GOLDENS.values() for splat in find(golden.lines)}
    assert kinds == set(Kind)


def test_goldens_of_different_bugs_differ():
    lockdep = {name: seen(golden.lines)[0][2] for name, golden in GOLDENS.items()
               if name.startswith("lockdep-")}  # fmt: skip
    other = [line.replace("bar_change", "baz_change") for line in GOLDENS["lockdep-circular"].lines]
    assert seen(other)[0][2] not in lockdep.values()


def without_caller(line: str) -> str:
    return re.sub(r"\]\[ *[TC]\d+\] ", "] ", line)


def later(line: str) -> str:
    return re.sub(r"\[ *(\d+)\.", lambda found: f"[{int(found[1]) + 4000:5}.", line, count=1)


def of_another_task(line: str) -> str:
    return re.sub(r"\[ *T(\d+)\]", lambda found: f"[T{int(found[1]) + 7000}]", line)


def behind_a_program(line: str) -> str:
    return f"prog: half a line {line}"


def with_offsets_of_another_build(line: str) -> str:
    return re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "+0x777/0x888", line)


def with_clones(line: str) -> str:
    return re.sub(r"\b(bar_\w+)\+0x", r"\1.constprop.0.isra.0+0x", line)


@pytest.mark.parametrize(
    "change",
    [
        without_caller,
        later,
        of_another_task,
        behind_a_program,
        with_offsets_of_another_build,
        with_clones,
    ],
)
@every_golden
def test_another_prefix_or_build(name, change):
    lines = GOLDENS[name].lines
    several_callers = len({record.context for line in lines for record in records(line)}) > 1
    if change is without_caller and several_callers:
        pytest.skip("without its caller, nobody can tell whose line it is")
    assert seen(list(map(change, lines))) == seen(lines)


NOISE = {
    "another task": "[  100.000000][  T999] foo: noise",
    "another task's frame": "[  100.000000][  T999]  noise_top+0x1/0x2",
    "an interrupt": "[  100.000000][    C0] foo: noise",
    "a kernel's line without a caller": "[  100.000000] foo: noise",
    "a program": "foo: noise",
    "a program that quotes a kernel": "BUG: KASAN: slab-use-after-free in noise+0x1/0x2",
    "the same task": None,
}


@pytest.mark.parametrize("noise", list(NOISE))
@every_golden
def test_a_foreign_line_between_any_two(name, noise):
    lines = GOLDENS[name].lines
    for at in range(1, len(lines)):
        (record,) = records(lines[at])
        line = NOISE[noise] or f"[{record.stamp:>12}][{record.context:>6}] foo: noise"
        assert seen([*lines[:at], line, *lines[at:]]) == seen(lines), f"before line {at}: {line}"


# How a frame, a program counter and the ways into the kernel are printed elsewhere.
ENTRIES = {
    "do_syscall_64": "invoke_syscall el0_svc_common.constprop.0 do_el0_svc",
    "entry_SYSCALL_64_after_hwframe": "el0_svc el0t_64_sync_handler el0t_64_sync",
    "asm_exc_invalid_op": "el1h_64_sync_handler el1h_64_sync",
    "exc_invalid_op": "el1_brk64",
    "handle_bug": "brk_handler",
    "asm_sysvec_apic_timer_interrupt": "el1_interrupt el1h_64_irq",
}


def as_arm64(lines: list[str]) -> list[str]:
    made, traced = [], False
    for line in lines:
        (record,) = records(line)
        prefix, text = line.removesuffix(record.text), record.text
        traced = traced or text == "Call Trace:"
        if text.strip() in {"<TASK>", "</TASK>", "<IRQ>", "</IRQ>"}:
            continue
        text = text.replace("Call Trace:", "Call trace:").replace("__x64_sys", "__arm64_sys")
        text = text.replace("RIP: 0010:", " " if traced else "pc : ")
        frame = re.fullmatch(r" +(\w+)(\+0x\S+)", text)
        names = ENTRIES.get(frame[1], "").split() if frame else []
        made += [f"{prefix} {name}{frame[2]}" for name in names] or [prefix + text]
    return made


def with_sources(lines: list[str]) -> list[str]:
    return [re.sub(r"^(\[.*\]  [\w.]+\+0x\S+)$", r"\1 (P)", line) for line in as_arm64(lines)]


def as_arm(lines: list[str], frame: str = " {} from {}+0x10/0x20") -> list[str]:
    made = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        (record,) = records(line)
        prefix, text = line.removesuffix(record.text), record.text
        if text.strip() in {"<TASK>", "</TASK>", "<IRQ>", "</IRQ>"}:
            continue
        text = text.replace("Call Trace:", "Call trace: ").replace("__x64_sys", "sys")
        text = text.replace("RIP: 0010:", "PC is at ")
        callee = re.fullmatch(r" +(\w+)\+0x\S+", text.replace("do_syscall_64", "ret_fast_syscall"))
        caller = re.search(r"\] +(\w+)\+0x", following)
        if "entry_SYSCALL" in text:
            continue
        if callee:
            text = frame.format(callee[1], caller[1] if caller else "0x0")
        made.append(prefix + text)
    return made


def as_verbose_arm(lines: list[str]) -> list[str]:
    changed = as_arm(lines, "[<c0101234>] ({}) from [<c0105678>] ({}+0x10/0x20)")
    made = []
    for line in changed:
        made.append(line)
        if " from [<" in line:
            made.append(line.split("[<")[0] + " r7:83f8909c r6:88e160ac r5:0000000b r4:00000073")
    return made


X86 = [name for name, golden in GOLDENS.items() if any("do_syscall_64" in x for x in golden.lines)]


@pytest.mark.parametrize("change", [as_arm64, with_sources])
@pytest.mark.parametrize("name", X86)
def test_the_frames_of_arm64(name, change):
    lines = GOLDENS[name].lines
    changed = change(lines)
    assert any("el0_svc" in line or "__arm64_sys" in line for line in changed)
    assert seen(changed) == seen(lines)


# What an interrupt or a trap leaves in the middle of a trace is on arm no frame but a block.
TRAPPED = {"warn-then-panic", "rcu-stall", "hung-task-and-another-cpu"}


@pytest.mark.parametrize("change", [as_arm, as_verbose_arm])
@pytest.mark.parametrize("name", [name for name in X86 if name not in TRAPPED])
def test_the_frames_of_arm(name, change):
    lines = GOLDENS[name].lines
    assert seen(change(lines)) == seen(lines)
