# SPDX-License-Identifier: Apache-2.0
"""What an import adds to an interpreter that does nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from typing import Final

from session_benchmarks.backends import Store
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target
from session_benchmarks.timing import Pair, seconds_of

_STATEMENTS: Final = ("import sessionkit", "from sessionkit import bootstrap_session")
_LIMIT: Final = Target(seconds=0.060)
_ROUNDS: Final = 30
_HINDERING: Final = ("PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START")


def import_rows(_: Store, plan: Plan) -> Iterator[Row]:
    """Time interpreters that import, in turn with interpreters that don't."""
    for statement in _STATEMENTS:
        _interpreter(statement)  # once, so that its bytecode is there
        taken = [_round(statement) for _ in range(plan.rounds(_ROUNDS))]
        bare, added = (median(column) for column in zip(*taken, strict=True))
        yield Row(
            measured=f"`{statement}`, on top of the interpreter",
            against="an interpreter that does nothing",
            pair=Pair(bare, added, bare / added),
            target=_LIMIT,
        )


def _round(statement: str) -> tuple[float, float]:
    bare = seconds_of(lambda _: _interpreter("pass"), 0)
    return bare, seconds_of(lambda _: _interpreter(statement), 0) - bare


def _interpreter(statement: str) -> None:
    # As when an app starts for the second time: its bytecode was kept.
    environment = {name: value for name, value in os.environ.items() if name not in _HINDERING}
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True)  # noqa: S603 - our own code
