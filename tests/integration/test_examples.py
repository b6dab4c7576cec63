# SPDX-License-Identifier: Apache-2.0
"""The scripts of examples/ run, and show what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TOUR = Path(__file__).parents[2] / "examples" / "session_usage.py"


def _run(folder: Path) -> str:
    """Run the tour in *folder* and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SESSIONKIT_")}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error", str(TOUR)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_tour_runs_and_goes_on(tmp_path: Path) -> None:
    """A second run, in another process, finds the session of the first."""
    first = _run(tmp_path)
    second = _run(tmp_path)

    assert "Visit 1 of session 'tour'" in first
    assert "theme dark from elsewhere, language en from here" in first
    assert "Visit 2 of session 'tour'" in second
    assert "'cart': 2" in second
