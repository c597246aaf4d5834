# SPDX-License-Identifier: GPL-2.0-only
"""Boot kernels in QEMU and verify userfaultfd minor faults in them.

Data flows one way, and each package is one stage of it:

    recipe -> kernel -> image -> machine -> guest -> verdict -> results

``recipes`` reads ``images/*.toml``; ``debian`` fetches packages; ``kernels`` finds and
describes a kernel; ``image`` builds the initramfs; ``machine`` runs QEMU; ``guest`` talks
to the booted system; ``verdicts`` judges; ``results`` records.  ``plan``,
``runner``, ``plugin`` (pytest's) and ``cli`` sit on top.  Nothing lower imports anything higher.
"""
