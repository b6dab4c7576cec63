# SPDX-License-Identifier: Apache-2.0
"""A thousand sessions that are due: saved in one batch, against one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Final

from session_harness.replicas import repository_over

from session_benchmarks.backends import Backend
from session_benchmarks.data import SMALL, change, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import NO_TARGET, Row, Target
from session_benchmarks.timing import Step, calls_in, interleaved
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.repository.repository import Repository
from sessionkit.session.fields import micros_now
from sessionkit.storage import BatchStorage

_SESSIONS: Final = 1000
_FEWEST: Final = 200
_PART: Final = bytes(range(256)) * 4
_ROUNDS: Final = 5


def flush_rows(backend: Backend, plan: Plan, target: Target) -> Iterator[Row]:
    """Time the storage alone, then a repository that encodes each session, too."""
    number, rounds = max(_FEWEST, plan.rows(_SESSIONS)), plan.rounds(_ROUNDS)
    with opened(backend) as storage:
        alone, together = _storage_steps(storage, number, rounds)
        yield Row(
            measured=f"{backend.name}: {number} parts of 1 kB in one batch, the storage alone",
            against="ours one by one",
            pair=interleaved(alone, together, rounds),
            target=target,
        )
        alone, together = _repository_steps(repository_over(storage), number)
        yield Row(
            measured=f"{backend.name}: {number} sessions of {SMALL.name} in one batch",
            against="ours one by one",
            pair=interleaved(alone, together, rounds),
            target=NO_TARGET,
        )


def _storage_steps(storage: BatchStorage, number: int, rounds: int) -> tuple[Step, Step]:
    singles, batches = (
        _prepared(storage, name, number, calls_in(rounds)) for name in ("one", "all")
    )

    def one_by_one(round_number: int) -> None:
        for write in singles[round_number]:
            storage.write(write)

    return one_by_one, lambda round_number: check(storage.write_many(batches[round_number]))


def _prepared(
    storage: BatchStorage, name: str, number: int, calls: int
) -> Sequence[Sequence[SessionWrite]]:
    """Store *number* sessions and return the saves that follow, a list for each call."""
    writes = [_next_write(f"{name}-{place}", None) for place in range(number)]
    check(storage.write_many(writes))
    prepared = []
    for _ in range(calls):
        writes = [_next_write(write.head.session_id, write.head) for write in writes]
        prepared.append(writes)
    return prepared


def _next_write(session_id: str, seen: SessionHead | None) -> SessionWrite:
    now = micros_now()
    head = SessionHead(
        session_id=session_id,
        version=seen.version + 1 if seen else 1,
        save_id=token_hex(8),
        created_at=now,
        last_activity=now,
    )
    return SessionWrite(head=head, expected=seen.save_id if seen else None, put={"inputs": _PART})


def _repository_steps(repository: Repository, number: int) -> tuple[Step, Step]:
    singles = [make_session(SMALL) for _ in range(number)]
    batch = [make_session(SMALL) for _ in range(number)]
    check(repository.save_many([*singles, *batch]))

    def one_by_one(round_number: int) -> None:
        for session in singles:
            change(session, round_number)
            repository.save(session)

    def together(round_number: int) -> None:
        for session in batch:
            change(session, round_number)
        check(repository.save_many(batch))

    return one_by_one, together


def check(outcomes: Sequence[Exception | None]) -> None:
    """Raise the first error among *outcomes*."""
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
