# SPDX-License-Identifier: Apache-2.0
"""The documented table of types: each row comes back from a store in a process that has written none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from session_harness.kept_types import OTHERWISE, SAMPLES

DOCUMENT = Path(__file__).parents[2] / "docs" / "values.md"
PROCESS = "import sys; from session_harness.kept_types import main; main(*sys.argv[1:])"


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_each_type_comes_back_as_documented_in_a_fresh_process(
    serializer: str, tmp_path: Path
) -> None:
    """And stays so when such a process stores something else."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for step in ("write", "read", "touch"):
        command = [sys.executable, "-c", PROCESS, step, f"sqlite:///{tmp_path}/kept.db", serializer]
        ran = subprocess.run(  # noqa: S603 - our own
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

        assert not ran.returncode, f"{step}: {ran.stderr[-3000:]}"


def test_each_row_of_the_table_has_a_sample() -> None:
    """Those that come back as another type say so."""
    _, _, after = DOCUMENT.read_text(encoding="utf-8").partition(
        "| value | comes back as |\n|---|---|\n"
    )
    lines = after.partition("\n\n")[0].splitlines()
    rows = dict(line.strip("| ").split(" | ", 1) for line in lines)

    assert list(SAMPLES) == list(rows)
    assert set(OTHERWISE) == {row for row, back in rows.items() if "what" not in back}
