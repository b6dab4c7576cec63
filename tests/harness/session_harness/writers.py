# SPDX-License-Identifier: Apache-2.0
"""A clock that the writer looks at, save functions that take notes, and threads that wait for saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from queue import Queue
from threading import Event, Thread, get_ident
from typing import Any

from session_harness.stores import PATIENCE

from sessionkit.errors import UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.saver import FailureObserver
from sessionkit.session import UserSession


class Seconds:
    """A clock that the test moves, and that knows when the writer looked at it."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.time = 0.0
        self.looked = Event()
        self._test = get_ident()

    def __call__(self) -> float:
        """Return the time."""
        if get_ident() != self._test:
            self.looked.set()
        return self.time

    def move(self, persistence: SessionPersistence, seconds: float) -> None:
        """Move to a time, and wait until the writer has seen it and gone back to sleep or to work."""
        with persistence._queue.changed:
            self.time = seconds
            self.looked.clear()
            persistence._queue.changed.notify_all()
        assert self.looked.wait(PATIENCE)
        with persistence._queue.changed:
            pass  # the writer holds it from looking until it waits


class Saves:
    """Save functions that note what they were given."""

    def __init__(self) -> None:
        """Begin with nothing saved."""
        self.done: Queue[tuple[str, dict[str, Any]]] = Queue()

    def __call__(self, session: UserSession) -> None:
        """Save one."""
        self.done.put((session.session_id, dict(session.inputs)))

    def many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """Save many."""
        for session in sessions:
            self(session)
        return [None] * len(sessions)

    def next(self) -> tuple[str, dict[str, Any]]:
        """Wait for the next save."""
        return self.done.get(timeout=PATIENCE)


class BatchStore:
    """
    A store that says of each session what is asked of it.

    Attributes:
        errors: What it says, by session id; under "all" of each that has none of its own.
        saved: The ids that it took, in their order.
        inputs: What it has of each session.
        batches: The ids that each batch had.
    """

    def __init__(self) -> None:
        """Begin with a store that takes all."""
        self.errors: dict[str, Exception] = {}
        self.saved: list[str] = []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.batches: list[list[str]] = []

    def go_down(self, error: str = "down") -> None:
        """Be unavailable until the errors are cleared."""
        self.errors["all"] = UnavailableError(error)

    def save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """Save a batch."""
        self.batches.append([session.session_id for session in sessions])
        return [self._outcome(session) for session in sessions]

    def _outcome(self, session: UserSession) -> Exception | None:
        error = self.errors.get(session.session_id, self.errors.get("all"))
        if error is None:
            self.saved.append(session.session_id)
            self.inputs[session.session_id] = dict(session.inputs)
        return error


def unavailable(_: UserSession) -> None:
    """Save nothing: the store is down."""
    msg = "down"
    raise UnavailableError(msg)


Failure = tuple[str, str, bool]

Make = Callable[..., SessionPersistence]


def note_failures(failures: Queue[Failure]) -> FailureObserver:
    """Return an observer that notes which session failed, why, and whether it is retried."""

    def note(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
        failures.put((session.session_id, str(error), retrying))

    return note


def schedule(persistence: SessionPersistence, *ids: str) -> list[UserSession]:
    """Schedule sessions of these ids."""
    sessions = [UserSession(session_id=one) for one in ids]
    for session in sessions:
        persistence.schedule_save(None, session)
    return sessions


def in_threads(*calls: Callable[[], object]) -> list[Thread]:
    """Start a thread for each call."""
    threads = [Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def join(threads: Sequence[Thread]) -> None:
    """Wait for threads to end."""
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_until(happened: Callable[[], object]) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        Event().wait(0.001)


def waiting_threads(persistence: SessionPersistence) -> int:
    """Return how many threads wait for saves to be over, or for room."""
    with persistence._queue.lock:
        return len(persistence._queue.settled._waiters)  # type: ignore[attr-defined]
