# SPDX-License-Identifier: Apache-2.0
"""What a repository does with stored sessions by their ids: list, touch, end and remove them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sessionkit.records import SessionHead
from sessionkit.repository.stored_sessions import StoredSessions
from sessionkit.storage import Storage


class Catalog:
    """The sessions in a store, without a live object of any."""

    def __init__(self, stored: StoredSessions) -> None:
        """Take what looks into the store."""
        self._stored = stored

    @property
    def storage(self) -> Storage:
        """Keeps the bytes."""
        return self._stored.storage

    def is_over(self, head: SessionHead) -> bool:
        """Return whether a stored session's time is over."""
        return self._stored.has_expired(head)

    def heads(self) -> Iterator[SessionHead]:
        """Yield the heads of all sessions that have not expired."""
        return self._stored.heads()

    def heads_of(self, user_id: str) -> Iterator[SessionHead]:
        """Yield the heads of a user's sessions that have not expired, latest activity first."""
        return self._stored.heads_of(user_id)

    def latest_of(self, user_id: str) -> str | None:
        """Return the id of the session of *user_id* with the latest activity, or None."""
        return self._stored.latest_of(user_id)

    def touch(self, session_id: str) -> bool:
        """Note that a stored session is in use now; return whether there is one."""
        return self._stored.touch(session_id)

    def delete(self, session_id: str) -> bool:
        """Remove a session from the store at once; return whether there was one. To log out, end it."""
        return self._stored.delete(session_id)

    def count_active(self, within: timedelta) -> int:
        """Return how many sessions were active within the last *within*."""
        return self._stored.count_active(within)

    def purge(self, *, idle: timedelta | None = None) -> int:
        """Remove all expired sessions, and those *idle* for so long, in batches; return how many."""
        return self._stored.purge(idle=idle)
