# SPDX-License-Identifier: GPL-2.0-only
"""Which modules a kernel takes, by the rule of kernel/module/main.c."""

from __future__ import annotations

import re

import pytest

from harness import architectures
from harness.errors import InputError
from harness.kernels import modinfo
from harness.kernels.find import find
from harness.kernels.modinfo import ModInfo

FLAGS = "SMP preempt mod_unload "
IMAGE = f"6.1.0-50 {FLAGS}"


@pytest.fixture(scope="module", params=["x86_64", "arm64"])
def kernel(request):
    return find("debian:bookworm", architectures.load(request.param))


def test_a_real_module_fits_its_kernel(kernel):
    recipe = architectures.load(kernel.arch)
    for name in ("virtio_net", "ext4"):
        info = modinfo.parse(kernel.modules.read(name))
        assert info.machine == recipe.kernel_machine
        assert info.vermagic == kernel.vermagic
        assert info.versions
        known = (recipe.kernel_machine, kernel.release, kernel.vermagic)
        assert modinfo.refusal(info, *known) is None
        other = modinfo.refusal(info, "arm", kernel.release, kernel.vermagic)
        assert other == f"built for {recipe.kernel_machine}, its image is for arm"


def test_a_module_that_was_cut_off(kernel):
    whole = kernel.modules.read("virtio_net")
    with pytest.raises(InputError, match="not a kernel module"):
        modinfo.parse(whole[: len(whole) // 2])
    # The table of sections is there, and what it points to is not.
    table = int.from_bytes(whole[0x28:0x30], "little")
    moved = bytearray(whole)
    moved[table + 64 * 3 + 0x20 : table + 64 * 3 + 0x28] = len(whole).to_bytes(8, "little")
    with pytest.raises(InputError, match="is cut off"):
        modinfo.parse(bytes(moved))


def info(vermagic, machine="x86_64", *, versions=False):
    return ModInfo(machine, (), vermagic, versions)


@pytest.mark.parametrize(
    ("module", "vermagic", "says"),
    [
        (info(IMAGE), IMAGE, None),
        (info("6.12.107 SMP preempt mod_unload "), IMAGE, "built for 6.12.107, its image is 6.1.0"),
        (info("6.1.0-50 SMP mod_unload "), IMAGE, "built for '6.1.0-50 SMP mod_unload', its image"),
        (info(None), IMAGE, "without a vermagic"),
        (info(IMAGE, "arm64"), IMAGE, "built for arm64, its image is for x86_64"),
        (info(IMAGE), "", "built without CONFIG_MODULES"),
        # An image that cannot be unpacked: its release is all that is known.
        (info("6.1.0-50 SMP mod_unload "), None, None),
        (info("6.12.107 SMP mod_unload "), None, "built for 6.12.107, its image is 6.1.0-50"),
        # Checksums of symbols on both sides: the release does not count, the flags do.
        (
            info(f"6.1.0-49 {FLAGS}modversions ", versions=True),
            f"{IMAGE}modversions ",
            None,
        ),
        (
            info("6.1.0-49 SMP mod_unload modversions ", versions=True),
            f"{IMAGE}modversions ",
            "built for 6.1.0-49, its image is 6.1.0-50",
        ),
        (info(f"6.1.0-49 {FLAGS}modversions "), f"{IMAGE}modversions ", "built for 6.1.0-49"),
        (info(f"6.1.0-49 {FLAGS}", versions=True), IMAGE, "built for 6.1.0-49"),
    ],
)
def test_which_modules_are_refused(module, vermagic, says):
    found = modinfo.refusal(module, "x86_64", "6.1.0-50", vermagic)
    if says is None:
        assert found is None
    else:
        assert re.search(re.escape(says), found or "")
