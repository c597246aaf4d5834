# SPDX-License-Identifier: GPL-2.0-only
"""Frames and program counters as each architecture prints them."""

from __future__ import annotations

import pytest

from harness.verdicts.frames import counter_in, frame_in, plain, traces


@pytest.mark.parametrize(
    "text",
    [
        " foo+0x1/0x2",
        "foo+0x1/0x2",
        "       foo+0x1/0x2",
        " foo+0x1/0x2 [mod]",
        " foo+0x1/0x2 [mod 0123456789abcdef]",
        " [<ffffffff81234567>] foo+0x1/0x2",
        "[<ffffffff81234567>] foo+0x1/0x2 [mod]",
        " foo.constprop.0+0x1/0x2",
        " foo.isra.0.cold+0x1/0x2",
        " foo.llvm.1234567890+0x1/0x2",
        " foo+0x1/0x2 (P)",
        " foo+0x1/0x2 (CF)",
        " foo+0x1/0x2 [mod] (T)",
        " foo+0x1/0x2 (P) [mod]",
        " foo from bar+0x1/0x2",
        "[<c0101234>] (foo) from [<c0105678>] (bar+0x10/0x14)",
        "[<c0101234>] (foo [mod]) from [<c0105678>] (bar+0x10/0x14 [mod])",
        "[<c0101234>] (foo+0x0/0x10) from [<c0105678>] (bar+0x10/0x14)",
        " foo+0x1/0x2 mm/x.c:12",
        " foo mm/x.c:12 [inline]",
    ],
)
def test_a_frame(text):
    assert frame_in(text) == "foo"


@pytest.mark.parametrize(
    "text",
    [
        " ? foo+0x1/0x2",
        " [<ffffffff81234567>] ? foo+0x1/0x2",
        "RIP: 0010:foo+0x1/0x2",
        "lr : foo+0x1/0x2",
        " r7:83f8909c r6:88e160ac r5:0000000b r4:00000073",
        "hello from bar",
        "state=1 set at [<00000000aaaaaaaa>] foo+0x30/0x40",
        " <TASK>",
        "Code: 00 00",
        "Exception stack(0x83711fa8 to 0x83711ff0)",
        "",
    ],
)
def test_no_frame(text):
    assert frame_in(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "RIP: 0010:foo+0x1/0x2",
        "RIP: 0010:foo.cold+0x1/0x2 mm/x.c:1",
        "RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] foo+0x1/0x2",
        "EIP: foo+0x1/0x2",
        "EIP: 0060:foo+0x1/0x2",
        "pc : foo+0x1/0x2",
        "epc : foo+0x1/0x2 ra : bar+0x1/0x2",
        "PC is at foo+0x1/0x2",
    ],
)
def test_a_program_counter(text):
    assert counter_in(text) == "foo"


@pytest.mark.parametrize(
    "text",
    [
        "lr : foo+0x1/0x2",
        "LR is at foo+0x1/0x2",
        "RIP: 0033:0x7f1234",
        "pc : [<802b34ac>]",
        "sp : 1",
    ],
)
def test_no_program_counter(text):
    assert counter_in(text) == ""


@pytest.mark.parametrize(
    "name",
    ["__x64_sys_ioctl", "__ia32_sys_ioctl", "__arm64_sys_ioctl", "__ia32_compat_sys_ioctl",
     "__se_sys_ioctl", "__do_sys_ioctl", "sys_ioctl", "SyS_ioctl", "SYSC_ioctl"],
)  # fmt: skip
def test_system_calls_have_one_name(name):
    assert plain(name) == "sys_ioctl"


def test_traces_and_where_they_end():
    text = """title
 a+0x1/0x2
 b+0x1/0x2

Call Trace:
 <TASK>
 c+0x1/0x2
 ? guess+0x1/0x2
RIP: 0010:d+0x1/0x2
Code: 00
 e+0x1/0x2

 f+0x1/0x2
Allocated by task 1:
 g+0x1/0x2
Call Trace:
 h+0x1/0x2"""
    found = traces(text.splitlines())
    assert [trace.functions for trace in found] == [["a", "b"], ["c", "d", "e", "f"], ["g"], ["h"]]
    assert [trace.headed for trace in found] == [False, True, False, True]
