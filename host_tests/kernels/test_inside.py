# SPDX-License-Identifier: GPL-2.0-only
"""What is read from the kernel proper, on real ones and on what could be taken for it."""

from __future__ import annotations

import re

import pytest

from harness.kernels import images, inside


@pytest.fixture(scope="module", params=["x86_64", "i386", "arm64", "arm"])
def proper(request, samples) -> tuple[str, bytes, str]:
    """A real kernel: its machine, its contents and its release."""
    data = samples[request.param]
    image = images.identify(data, request.param)
    kernel = images.unpacked(data, image)
    assert kernel is not None
    says = images.release(image, kernel)
    assert says is not None
    return request.param, kernel, says[0]


def test_the_vermagic_of_real_kernels(proper):
    machine, kernel, release = proper
    found = inside.vermagic(kernel, release).split()
    # Debian's have all of them, and Arm's and the 32-bit ones name their kind of CPU, too.
    assert found[:2] == [release, "SMP"]
    assert {"mod_unload", "modversions"} <= set(found)
    assert machine not in {"arm64", "arm", "i386"} or found[-1] not in {"mod_unload", "modversions"}


def test_the_banner_of_real_kernels(proper):
    machine, kernel, release = proper
    text, at = inside.banner(kernel)
    assert text.startswith(f"Linux version {release} (")
    assert re.search(r" #\d+ SMP", text)
    if machine in {"x86_64", "i386"}:
        # arch/x86: the kernel's own addresses
        assert at > 0xC0000000
    else:
        assert kernel[at : at + 13] == b"Linux version"


def test_the_drivers_of_real_kernels(proper):
    machine, kernel, _ = proper
    # All of Debian's are modules, but for what arm64 has built in.
    assert "virtio_net" not in inside.drivers(kernel)
    assert machine != "x86_64" or inside.drivers(kernel) == []


RELEASE = "6.12.1-x"


@pytest.mark.parametrize(
    ("data", "vermagic"),
    [
        (b"6.12.1-x SMP mod_unload \0", "6.12.1-x SMP mod_unload "),
        (b"6.12.1-x \0", "6.12.1-x "),
        (b"6.12.1-x SMP preempt mod_unload aarch64\0", "6.12.1-x SMP preempt mod_unload aarch64"),
        # CONFIG_MODULES=n: the release is there, in other places
        (b"6.12.1-x\0Linux version 6.12.1-x (me@here) #1 SMP\n\0", ""),
        (b"6.12.1-x (me@here)\0 6.12.1-x SMP \0", "6.12.1-x SMP "),
        (b"6.12.1-xy SMP \0", ""),
        (b"6.12.1-x SMP", ""),
        (b"", ""),
    ],
)
def test_vermagic(data, vermagic):
    assert inside.vermagic(b"\x01" * 9 + data, RELEASE) == vermagic


def test_drivers():
    kernel = b"a\0virtio_net\0virtio-mmio\0virtio-pci.disable\0"
    assert inside.drivers(kernel) == ["virtio_mmio", "virtio_net"]


def test_a_banner_without_a_build_number_is_passed_over():
    """The one in a kernel that is being linked has none yet (init/version.c)."""
    real = b"Linux version 6.1 (me) (gcc) #1 SMP Thu\n\0"
    template = b"Linux version 6.1 (me) (gcc) # SMP\n\0"
    found = inside.banner(template + real)
    assert found == ("Linux version 6.1 (me) (gcc) #1 SMP Thu", len(template))
    assert inside.banner(template) is None
    assert inside.banner(b"\x7fELF" + real) is None


def test_a_release_is_no_expression():
    assert inside.vermagic(b"6a12.1-x SMP \0", RELEASE) == ""
