# SPDX-License-Identifier: GPL-2.0-only
"""The matrix: the whole suite on many kernels and architectures, one table for all."""
