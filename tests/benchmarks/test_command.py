# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def test_quick_run_prints_a_table(tmp_path: Path) -> None:
    """``--quick --only sqlite-save`` measures, and prints and writes the same table."""
    file = tmp_path / "table.md"
    arguments = ["--quick", "--only", "sqlite-save", "--markdown", str(file)]

    ran = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error", str(RUN), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stderr
    assert ran.stdout == file.read_text(encoding="utf-8")
    for size in ("2 kB", "20 kB", "194 kB", "970 kB"):
        assert f"| SQLite NORMAL: save {size} | raw driver |" in ran.stdout
    assert "python benchmarks/run.py --quick --only sqlite-save" in ran.stdout
    assert "cores" in ran.stdout
