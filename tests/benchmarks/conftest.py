# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' own package, which no distribution holds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
