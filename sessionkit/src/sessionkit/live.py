# SPDX-License-Identifier: Apache-2.0
"""
The identity map: one live session an id in a process.

Tabs, reruns and fragments of one browser share the object. It stays for as long
as a connection holds it or a save is pending, and no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, RLock
from weakref import WeakSet, WeakValueDictionary

import attrs

from sessionkit.errors import NewerFormatError, SessionGoneError, UnavailableError
from sessionkit.events import SessionEvent, SessionRestored, StoreUnavailable
from sessionkit.found import Absence, Found
from sessionkit.repository import Repository
from sessionkit.session import UserSession


class _IdLock:
    """A lock that a weak map can hold."""

    def __init__(self) -> None:
        self.lock = RLock()


@attrs.define(kw_only=True, eq=False)
class LiveSessions:
    """
    Opens sessions, each id once.

    Attributes:
        repository: Returns the repository; raises what opening the store raises.
        opened: Returns the repository, or None while the store was never opened; never waits.
        emit: Takes events.
    """

    repository: Callable[[], Repository]
    opened: Callable[[], Repository | None]
    emit: Callable[[SessionEvent], None]
    _sessions: WeakValueDictionary[str, UserSession] = attrs.field(factory=WeakValueDictionary)
    _unsaved: WeakSet[UserSession] = attrs.field(factory=WeakSet)
    _locks: WeakValueDictionary[str, _IdLock] = attrs.field(factory=WeakValueDictionary)
    _lock: Lock = attrs.field(factory=Lock)

    def find(self, session_id: str) -> Found:
        """Return the session of an id: the live one, else the stored one; or why there is none."""
        with self._lock_of(session_id):
            found = self._live(session_id) or self._stored(session_id)
            if found.session is None:
                self.drop(session_id)
            else:
                self._sessions[session_id] = found.session
            return found

    def begin(
        self, session_id: str, make: Callable[[], UserSession], *, saved: bool = True
    ) -> UserSession:
        """
        Return the live session of an id; a new one when there is none.

        Asks no store: while it is down the session is provisional. It starts
        empty, and what is stored joins it when the store answers.

        Args:
            session_id: The id.
            make: Makes the session.
            saved: False to keep the session in memory only.
        """
        with self._lock_of(session_id):
            session = self._sessions.get(session_id)
            if session is None:
                session = self._sessions[session_id] = make()
                if not saved:
                    self._unsaved.add(session)
            return session

    def _lock_of(self, session_id: str) -> RLock:
        with self._lock:
            holder = self._locks.setdefault(session_id, _IdLock())
        return holder.lock

    def _live(self, session_id: str) -> Found | None:
        session = self._sessions.get(session_id)
        if session is None:
            return None
        try:
            self.repository().refresh(session)
        except SessionGoneError as error:
            return Found(absence=Absence.ENDED) if error.reason == "ended" else None
        except (UnavailableError, NewerFormatError):
            return Found(session=session)
        return None if self.repository().has_expired(session) else Found(session=session)

    def _stored(self, session_id: str) -> Found:
        try:
            found = self.repository().look_up(session_id)
        except UnavailableError as error:
            self.emit(StoreUnavailable(session_id=session_id, error=str(error)))
            return Found(absence=Absence.UNAVAILABLE)
        except NewerFormatError:
            return Found(absence=Absence.NEWER)  # the repository told why
        if found.session is not None:
            self.emit(SessionRestored(session_id=session_id))
        return found

    def is_over(self, session: UserSession) -> bool:
        """Return whether a live session is gone or has expired, by what is known; asks no store."""
        repository = self.opened()
        if repository is None:
            return False
        return repository.why_gone(session) is not None or repository.has_expired(session)

    def drop(self, session_id: str) -> None:
        """Forget an id: the next one who asks for it asks the store."""
        self._sessions.pop(session_id, None)

    def is_saved(self, session: UserSession) -> bool:
        """Return whether the session is written to the store at all."""
        return session not in self._unsaved
