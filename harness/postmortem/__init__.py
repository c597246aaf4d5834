# SPDX-License-Identifier: GPL-2.0-only
"""What is learned and kept of a VM after a case that did not end well."""
