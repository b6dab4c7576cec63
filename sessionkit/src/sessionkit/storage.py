# SPDX-License-Identifier: Apache-2.0
"""
The storage contract: heads and parts, as bytes.

A storage knows no session, no serializer and no clock. It returns expired
sessions like any other; whoever calls it decides. ``sessionkit.testing`` has a
suite that proves an implementation right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession


@runtime_checkable
class Storage(Protocol):
    """
    Keeps sessions as heads and parts.

    Any number of threads call one storage at once. Every method raises
    :class:`~sessionkit.errors.UnavailableError` when the store can't be
    reached (the call may be repeated),
    :class:`~sessionkit.errors.RejectedError` when it never will take the call, and
    :class:`~sessionkit.errors.UnclearError` when nobody can tell. What is damaged
    in a stored head is passed on as it is, whatever its type, and breaks no list.
    """

    def read(self, session_id: str) -> StoredSession | None:
        """Return one consistent snapshot of a session, or None when nothing is stored."""

    def write(self, write: SessionWrite) -> None:
        """
        Store a save, all of it or nothing.

        ``write.expected`` is compared inside the write itself. A store that
        already holds ``write.head.save_id`` returns as if it had just written:
        the answer to the first try was lost. The stored ``last_activity``
        never moves backwards, but from more than a day ahead
        (:func:`~sessionkit.records.later_activity`).

        Raises:
            ConflictError: If something else is stored; ``current`` is its head.
        """

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """
        Move a session's activity and expiry on, without a new version.

        Never moves ``last_activity`` backwards (an older value changes
        nothing) but from more than a day ahead, never creates, never touches a tombstone.

        Returns:
            False when there is no such session, else True.
        """

    def delete(self, session_id: str) -> bool:
        """Remove a session and all its parts; return whether there was one."""

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """
        List sessions, tombstones left out.

        With *user_id*: that owner's, latest activity first. Without: all, in
        an order of the storage's own that does not change while nothing is written.
        A page of fewer than *limit* heads may still carry a cursor.
        """

    def count(self, *, active_since: int) -> int:
        """Return how many sessions have a ``last_activity`` of *active_since* or later, tombstones left out."""

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """
        Remove one bounded batch of what has ended.

        Args:
            expired_before: Remove sessions whose ``expires_at`` lies before it.
            idle_before: Remove sessions, but no tombstones, whose
                ``last_activity`` lies before it, too.
            limit: How many at most.

        Returns:
            How many were removed; fewer than *limit* means that none is left.
        """

    def close(self) -> None:
        """Release what the storage itself opened; closing twice is fine."""


@runtime_checkable
class BatchStorage(Storage, Protocol):
    """A storage that saves many sessions at once."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """
        Store many saves of different sessions; one that fails fails no other.

        Returns:
            An outcome for each write, in their order: None when it was stored,
            else the error that :meth:`Storage.write` would have raised.
        """


@runtime_checkable
class HeadStorage(Storage, Protocol):
    """A storage that reads a session's head without its parts."""

    def read_head(self, session_id: str) -> SessionHead | None:
        """
        Return what :meth:`Storage.read` would return as ``head``, or None when nothing is stored.

        It is asked whether someone else has saved a session, while a user
        waits: one cheap command, however large the session is.
        """


@runtime_checkable
class SetupStorage(Storage, Protocol):
    """A storage that has to be set up before its first use."""

    def setup(self) -> None:
        """
        Create what is missing (tables, indices); doing it again is fine.

        Raises:
            NewerFormatError: If a newer release has set the store up.
        """


class Closeable(Protocol):
    """Something that can be closed."""

    def close(self) -> None:
        """Stop it; closing twice is fine."""


@runtime_checkable
class WatchStorage(Storage, Protocol):
    """A storage that tells when a session was changed by someone else."""

    def watch(self, callback: Callable[[str], None]) -> Closeable:
        """Call *callback* with ids of changed sessions, as best it can, until closed."""


StorageFactory = Callable[..., Storage]
"""Opens a storage from the keywords of its settings table."""
