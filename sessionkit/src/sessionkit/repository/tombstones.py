# SPDX-License-Identifier: Apache-2.0
"""Ends ids for good: a tombstone takes a session's place, so that not even a late save brings it back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import attrs

from sessionkit.errors import ConflictError, UnavailableError
from sessionkit.events import SessionEnded, SessionEvent
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.repository.expiry import Expiry
from sessionkit.session.fields import new_save_id, short, to_micros
from sessionkit.storage import Storage

ATTEMPTS: Final = 100
"""How often a write meets another writer before it gives up for now: eight who never pause met 73 times in a row."""

TOMBSTONE_LIFETIME: Final = timedelta(days=400)
"""How long an ended id stays taken when sessions have no absolute end: as long as browsers keep cookies."""


@attrs.frozen(kw_only=True)
class Tombstones:
    """
    Ends ids.

    Attributes:
        storage: Keeps the bytes.
        expiry: When sessions end by themselves.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    storage: Storage
    expiry: Expiry
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]

    def over(
        self, session_id: str, head: SessionHead | None, parts: Collection[str], save_id: str
    ) -> SessionWrite:
        """
        Return the write that puts a tombstone in the place of what is stored.

        Args:
            session_id: The id.
            head: What is stored, or None when nothing is.
            parts: The names that its parts are stored under.
            save_id: The tombstone's own; the same again where an answer was lost.
        """
        now = self.now()
        tombstone = SessionHead(
            session_id=session_id,
            version=head.version + 1 if head else 1,
            save_id=save_id,
            created_at=head.created_at if head else to_micros(now),
            last_activity=to_micros(now),
            expires_at=to_micros(now + (self.expiry.absolute or TOMBSTONE_LIFETIME)),
            ended=True,
        )
        expected = head.save_id if head else None
        return SessionWrite(head=tombstone, expected=expected, remove=tuple(parts))

    def end(self, session_id: str, *, of_user: str | None = None) -> bool:
        """
        End an id for good.

        Args:
            session_id: The id.
            of_user: Only if the session is this user's; None whosever it is.

        Returns:
            Whether this call ended it.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        save_id = new_save_id()
        for _ in range(ATTEMPTS):
            stored = self.storage.read(session_id)
            head = None if stored is None else stored.head
            if head is not None and head.ended:
                return False
            if of_user is not None and (head is None or head.user_id != of_user):
                return False
            try:
                self.storage.write(
                    self.over(session_id, head, stored.parts if stored else (), save_id)
                )
            except ConflictError:
                continue
            self.emit(SessionEnded(session_id=session_id))
            return True
        msg = f"session {short(session_id)} could not be ended: met another writer {ATTEMPTS} times"
        raise UnavailableError(msg)
