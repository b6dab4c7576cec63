# SPDX-License-Identifier: Apache-2.0
"""What an app waits for on its own thread: a value that is kept, a session that is queued, a rerun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from threading import RLock
from typing import Final

from session_benchmarks.backends import Backend
from session_benchmarks.data import SIZES, SMALL, Size, as_document, make_session
from session_benchmarks.managed import managed
from session_benchmarks.ours import count_writes
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target, counted, duration
from session_benchmarks.sampling import sampled
from session_benchmarks.saves_and_loads import RawWriter
from session_benchmarks.timing import Step, calls_in, interleaved
from sessionkit.api import persist_input
from sessionkit.settings.settings import PersistenceSettings

_MEDIAN: Final = Target(seconds=1.5e-6)
_SLOW: Final = Target(seconds=20e-6)
_NOTHING: Final = Target(writes=0)
_TURNS: Final = 200
_RERUNS: Final = 300
_BUSY: Final = PersistenceSettings(debounce_ms=20, max_wait_ms=20)
"""A save every 20 ms, so that many calls meet one."""

_AGAINST: Final = "a dict's assignment under a lock"


def input_rows(
    backend: Backend, plan: Plan, sizes: Sequence[Size] = (SMALL, SIZES[2])
) -> Iterator[Row]:
    """Time ``persist_input`` while what it keeps is saved in the background."""
    for size in sizes:
        with managed(backend, size, _BUSY):
            samples = sampled(
                locked_assignment(),
                lambda number: persist_input("field", number),
                plan.rounds(_TURNS),
            )
        name = f"persist_input, session of {size.name} on {backend.name}"
        longest = f"the longest {duration(max(samples.ours))}"
        yield Row(measured=name, against=_AGAINST, pair=samples.medians, target=_MEDIAN)
        yield Row(
            measured=f"{name}: 99 % of the calls",
            against=_AGAINST,
            pair=samples.slow,
            target=_SLOW,
            note=longest,
            steady=False,
        )


def schedule_rows(backend: Backend, plan: Plan) -> Iterator[Row]:
    """Time scheduling a session that waits already, as all but the first change of a window do."""
    with managed(backend, SMALL) as manager:
        session = manager.current()
        schedule = manager.persistence.schedule_save
        schedule(session.session_id, session)
        samples = sampled(
            locked_assignment(),
            lambda _: schedule(session.session_id, session),
            plan.rounds(_TURNS),
        )
    yield Row(measured="schedule_save, session waiting", against=_AGAINST, pair=samples.medians)


def rerun_rows(backend: Backend, plan: Plan) -> Iterator[Row]:
    """Time a rerun that changes nothing, up to where all is saved, and count its writes."""
    rounds = plan.rounds(_RERUNS)
    with closing(backend.open_raw()) as raw, managed(backend, SMALL) as manager:
        writes = count_writes(manager.storage)

        def rerun(_: int) -> None:
            session = manager.bootstrap()
            manager.save(session)
            manager.flush()

        writer = RawWriter(raw, as_document(make_session(SMALL)), "rerun")
        pair = interleaved(writer.save, rerun, rounds)
    yield Row(
        measured=f"{backend.name}: a rerun of {SMALL.name} that changes nothing",
        against="raw driver saves it again",
        pair=pair,
        target=_NOTHING,
        note=f"{counted(writes.calls, 'write')} for {calls_in(rounds):,} reruns",
        writes=writes.calls,
    )


def locked_assignment() -> Step:
    """Return the least that a call can be which keeps a value for another thread."""
    kept: dict[str, int] = {}
    lock = RLock()

    def assign(number: int) -> None:
        with lock:
            kept["field"] = number

    return assign
