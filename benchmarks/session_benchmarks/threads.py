# SPDX-License-Identifier: Apache-2.0
"""Eight threads that save sessions of their own at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks.backends import Backend
from session_benchmarks.data import SMALL, as_document, change, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import NO_TARGET, Row, Target
from session_benchmarks.saves_and_loads import RawWriter, Writer
from session_benchmarks.timing import Pair, Step, interleaved
from sessionkit.persistence import SessionPersistence
from sessionkit.repository.repository import Repository
from sessionkit.session import UserSession

THREADS: Final = 8

_SAVES: Final = 50
"""How many each thread does in one round."""

_ROUNDS: Final = 15


def thread_rows(backend: Backend, plan: Plan, target: Target) -> Iterator[Row]:
    """Time saves of eight threads: straight through the repository, and by its write-behind."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        repository = repository_over(stack.enter_context(opened(backend)))
        raw = _at_once(pool, _raw_savers(stack, backend))
        direct = interleaved(raw, _at_once(pool, _savers(repository)), plan.rounds(_ROUNDS))
        yield _row(backend, "save", direct, NO_TARGET)
        persistence = SessionPersistence(save_many=repository.save_many)
        stack.callback(persistence.close)
        behind = _at_once(pool, _flushers(persistence))
        pair = interleaved(raw, behind, plan.rounds(_ROUNDS))
        yield _row(backend, "schedule and flush", pair, target)


def _row(backend: Backend, verb: str, pair: Pair, target: Target) -> Row:
    saves = THREADS * _SAVES
    return Row(
        measured=f"{backend.name}: {THREADS} threads {verb} {SMALL.name}, a save",
        against="raw driver, a connection a thread",
        pair=Pair(pair.baseline / saves, pair.ours / saves, pair.ratio),
        target=target,
    )


def _at_once(pool: ThreadPoolExecutor, savers: Sequence[Step]) -> Step:
    def run(number: int) -> None:
        numbers = range(number * _SAVES, (number + 1) * _SAVES)
        list(pool.map(lambda saver: [saver(each) for each in numbers], savers))

    return run


def _raw_savers(stack: ExitStack, backend: Backend) -> list[Step]:
    savers: list[Step] = []
    for thread in range(THREADS):
        raw = stack.enter_context(closing(backend.open_raw()))
        document = as_document(make_session(SMALL))
        savers.append(RawWriter(raw, document, f"thread-{thread}").save)
    return savers


def _savers(repository: Repository) -> list[Step]:
    return [Writer(repository, make_session(SMALL)).save for _ in range(THREADS)]


def _flushers(persistence: SessionPersistence) -> list[Step]:
    return [_flusher(persistence, make_session(SMALL)) for _ in range(THREADS)]


def _flusher(persistence: SessionPersistence, session: UserSession) -> Callable[[int], None]:
    def save(number: int) -> None:
        change(session, number)
        persistence.schedule_save(session.session_id, session)
        if not persistence.flush(session.session_id):
            msg = f"session {session.session_id!r} was not saved"
            raise RuntimeError(msg)

    return save
