# SPDX-License-Identifier: Apache-2.0
"""
Ratios that may not get worse: a few measurements, against floors that are kept in a file.

A floor is a ratio that was measured, divided by a margin: what is slower than
that on any machine, three times in a row, is a change of the code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final

from session_benchmarks.backends import memory, sqlite
from session_benchmarks.callers import input_rows, schedule_rows
from session_benchmarks.catalogue import Measurement
from session_benchmarks.codecs import codec_rows
from session_benchmarks.data import SIZES, SMALL
from session_benchmarks.merges import merge_rows
from session_benchmarks.pages import own_page_rows
from session_benchmarks.plan import Plan
from session_benchmarks.saves_and_loads import load_rows, save_rows

FLOORS: Final = Path(__file__).parents[1] / "floors.toml"
MARGIN: Final = 1.6
MARGINS: Final[Mapping[str, float]] = {"streamlit": 1.12}
"""Those of measurements whose two sides are nearly the same, so that their ratio hardly moves."""

TRIES: Final = 3

Floors = Mapping[str, Mapping[str, float]]
"""By measurement and row."""

_PLAN: Final = Plan(rounds_share=0.3)
_SIZES: Final = (SMALL, SIZES[2])
_normal: Final = partial(sqlite, "NORMAL")
GUARDED: Final[Mapping[str, Measurement[Any]]] = {
    "streamlit": Measurement(_normal, own_page_rows),
    "codec": Measurement(memory, codec_rows),
    "merge": Measurement(memory, merge_rows),
    "persist-input": Measurement(_normal, partial(input_rows, sizes=(SMALL,))),
    "schedule": Measurement(_normal, schedule_rows),
    "sqlite-save": Measurement(_normal, partial(save_rows, targets={}, sizes=_SIZES)),
    "sqlite-load": Measurement(_normal, partial(load_rows, targets={}, sizes=_SIZES)),
}
"""By the names that the command knows them by."""

_HEAD: Final = f"""\
# SPDX-License-Identifier: Apache-2.0
# The least that each ratio to the baseline may be, by measurement and row; over 1 is faster.
# What was measured, divided by {MARGIN}; for a page of Streamlit, by {MARGINS["streamlit"]}. Made by: python benchmarks/run.py --set-floors
"""


def measure(name: str) -> dict[str, float]:
    """
    Return the ratios of a guarded measurement, by row, measured in a process of its own.

    A large heap, and what was met before in a process, slow our steps and not those of the drivers.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_ratios, name).result()


def _ratios(name: str) -> dict[str, float]:
    rows = GUARDED[name].run(_PLAN)
    return {row.measured: row.pair.ratio for row in rows if row.steady}


def read_floors(file: Path = FLOORS) -> Floors:
    """Return the floors that are kept."""
    floors: Floors = tomllib.loads(file.read_text(encoding="utf-8"))
    return floors


def set_floors(file: Path = FLOORS) -> str:
    """Measure each three times, keep the medians with the margin, and return what was written."""
    text = _HEAD + "".join(_table(name) for name in GUARDED)
    file.write_text(text, encoding="utf-8")
    return text


def _table(name: str) -> str:
    tries = [measure(name) for _ in range(TRIES)]
    ratios = {row: median(each[row] for each in tries) for row in tries[0]}
    lines = (
        f'"{row}" = {ratio / MARGINS.get(name, MARGIN):.3g}\n' for row, ratio in ratios.items()
    )
    return f"\n[{name}]\n{''.join(lines)}"


def shortfalls(name: str, floors: Floors) -> Iterator[str]:
    """
    Measure again until each row reached its floor once, three times at most.

    Args:
        name: A guarded measurement.
        floors: What is asked.

    Yields:
        A sentence for each row that stayed below.
    """
    asked = floors.get(name, {})
    best: dict[str, float] = {}
    for _ in range(TRIES):
        for row, ratio in measure(name).items():
            best[row] = max(ratio, best.get(row, 0.0))
        if all(ratio >= asked.get(row, 0.0) for row, ratio in best.items()):
            break
    for row in sorted(best.keys() | asked.keys()):
        if row not in best or row not in asked:
            found, missing = ("a floor", "row") if row in asked else ("a row", "floor")
            yield f"{row}: there is {found} and no {missing}; {_again()}"
        elif best[row] < asked[row]:
            yield (
                f"{row}: ratio {best[row]:.3g} at best of {TRIES} tries, floor {asked[row]:.3g};"
                f" to see it: python benchmarks/run.py --only {name}; if it is meant to be"
                f" slower, {_again()}"
            )


def _again() -> str:
    return "set the floors anew on a quiet machine: python benchmarks/run.py --set-floors"
