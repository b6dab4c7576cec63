# SPDX-License-Identifier: Apache-2.0
"""How many of a million sessions were active lately."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks import many
from session_benchmarks.backends import Backend
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target
from session_benchmarks.timing import interleaved
from sessionkit.session.fields import micros_now

_ROWS: Final = 1_000_000
_ROUNDS: Final = 20
_DAY: Final = timedelta(days=1)
_SHARE: Final = 4
"""One in so many sessions was active."""


def count_rows(backend: Backend, plan: Plan, target: Target) -> Iterator[Row]:
    """Time counts of the quarter that was active."""
    number = plan.rows(_ROWS)
    with closing(backend.open_index()) as index, opened(backend) as storage:
        index.fill(number, b"")
        step = _DAY // timedelta(microseconds=1) // number
        many.fill(
            storage, many.heads(number, first_activity=micros_now() - number * step, step=step)
        )
        backend.settle()
        repository = repository_over(storage)
        yield Row(
            measured=f"{backend.name}: count the active of {number:,}",
            against="raw count by an index",
            pair=interleaved(
                lambda _: index.count(number - number // _SHARE),
                lambda _: repository.count_active(_DAY / _SHARE),
                plan.rounds(_ROUNDS),
            ),
            target=target,
        )
