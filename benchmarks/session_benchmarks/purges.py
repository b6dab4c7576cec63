# SPDX-License-Identifier: Apache-2.0
"""The longest stall of a saver while a hundred thousand expired sessions are removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Event
from time import perf_counter
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks import many
from session_benchmarks.backends import Backend
from session_benchmarks.data import SMALL, as_document, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target, duration
from session_benchmarks.saves_and_loads import RawWriter, Writer
from session_benchmarks.timing import Pair, Step, longest_gap, seconds_of
from sessionkit.session.fields import micros_now

_ROWS: Final = 100_000
_PART: Final = bytes(range(256)) * 4
_SECOND: Final = 1_000_000
_WARM_UP: Final = 100


def purge_rows(backend: Backend, plan: Plan, target: Target) -> Iterator[Row]:
    """Measure once with each; a stall has no median."""
    number = plan.rows(_ROWS)
    baseline, raw_seconds = _raw(backend, number)
    ours, seconds = _ours(backend, number)
    yield Row(
        measured=f"{backend.name}: longest stall of a saver while {number:,} are purged",
        against="raw driver, one DELETE",
        pair=Pair(baseline, ours, baseline / ours),
        target=target,
        note=f"purge {duration(seconds)}, DELETE {duration(raw_seconds)}",
    )


def _raw(backend: Backend, number: int) -> tuple[float, float]:
    with closing(backend.open_index()) as index, closing(backend.open_raw()) as raw:
        index.fill(number, _PART)
        backend.settle()
        writer = RawWriter(raw, as_document(make_session(SMALL)), "saved")
        return stall_during(lambda: index.delete_before(number), writer.save)


def _ours(backend: Backend, number: int) -> tuple[float, float]:
    with opened(backend) as storage:
        past = micros_now() - 10 * _SECOND
        expired = many.heads(number, first_activity=past - number, step=1, expires_at=past)
        many.fill(storage, expired, _PART)
        backend.settle()
        repository = repository_over(storage)
        writer = Writer(repository, make_session(SMALL))
        return stall_during(lambda: _purge_all(repository.purge, number), writer.save)


def _purge_all(purge: Callable[[], int], number: int) -> None:
    removed = purge()
    if removed != number:
        msg = f"{removed} sessions were purged, {number} had expired"
        raise RuntimeError(msg)


def stall_during(work: Callable[[], object], save: Step) -> tuple[float, float]:
    """
    Save without a pause on a thread while *work* is done.

    Returns:
        The longest time between two saves meanwhile, and how long the work took.
    """
    moments: list[float] = []
    done, warm = Event(), Event()

    def save_on() -> None:
        try:
            for number in count():
                save(number)
                moments.append(perf_counter())
                if number == _WARM_UP:
                    warm.set()
                if done.is_set():
                    return
        finally:
            warm.set()

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save_on)
        warm.wait()
        try:
            seconds = seconds_of(lambda _: work(), 0)
        finally:
            done.set()
        saving.result()
    return longest_gap(moments[_WARM_UP:]), seconds
