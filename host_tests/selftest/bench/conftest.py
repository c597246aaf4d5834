# SPDX-License-Identifier: GPL-2.0-only
"""Let these tests import what they share: pytest's importlib mode does not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
