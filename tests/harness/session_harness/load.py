# SPDX-License-Identifier: Apache-2.0
"""Writers that save as fast as they can and repeat the very same write while a store is unavailable."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from secrets import token_hex
from threading import Event
from types import TracebackType
from typing import Final, Self

import attrs

from sessionkit.errors import ConflictError, StorageError, UnavailableError
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.storage import BatchStorage
from sessionkit.testing.storage_samples import NOW

Deliver = Callable[[Sequence[SessionWrite]], Sequence[StorageError | None]]
"""Sends writes and returns an outcome for each."""

PATIENCE: Final = 45.0
"""Seconds until a write that is not taken counts as lost."""

_PAUSE: Final = 0.02


@attrs.define
class Report:
    """
    What became of a load.

    Attributes:
        acknowledged: The last write that was acknowledged, by session id.
        saves: How many were acknowledged.
        retries: How often a write was sent again.
        longest_stall: Seconds that the slowest write took, with all its retries.
    """

    acknowledged: dict[str, SessionWrite] = attrs.field(factory=dict)
    saves: int = 0
    retries: int = 0
    longest_stall: float = 0.0

    def add(self, other: Report) -> None:
        """Add what another writer met."""
        self.acknowledged |= other.acknowledged
        self.saves += other.saves
        self.retries += other.retries
        self.longest_stall = max(self.longest_stall, other.longest_stall)

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.saves} saves, {self.retries} retries, longest stall {self.longest_stall:.2f} s"
        )


def next_write(session_id: str, seen: SessionWrite | SessionHead | None) -> SessionWrite:
    """Return a new save on top of what was seen."""
    head = seen.head if isinstance(seen, SessionWrite) else seen
    version = head.version + 1 if head else 1
    return SessionWrite(
        head=SessionHead(
            session_id=session_id,
            version=version,
            save_id=token_hex(8),
            recent=(head.save_id, *head.recent)[:8] if head else (),
            created_at=NOW,
            last_activity=NOW + version,
        ),
        expected=head.save_id if head else None,
        put={"a": str(version).encode(), "b": token_hex(500).encode()},
    )


def one_by_one(storage: BatchStorage) -> Deliver:
    """Return what sends each write on its own."""

    def deliver(writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        return [_outcome(storage, write) for write in writes]

    return deliver


def in_batches(storage: BatchStorage) -> Deliver:
    """Return what sends all writes together, in any order."""

    def deliver(writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        order = random.sample(range(len(writes)), len(writes))
        outcomes = storage.write_many([writes[place] for place in order])
        found = dict(zip(order, outcomes, strict=True))
        return [found[place] for place in range(len(writes))]

    return deliver


class Load:
    """Threads that each save sessions of their own until the ``with`` block ends."""

    def __init__(self, deliver: Deliver, *, threads: int = 4, sessions: int = 5) -> None:
        """
        Take what is to be loaded.

        Args:
            deliver: Sends writes; called by all threads.
            threads: How many.
            sessions: How many each thread saves.
        """
        self.report = Report()
        self._deliver = deliver
        self._names = [
            [f"{thread}-{number}" for number in range(sessions)] for thread in range(threads)
        ]
        self._done = Event()
        self._pool = ThreadPoolExecutor(threads)
        self._running: list[Future[Report]] = []

    def __enter__(self) -> Self:
        """Begin to save."""
        self._running = [self._pool.submit(self._save_on, names) for names in self._names]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Have each thread finish what it is at, and add up what they met."""
        self._done.set()
        self._pool.shutdown()
        for future in self._running:
            self.report.add(future.result())

    def broken(self) -> bool:
        """Return whether a writer has given up."""
        return any(future.done() for future in self._running)

    def _save_on(self, names: Sequence[str]) -> Report:
        report = Report()
        while not self._done.is_set():
            writes = [next_write(name, report.acknowledged.get(name)) for name in names]
            deliver_all(self._deliver, writes, report)
        return report


def deliver_all(deliver: Deliver, writes: Sequence[SessionWrite], report: Report) -> None:
    """
    Send the very same writes until each is acknowledged.

    Raises:
        StorageError: What else than unavailable a write met, such as a false conflict.
        TimeoutError: If the store stays unavailable.
    """
    begin = time.monotonic()
    waiting = [*writes]
    while waiting:
        outcomes = deliver(waiting)
        for write, outcome in zip(waiting, outcomes, strict=True):
            if outcome is None:
                report.acknowledged[write.head.session_id] = write
                report.saves += 1
            elif not isinstance(outcome, UnavailableError):
                raise outcome
        pairs = zip(waiting, outcomes, strict=True)
        waiting = [write for write, outcome in pairs if outcome is not None]
        took = time.monotonic() - begin
        report.longest_stall = max(report.longest_stall, took)
        report.retries += len(waiting)
        if waiting and took > PATIENCE:
            msg = f"{len(waiting)} writes were not taken within {took:.0f} s: {outcomes}"
            raise TimeoutError(msg)
        if waiting:
            time.sleep(_PAUSE)


def check_stored(storage: BatchStorage, acknowledged: Mapping[str, SessionWrite]) -> None:
    """Compare each session with the last write that was acknowledged for it."""
    assert acknowledged
    for session_id, write in acknowledged.items():
        stored = storage.read(session_id)
        assert stored is not None
        assert (write.head, write.put) == (stored.head, dict(stored.parts))


def landed(write: SessionWrite, outcome: ConflictError) -> bool:
    """Return whether a write is below what stands against it: its answer was lost."""
    return outcome.current is not None and write.head.save_id in outcome.current.recent


def _outcome(storage: BatchStorage, write: SessionWrite) -> StorageError | None:
    try:
        storage.write(write)
    except StorageError as error:
        return error
    return None
