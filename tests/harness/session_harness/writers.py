# SPDX-License-Identifier: Apache-2.0
"""A clock that the writer looks at, and save functions that take notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Queue
from threading import Event, get_ident
from typing import Any

from session_harness.stores import PATIENCE

from sessionkit.persistence import SessionPersistence
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
        with persistence._changed:
            self.time = seconds
            self.looked.clear()
            persistence._changed.notify_all()
        assert self.looked.wait(PATIENCE)
        with persistence._changed:
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


Failure = tuple[str, str, bool]


def observed(
    failures: Queue[Failure], seconds: Callable[[], float], **keywords: Any
) -> SessionPersistence:
    """Return persistence whose failures are noted."""

    def note(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
        failures.put((session.session_id, str(error), retrying))

    return SessionPersistence(on_failure=note, clock=seconds, **keywords)
