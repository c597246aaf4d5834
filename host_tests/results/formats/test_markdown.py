# SPDX-License-Identifier: GPL-2.0-only
"""A run as Markdown; what the guest says is code, and cannot leave it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_data import KERNEL, case, run

from harness.host.machine import Host
from harness.kernels.provenance import Build, Source
from harness.results.formats.markdown import block, code, markdown
from harness.results.record import Retry, SplatRecord
from harness.text import clean
from harness.verdicts.verdict import Verdict


def test_the_whole_report():
    kernel = run().kernel
    kernel = type(kernel)(
        **{**vars(kernel), "source": Source("0123abcd" * 5, "v6.1-3", "mm", "u", dirty=True),
           "build": Build(compiler="gcc 12")}
    )  # fmt: skip
    bad = case(
        2, Verdict.FAIL, "expected 1; got 0", splats=(SplatRecord("oops", "t", (), "b", "f" * 12),),
        retries=(Retry(Verdict.FAIL, "x", "vm", 1.0, 2.0),),
    )  # fmt: skip
    skipped = case(5, Verdict.SKIP, "no hugetlb pages")
    text = markdown(
        run(
            [case(1), bad, skipped],
            kernel=kernel,
            host=Host("CPU", 2, 1024, "6.18", 0.5),
            clock_zero="2026-07-02T12:00:00.250Z",
        ),
        "f",
    )
    assert (
        text
        == f"""\
# `x86_64 6.1.0-50-amd64`: 1 PASS, 1 FAIL, 1 SKIP

- kernel: `debian:bookworm linux-image-6.1.0-50-amd64 6.1.176-1`
- source: `v6.1-3 mm u`, with changes that were not committed
- commit: `{"0123abcd" * 5}`
- compiler: `gcc 12`
- QEMU: `7.2.22, tcg`
- host: `CPU, 2 cores, 1024 MiB`
- started `2026-07-02T12:00:00Z`, finished `2026-07-02T12:01:30Z`

| program | PASS | FAIL | ERROR | MISS | SKIP |
|---|--:|--:|--:|--:|--:|
| `continue` | 1 | 1 |  |  | 1 |

## FAIL `continue.case_2[shmem]`

```text
expected 1; got 0
memory: shmem
```

It began at 2026-07-02T12:00:10.250Z in `vm0` and took 1.2 s.

Tried again: always fails: 1 of 1 in fresh VMs, p 1.00 (0.21 to 1.00).

Bug `ffffffffffff`: `b`

The end of its console:

```text
[   10.000000] case 2
```

Evidence: `f/vm0/console.log`

Run it again:

```text
uffd-minor run -k case_2
```

## Skipped

- 1: `no hugetlb pages`
"""
    )


def test_a_cut_run_says_so():
    assert "**The run was cut short:**" in markdown(run(complete=False))
    assert "cut short" not in markdown(run())


def test_many_failures_are_counted():
    text = markdown(run([case(n, Verdict.FAIL, "x") for n in range(60)]))
    assert text.count("\n## FAIL ") == 50
    assert "And 10 more that did not pass." in text


@pytest.mark.parametrize(
    ("text", "span"),
    [("a", "`a`"), ("", "`  `"), ("`", "`` ` ``"), ("a``b`", "``` a``b` ```"), ("a\nb", "`a b`")],
)
def test_code_spans(text, span):
    assert code(text) == span


@given(st.text())
def test_nothing_leaves_a_code_span(text):
    span = code(text)
    fence = re.match("`+", span)[0]
    inside = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert not re.search(f"(?<!`){fence}(?!`)", inside)
    assert "\n" not in span
    assert inside.strip(" ") == clean(" ".join(text.split())).strip(" ")


@given(st.lists(st.text() | st.sampled_from(["```", "````text", "~~~"]), min_size=1))
def test_nothing_leaves_a_block(lines):
    first, *inside, last = block(lines)
    assert first == f"{last}text"
    assert not any(line.lstrip().startswith(last) for line in inside)
    assert len(inside) == len(lines)


def test_a_bar_does_not_end_a_cell():
    text = markdown(run([case(program="a|b")], kernel=KERNEL))
    assert r"| `a\|b` | 1 |" in text
