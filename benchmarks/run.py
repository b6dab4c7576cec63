# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - a script: top-level folders are no packages
"""Measure sessionkit against raw drivers: ``python benchmarks/run.py --help``."""

from __future__ import annotations

import sys
from pathlib import Path

# The servers are those that the tests start.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "harness"))

from session_benchmarks.command import main

if __name__ == "__main__":
    main()
