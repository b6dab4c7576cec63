# SPDX-License-Identifier: Apache-2.0
"""Sessions in the memory of this process: for tests, trials and apps that may forget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from threading import Lock
from types import MappingProxyType
from typing import TypeAlias

import attrs

from sessionkit.errors import ConflictError, RejectedError, StorageError
from sessionkit.records import (
    SessionHead,
    SessionPage,
    SessionWrite,
    StoredSession,
    later_activity,
)

_Place: TypeAlias = tuple[int, str]


class MemoryStorage:
    """
    A storage that ends with its process.

    What it keeps is frozen, so a session that was read never changes under its
    reader. Listing and counting walk over all sessions.
    """

    def __init__(self) -> None:
        """Begin with an empty store."""
        self._lock = Lock()
        self._sessions: dict[str, StoredSession] = {}

    def handle(self) -> MemoryStorage:
        """Return another storage over the same store, as another replica would open it."""
        return copy(self)

    def read(self, session_id: str) -> StoredSession | None:
        """Return the session, or None."""
        return self._sessions.get(session_id)

    def read_head(self, session_id: str) -> SessionHead | None:
        """Return the session's head, or None."""
        stored = self._sessions.get(session_id)
        return None if stored is None else stored.head

    def write(self, write: SessionWrite) -> None:
        """
        Store a save.

        Raises:
            ConflictError: If something else than ``write.expected`` is stored.
        """
        with self._lock:
            self._write(write)

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store many saves and return an outcome for each."""
        return [self._outcome(write) for write in writes]

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move activity and expiry on; return whether there is such a session."""
        with self._lock:
            stored = self._sessions.get(session_id)
            if stored is None or stored.head.ended:
                return False
            if last_activity == later_activity(stored.head.last_activity, last_activity):
                head = attrs.evolve(stored.head, last_activity=last_activity, expires_at=expires_at)
                self._sessions[session_id] = attrs.evolve(stored, head=head)
            return True

    def delete(self, session_id: str) -> bool:
        """Remove a session; return whether there was one."""
        with self._lock:
            return self._sessions.pop(session_id, None) is not None

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List an owner's sessions, latest first, or all of them by id."""
        if user_id is None:
            return _page(self._living(), _by_id, limit, cursor)
        owned = (head for head in self._living() if head.user_id == user_id)
        return _page(owned, _latest_first, limit, cursor)

    def count(self, *, active_since: int) -> int:
        """Return how many sessions were active then or later."""
        return sum(head.last_activity >= active_since for head in self._living())

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove one batch of expired and idle sessions; return how many."""
        with self._lock:
            heads = [stored.head for stored in self._sessions.values()]
            due = [head for head in heads if _is_due(head, expired_before, idle_before)][:limit]
            for head in due:
                del self._sessions[head.session_id]
        return len(due)

    def close(self) -> None:
        """Do nothing: nothing was opened, and other handles may live on."""

    def _living(self) -> Iterable[SessionHead]:
        with self._lock:
            sessions = list(self._sessions.values())
        return (stored.head for stored in sessions if not stored.head.ended)

    def _outcome(self, write: SessionWrite) -> StorageError | None:
        try:
            self.write(write)
        except StorageError as error:
            return error
        return None

    def _write(self, write: SessionWrite) -> None:
        stored = self._sessions.get(write.head.session_id)
        if stored is None:
            if write.expected is not None:
                raise ConflictError(write.head.session_id)
            self._sessions[write.head.session_id] = _applied(StoredSession(head=write.head), write)
        elif stored.head.save_id == write.expected:
            self._sessions[write.head.session_id] = _applied(stored, write)
        elif stored.head.save_id != write.head.save_id:
            raise ConflictError(write.head.session_id, stored.head)


def _applied(stored: StoredSession, write: SessionWrite) -> StoredSession:
    activity = later_activity(stored.head.last_activity, write.head.last_activity)
    kept = {name: data for name, data in stored.parts.items() if name not in write.remove}
    return StoredSession(
        head=attrs.evolve(write.head, last_activity=activity),
        parts=MappingProxyType({**kept, **write.put}),
    )


def _is_due(head: SessionHead, expired_before: int, idle_before: int | None) -> bool:
    if head.expires_at is not None and head.expires_at < expired_before:
        return True
    return idle_before is not None and not head.ended and head.last_activity < idle_before


def _by_id(head: SessionHead) -> _Place:
    return 0, head.session_id


def _latest_first(head: SessionHead) -> _Place:
    return -head.last_activity, head.session_id


def _page(
    heads: Iterable[SessionHead],
    place: Callable[[SessionHead], _Place],
    limit: int,
    cursor: str | None,
) -> SessionPage:
    """Cut one page out of *heads*; a cursor is the place of the last head shown."""
    seen = None if cursor is None else _place_of(cursor)
    rest = sorted((head for head in heads if seen is None or place(head) > seen), key=place)
    shown = rest[:limit]
    if not shown or len(rest) == len(shown):
        return SessionPage(heads=shown)
    rank, session_id = place(shown[-1])
    return SessionPage(heads=shown, cursor=f"{rank}:{session_id}")


def _place_of(cursor: str) -> _Place:
    rank, _, session_id = cursor.partition(":")
    try:
        return int(rank), session_id
    except ValueError as error:
        msg = f"cursor {cursor!r} is not one that find() gave; leave it out for the first page"
        raise RejectedError(msg) from error
