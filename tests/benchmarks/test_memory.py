# SPDX-License-Identifier: Apache-2.0
"""How much memory a live session takes that is stored, against its content: the bounds only ever fall."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import session_benchmarks
from session_benchmarks.data import SIZES, SMALL, Size

PROCESSES = 8


def found_in_a_process(size: Size, folder: Path) -> tuple[float, float]:
    """Return what :func:`session_benchmarks.memory.measure` finds in a process that does nothing else."""
    folder.mkdir()
    found = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-m", "session_benchmarks.memory", size.name, folder],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(Path(session_benchmarks.__file__).parents[1]), *sys.path]
            ),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    loaded, saved = map(float, found.stdout.split())
    return loaded, saved


@pytest.mark.parametrize(
    ("size", "loaded", "saved"),
    [(SMALL, 1.65, 1.85), (SIZES[1], 1.45, 1.5)],
    ids=[SMALL.name, SIZES[1].name],
)
def test_a_live_session_takes_little_more_than_what_it_holds(
    tmp_path: Path, size: Size, loaded: float, saved: float
) -> None:
    """
    One copy of what is stored, and little more, when it was loaded, and when it was changed and saved, too.

    Of 20 kB that copy alone is a third of the content. The decoder shares the texts of keys in a table in
    which each process draws their places by lot: where two meet, each session has a text of its own, of 57
    bytes, which says nothing of us. So it is the least of some processes, and most often the first will do.
    """
    looks: list[tuple[float, float]] = []
    for number in range(PROCESSES):
        looks.append(found_in_a_process(size, tmp_path / str(number)))
        if looks[-1][0] <= loaded and looks[-1][1] <= saved:
            break

    least = tuple(map(min, zip(*looks, strict=True)))
    assert least[0] <= loaded, looks
    assert least[1] <= saved, looks
