# SPDX-License-Identifier: Apache-2.0
"""
The identity map: one live session an id in a process.

Tabs, reruns and fragments of one browser share the object. It stays for as long
as a connection holds it or a save is pending, and no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import Lock, RLock
from typing import Final
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import NewerFormatError, SessionGoneError, UnavailableError, text_of
from sessionkit.events import SessionEvent, StoreUnavailable
from sessionkit.host import Host
from sessionkit.manager.claims import is_unused
from sessionkit.manager.rerun_check import RerunCheck
from sessionkit.manager.store import Store
from sessionkit.repository.refresh import begin_from
from sessionkit.repository.tracks import Absence, LoadResult, Owner, Tracks
from sessionkit.session.ended import empty
from sessionkit.session.session import UserSession
from sessionkit.settings.types import name_of_serializer

_LOST: Final = frozenset({"ended", "device"})
"""Why nothing is left to those who have a session's object: somebody has logged out there, or logged them out."""


@attrs.define(kw_only=True, eq=False)
class LiveSessions:
    """
    Opens sessions, each id once.

    Attributes:
        store: The store.
        emit: Takes events.
        rerun_check: Refreshes a session, at most once an interval.
        unused: Those of them in which nothing was done yet.
        all_saved: Whether all of them are written to the store.
    """

    store: Store
    emit: Callable[[SessionEvent], None]
    rerun_check: RerunCheck
    unused: UnusedSessions = attrs.field(
        init=False,
        default=attrs.Factory(lambda own: UnusedSessions(store=own.store), takes_self=True),
    )
    all_saved: bool = attrs.field(init=False, default=True)
    _sessions: WeakValueDictionary[str, UserSession] = attrs.field(factory=WeakValueDictionary)
    _unsaved: WeakSet[UserSession] = attrs.field(factory=WeakSet)
    _former_ids: set[str] = attrs.field(factory=set)
    _successors: WeakKeyDictionary[UserSession, UserSession] = attrs.field(
        factory=WeakKeyDictionary
    )
    _locks: WeakValueDictionary[str, RLock] = attrs.field(factory=WeakValueDictionary)
    _lock: Lock = attrs.field(factory=Lock)

    def find(self, session_id: str) -> LoadResult:
        """Return the session of an id: the live one, else the stored one; or why there is none."""
        with self._lock_of(session_id):
            if session_id in self._former_ids:
                return LoadResult(absence=Absence.ENDED)
            found = self._refreshed(session_id) or self._load(session_id)
            if found.session is None:
                self._sessions.pop(session_id, None)
            else:
                self._sessions[session_id] = found.session
                self.rerun_check.record_refreshed(session_id)
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
                self.rerun_check.record_refreshed(
                    session_id
                )  # the store was just asked, or knows no such id
                if not saved:
                    self._unsaved.add(session)
                    self.all_saved = False
            return session

    @contextmanager
    def lock_for_rotation(self, session: UserSession) -> Iterator[None]:
        """Let nobody find a session while it moves to another id."""
        with self._lock_of(session.session_id):
            yield

    def follow(self, former: UserSession, session: UserSession) -> None:
        """
        Go on with the object that a session has moved to; called under :meth:`lock_for_rotation`.

        Its former id counts as ended, until :meth:`record_ended` says that it is.
        """
        old_id = former.session_id
        if session.session_id != old_id:
            self._former_ids.add(old_id)
        if self._sessions.get(old_id) is former:
            del self._sessions[old_id]
        self._sessions[session.session_id] = session
        self._successors[former] = session
        if not self.is_saved(former):
            self._unsaved.add(session)

    def successor_of(self, session: UserSession) -> UserSession | None:
        """Return the object that a session has moved to, or None; who may have it is the caller's to check."""
        if not session.ended:
            return None
        with self._lock_of(session.session_id):  # it may be moving just now
            return self._successors.get(session)

    def latest(self, session: UserSession) -> UserSession:
        """Return the object that a session is in now, however often it has moved."""
        while (moved := self.successor_of(session)) is not None:
            session = moved
        return session

    def record_ended(self, session_id: str) -> None:
        """Record that the store knows the end of a session's former id."""
        self._former_ids.discard(session_id)

    def all(self) -> list[UserSession]:
        """Return all live sessions that are written to the store."""
        return [one for one in list(self._sessions.values()) if self.is_saved(one)]

    def stored(self) -> list[UserSession]:
        """Return the live sessions that were stored before, and are not gone by what is known."""
        return [one for one in self.all() if one.version and not self.is_gone(one)]

    def of_user(self, user_id: str) -> list[UserSession]:
        """Return the live sessions of a user."""
        return [one for one in list(self._sessions.values()) if one.user_id == user_id]

    def absorb_for(self, session: UserSession, may_have: Callable[[Owner], bool]) -> bool:
        """
        Absorb what is known of the store into a live session, for someone who may have it; asks no store.

        Args:
            session: The session.
            may_have: Tells whether a session of an owner is for the caller.

        Returns:
            False when it is not for the caller.
        """
        repository = self.store.if_open
        if repository is None:
            return may_have(Owner(session.user_id, session.authenticated))
        return repository.absorb_for(session, may_have)

    def held(self, session_id: str) -> UserSession | None:
        """Return the live session of an id, or None; asks no store."""
        return self._sessions.get(session_id)

    def refresh_if_due(self, session: UserSession) -> None:
        """Refresh a live session, if it is time; waits for no store that is down."""
        self.unused.note(session)
        if self.is_saved(session):
            self.rerun_check.refresh_if_due(session)
            self.let_go_if_gone(session)

    def refresh_now(self, session: UserSession) -> None:
        """Refresh a live session; may wait."""
        self.unused.note(session)
        self.rerun_check.refresh_now(session)
        self.let_go_if_gone(session)

    def has_news(self, session: UserSession) -> bool:
        """Return whether what others did to a live session waits for its next rerun; asks no store."""
        repository = self.store.if_open
        return repository is not None and repository.has_news(session)

    def is_settled(self, session: UserSession) -> bool:
        """Return whether a live session is all that is known of it: not gone, not expired, nothing to absorb; asks no store."""
        repository = self.store.if_open
        return repository is None or repository.is_settled(session)

    def is_gone_or_expired(self, session: UserSession) -> bool:
        """Return whether a live session is gone or has expired, by what is known; asks no store."""
        repository = self.store.if_open
        return repository is not None and (
            repository.why_gone(session) is not None or repository.has_expired(session)
        )

    def is_gone(self, session: UserSession) -> bool:
        """Return whether a live session was ended, deleted or replaced, by what is known."""
        repository = self.store.if_open
        return repository is not None and repository.why_gone(session) is not None

    def drop(self, session: UserSession) -> None:
        """Forget a session: the next one who asks for its id asks the store."""
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]

    def let_go_if_gone(self, session: UserSession) -> None:
        """
        Leave nothing in an object whose session was ended, or has struck off the devices that have it, by what is known.

        One that is gone for another reason stays readable: nobody has logged out.
        """
        repository = self.store.if_open
        if repository is not None and repository.why_gone(session) in _LOST:
            self.drop(session)
            empty(session)

    def has_struck_off_its_holders(self, session: UserSession) -> bool:
        """Return whether a session goes on, but not for the devices that have this object."""
        repository = self.store.if_open
        return repository is not None and repository.why_gone(session) == "device"

    def is_saved(self, session: UserSession) -> bool:
        """Return whether the session is written to the store at all."""
        return self.all_saved or session not in self._unsaved

    def _lock_of(self, session_id: str) -> RLock:
        with self._lock:  # whoever is inside the lock that this returns, or waits for it, keeps it in the weak map
            return self._locks.setdefault(session_id, RLock())

    def _refreshed(self, session_id: str) -> LoadResult | None:
        session = self._sessions.get(session_id)
        if session is None:
            return None
        self.unused.note(session)
        try:
            if self.store.outage.is_known:
                self.store.outage.check()
            self.store.repository.refresh(session)
        except SessionGoneError as error:
            self.let_go_if_gone(session)
            return LoadResult(absence=Absence.ENDED) if error.reason == "ended" else None
        except UnavailableError as error:
            self.store.outage.record_down(error)
            return LoadResult(session=session)
        except NewerFormatError:
            return LoadResult(session=session)
        if self.store.outage.is_known:
            self.store.outage.record_answer()
        return None if self.store.repository.has_expired(session) else LoadResult(session=session)

    def _load(self, session_id: str) -> LoadResult:
        try:
            if self.store.outage.is_known:
                self.store.outage.check()
            found = (self.store.if_open or self.store.repository).load_result(session_id)
        except UnavailableError as error:
            self.store.outage.record_down(error)
            self.emit(StoreUnavailable(session_id=session_id, error=text_of(error, session_id)))
            return LoadResult(absence=Absence.UNAVAILABLE)
        except NewerFormatError:
            return LoadResult(absence=Absence.NEWER)  # the repository told why
        if self.store.outage.is_known:
            self.store.outage.record_answer()
        return found


