# SPDX-License-Identifier: GPL-2.0-only
"""Let tests here import results_data and kunit: importlib mode leaves sys.path alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))
