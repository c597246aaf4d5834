# SPDX-License-Identifier: GPL-2.0-only
"""Boot kernels in QEMU and verify userfaultfd minor faults in them.

Data flows one way: kernel, image, VM, guest, cases, verdicts, record, reports.  The main path is
``harness.run``; CONTRIBUTING.md has the picture, and host_tests/test_layers.py the order in which
packages may import each other.
"""
