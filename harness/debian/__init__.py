# SPDX-License-Identifier: GPL-2.0-only
"""Fetch and read Debian packages, without root rights and without installing them."""
