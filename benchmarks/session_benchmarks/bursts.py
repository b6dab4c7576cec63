# SPDX-License-Identifier: Apache-2.0
"""Many changes, each in a request of its own: what they cost the caller, and what the store is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from time import perf_counter
from typing import Final

import attrs

from session_benchmarks.backends import Backend
from session_benchmarks.data import SMALL, as_document, make_session
from session_benchmarks.managed import managed
from session_benchmarks.ours import Stopwatch, count_writes
from session_benchmarks.plan import Plan
from session_benchmarks.rows import NO_TARGET, Point, Row, Target, counted
from session_benchmarks.saves_and_loads import OURS, RawWriter
from session_benchmarks.timing import summary
from sessionkit.manager.manager import SessionManager

_CHANGES: Final = 10_000
_RAW_CHANGES: Final = 200
_ROUNDS: Final = 9


@attrs.frozen
class Burst:
    """
    Many changes without a pause.

    Attributes:
        seconds: What they took in the caller, all together.
        writes: How often the store was written.
        changes: How many there were.
    """

    seconds: float
    writes: int
    changes: int


def burst_rows(backend: Backend, plan: Plan, target: Target) -> Iterator[Row]:
    """Time changes of ours in one window, against a raw save after each."""
    with closing(backend.open_raw()) as raw, managed(backend, SMALL) as manager:
        writes = count_writes(manager.storage)
        writer = RawWriter(raw, as_document(make_session(SMALL)), "burst")
        point = Point(OURS, backend.name, "burst", SMALL.name)
        yield burst_row(point, writer, lambda: _persisted(manager, writes), plan, target)


def burst_row(
    point: Point,
    raw: RawWriter,
    run: Callable[[], Burst],
    plan: Plan,
    target: Target = NO_TARGET,
) -> Row:
    """Return what the bursts of *run* take a change, in turn with raw saves; the worst number of writes."""
    taken, bursts = [], []
    for _ in range(plan.rounds(_ROUNDS)):
        seconds = _raw_seconds(raw)
        burst = run()
        bursts.append(burst)
        taken.append((seconds / _RAW_CHANGES, burst.seconds / burst.changes))
    worst = max(bursts, key=lambda burst: burst.writes)
    return Row(
        measured=f"{point.library}: a change in a burst of {worst.changes:,}",
        against=f"{point.store}, raw driver saves after each",
        pair=summary(taken),
        target=target,
        note=f"{counted(worst.writes, 'write')} for {worst.changes:,} changes",
        writes=worst.writes,
        point=point,
    )


def _raw_seconds(raw: RawWriter) -> float:
    begin = perf_counter()
    for number in range(_RAW_CHANGES):
        raw.save(number)
    return perf_counter() - begin


def _persisted(manager: SessionManager, writes: Stopwatch) -> Burst:
    before = writes.calls
    begin = perf_counter()
    for number in range(_CHANGES):
        manager.persist_input("field", number)
    seconds = perf_counter() - begin
    if not manager.flush():
        msg = "the burst was not saved"
        raise RuntimeError(msg)
    return Burst(seconds, writes.calls - before, _CHANGES)