# -- sessions in which nothing was done yet ------------------------------------


@attrs.define(kw_only=True, eq=False)
class UnusedSessions:
    """
    Live sessions of which nothing is stored, since nothing was done in them.

    What their pages put there by being shown is what their users' changes begin
    from: it is stored with the first of these, and where another replica has
    stored the session meanwhile, it changes nothing there. Only visits count.

    Attributes:
        store: Where they will be stored; it is not opened for them.
    """

    store: Store
    _hosts: WeakKeyDictionary[UserSession, Host] = attrs.field(factory=WeakKeyDictionary)
    _noted: WeakKeyDictionary[UserSession, int] = attrs.field(factory=WeakKeyDictionary)

    @cached_property
    def _codec(self) -> SessionCodec:
        return self.store.assembly.codec(self.store.settings.serializer)

    @property
    def _tracks(self) -> Tracks:
        return self.store.assembly.tracks(name_of_serializer(self.store.settings.serializer))

    def begin(self, session: UserSession, host: Host) -> None:
        """Take a session that was begun just now, and the host that it was begun by."""
        self._hosts[session] = host
        session.unused = True

    def is_left_out(self, session: UserSession) -> bool:
        """
        Return whether nothing is to be stored of a session: health checks, link previews and crawlers open pages, too.

        What was begun while nobody could look joins what is stored, used or not.
        """
        return session.unused and self.look(session) and not session.provisional

    def note(self, session: UserSession) -> None:
        """Do as :meth:`look`, if more was put into an unused session since someone looked."""
        if session.unused and self._noted.get(session) != session.activity.count:
            self.look(session)

    def look(self, session: UserSession) -> bool:
        """Return whether still nothing was done in an unused session; note what it was shown with."""
        try:
            unused = self._note_shown(session)
        except Exception:  # noqa: BLE001 - what an app keeps may raise anything: its save tells
            unused = False
        if not unused:
            session.unused = False
        return session.unused  # someone may have asked for a save meanwhile

    def _note_shown(self, session: UserSession) -> bool:
        count, shown = session.activity.count, None
        if self._noted.get(session) != count:
            # Before it is judged: what is done meanwhile is then found, and not taken for shown.
            shown = _encode_shown(self._codec, session)
        if not is_unused(session, self._hosts[session]):
            return False
        if shown is not None and begin_from(self._tracks, session, shown):
            self._noted[session] = count
        return True


def _encode_shown(codec: SessionCodec, session: UserSession) -> EncodedParts:
    with session.lock:
        pages = len(session.navigation_history)
        shown = attrs.evolve(
            session,
            navigation_history=[],
            page_views={},
            interaction_count=max(0, session.activity.count - pages),
        )
        shown.never = session.never
        return codec.encode(shown, {}).parts
