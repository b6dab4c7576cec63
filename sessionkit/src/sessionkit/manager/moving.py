# SPDX-License-Identifier: Apache-2.0
"""
Live sessions that move to a fresh id, so that whoever knows the old one has nothing.

The object stays the same, as the app holds it, and changes its id in place. What
could not be done while the store was down is done by the writer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import attrs

from sessionkit.errors import SessionGoneError, SessionKitError, StorageError, UnavailableError
from sessionkit.events import SessionEvent, SessionRotated
from sessionkit.manager.live import LiveSessions
from sessionkit.persistence.persistence import SessionPersistence
from sessionkit.session.fields import new_session_id
from sessionkit.session.session import UserSession

if TYPE_CHECKING:
    from sessionkit.repository.repository import Repository
    from sessionkit.repository.rotation import Left
    from sessionkit.repository.tracks import Owner


@attrs.frozen(kw_only=True)
class Mover:
    """
    Moves live sessions.

    Attributes:
        live: Knows which id leads to which session.
        repository: Returns the repository; raises what opening the store raises.
        persistence: Its writer does what has to wait for the store.
        emit: Takes events.
    """

    live: LiveSessions
    repository: Callable[[], Repository]
    persistence: SessionPersistence
    emit: Callable[[SessionEvent], None]

    def rotate(self, session: UserSession) -> None:
        """
        Store a session under a fresh id, then end the old one.

        Raises:
            UnavailableError: If the store can't be reached; nothing changed.
            SessionGoneError: If the session was ended, deleted or replaced.
            RejectedError: If the store will not take the session; nothing changed.
            ConflictError: If two writers met and the strategy refused; nothing changed.
        """
        if not self.live.is_saved(session):
            self.bind(session, None)
            return
        rotations, new_id = self.repository().rotations, new_session_id()
        with self.live.moving(session):
            try:
                left = rotations.rotate(session, new_id)
            except UnavailableError:
                # A copy may have been stored, its answer lost.
                self._later(new_id, lambda: self.repository().end(new_id))
                raise
        self.emit(SessionRotated(session_id=new_id, old_id=left.session_id))
        try:
            self._finish(left)
        except StorageError:
            self._later(left.session_id, partial(self._finish, left))

    def bind(self, session: UserSession, owner: Owner | None) -> None:
        """
        Make a user the owner of a session that has none, under a fresh id: who planted the old one has nothing.

        While the store is down that is done in memory, and stored later; nothing
        of the owner's is ever stored under the old id.

        Args:
            session: The session.
            owner: The user; None changes the id alone.
        """
        with self.live.moving(session):
            if owner is not None and session.user_id is not None:
                return  # another tab was first
            left = self._leave(session, owner)
            if left is not None and (left.known is not None or left.attempt is not None):
                error = self.repository().save_many([session], whole=False)[0]
                if error is not None and not isinstance(error, SessionKitError):
                    raise error  # of the others the writer tells, and tries again
        if left is not None:
            self.emit(SessionRotated(session_id=session.session_id, old_id=left.session_id))
            self._later(left.session_id, partial(self._finish, left))

    def _leave(self, session: UserSession, owner: Owner | None) -> Left | None:
        from sessionkit.repository.rotation import Left  # noqa: PLC0415 - imports what saves; few sessions move

        def own() -> None:
            if owner is not None:
                session.user_id, session.authenticated = owner

        new_id = new_session_id()
        left = None
        try:
            if self.live.is_saved(session):
                return self.repository().rotations.leave(session, new_id, own)
        except SessionGoneError:
            own()
            return None  # the next rerun begins anew
        except UnavailableError:  # the store was never opened
            left = Left(session_id=session.session_id, session=session)
        with session.lock:
            session.session_id = new_id
            own()
        return left

    def _finish(self, left: Left) -> None:
        """Store a session under its new id, and end the one that it left."""
        repository = self.repository()
        error = repository.save_many([left.session], whole=False)[0]
        if isinstance(error, SessionGoneError):
            repository.end(left.session_id)  # who ended the session meant all of it
        elif error is not None:
            raise error
        elif repository.rotations.finish(left):
            with suppress(StorageError, SessionGoneError):
                repository.refresh(left.session)
        self.live.has_ended(left.session_id)

    def _later(self, session_id: str, work: Callable[[], object]) -> None:
        """Have the writer do something about an id, again and again while the store is down."""
        stand_in = UserSession(session_id=session_id)
        # Not left undone for lack of room: until then the id that was left still opens the session.
        self.persistence.schedule_save(session_id, stand_in, lambda _: work(), bounded=False)
