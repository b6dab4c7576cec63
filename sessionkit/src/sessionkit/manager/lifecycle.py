# SPDX-License-Identifier: Apache-2.0
"""Live sessions are rotated, ended, revoked and listed here; a login gives one its owner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple, Self
from weakref import WeakSet

import attrs

from sessionkit.errors import (
    NewerFormatError,
    SessionGoneError,
    SessionKitError,
    StorageError,
    UnavailableError,
)
from sessionkit.events import SessionEvent, SessionRotated
from sessionkit.manager.claims import is_hosts_name
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.store import Store
from sessionkit.persistence.persistence import SessionPersistence
from sessionkit.records import SessionHead, short, short_repr
from sessionkit.repository.rotation import FormerId, copy_of
from sessionkit.repository.stored_sessions import ATTEMPTS
from sessionkit.repository.tracks import Owner
from sessionkit.session.arguments import ONLY, USER_ID
from sessionkit.session.devices import (
    UNKNOWN_BROWSER,
    BrowserInfo,
    Device,
    devices_of,
    list_alone,
    list_device,
    strike_off,
)
from sessionkit.session.fields import from_micros, micros_now, new_session_id
from sessionkit.session.session import UserSession


@attrs.frozen(kw_only=True)
class LiveRotation:
    """
    Rotates live sessions: each goes on in another object, and whoever knows the old id, or has the old object, has nothing.

    Attributes:
        live: Knows which id leads to which session.
        store: The store.
        persistence: Its writer does what has to wait for the store.
        moved: Takes the old object and the one to go on with; what waits to be saved follows.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    live: LiveSessions
    store: Store
    persistence: SessionPersistence
    moved: Callable[[UserSession, UserSession], None]
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]
    _bound: WeakSet[UserSession] = attrs.field(init=False, factory=WeakSet)

    def rotate(self, session: UserSession) -> UserSession:
        """
        Store a session under a fresh id, then end the old one.

        Returns:
            The session to go on with; the one that was given is empty.

        Raises:
            UnavailableError: If the store can't be reached; nothing changed.
            SessionGoneError: If the session was ended, deleted or replaced, or has moved already.
            RejectedError: If the store will not take the session; nothing changed.
            ConflictError: If two writers met and the strategy refused; nothing changed.
        """
        with self.live.lock_for_rotation(session):
            if session.ended:
                raise SessionGoneError(session.session_id, "moved")
            if not self.live.is_saved(session):
                former = self._rotate_in_memory(session, _leave_as_it_is)
            else:
                former = self._rotate_in_store(session)
            self._follow(session, former)
        try:
            self._finish(former)
        except StorageError:
            self._later(former.session_id, partial(self._finish, former))
        return former.session

    def _rotate_in_store(self, session: UserSession) -> FormerId:
        rotation, new_id = self.store.repository.rotation, new_session_id()
        try:
            return rotation.rotate(session, new_id)
        except UnavailableError:
            # A copy may have been stored, its answer lost.
            self._later(new_id, lambda: self.store.repository.end(new_id))
            raise

    def bind(
        self,
        session: UserSession,
        owner: Owner | None,
        browser: BrowserInfo = UNKNOWN_BROWSER,
    ) -> UserSession | None:
        """
        Make a user the owner of a session that has none, under a fresh id: who planted the old one has nothing.

        While the store is down that is done in memory, and stored later; nothing
        of the owner's is ever stored under the old id.

        Args:
            session: The session.
            owner: The user; None changes the id alone.
            browser: What the user has logged in at.

        Returns:
            The session to go on with: the given one where it has an owner already; None where it is gone.
        """
        with self.live.lock_for_rotation(session):
            if session.ended or (owner is not None and session.user_id is not None):
                return None if session.ended else session  # another tab was first
            try:
                former = self._rotate_in_memory(session, self._owned_by(owner, browser))
            except SessionGoneError:
                return None
            self._follow(session, former)
            moved = former.session
            self._bound.add(moved)
            if former.known is not None or former.attempt is not None:
                error = self.store.repository.save_many([moved], whole=False)[0]
                if error is not None and not isinstance(error, SessionKitError):
                    raise error  # of the others the writer tells, and tries again
        self._later(former.session_id, partial(self._finish, former))
        return moved

    def strike_off(self, session: UserSession, device_ids: Collection[str]) -> UserSession:
        """
        Strike devices off a session, and put it into another object: what is open there loses the one that it has.

        Returns:
            The session to go on with.

        Raises:
            SessionGoneError: If the session was ended, deleted or replaced, or has moved already.
            UnavailableError: If the store can't be reached: other replicas don't know yet; call it again.
        """
        with self.live.lock_for_rotation(session):
            moved = self.store.repository.rotation.exchange(
                session, lambda other: _strike(other, device_ids, self.now())
            )
            self.live.follow(session, moved)
            self.moved(session, moved)
        error = self.store.repository.save_many([moved], whole=False)[0]
        if error is not None:
            raise error
        return moved

    def part_from_struck_off(self, session: UserSession) -> UserSession:
        """
        Put a session into another object where devices that have this one were seen to be struck off elsewhere.

        Asks no store; others who have it follow at their next bootstrap.

        Returns:
            The session to go on with: the given one where there are no such devices, or it is gone.
        """
        repository = self.store.if_open
        if repository is None or not repository.struck_off(session):
            return session
        with self.live.lock_for_rotation(session), suppress(SessionGoneError):
            struck = repository.struck_off(session)
            moved = repository.rotation.exchange(
                session, lambda other: _strike(other, struck, self.now())
            )
            self.live.follow(session, moved)
            self.moved(session, moved)
        return self.live.latest(session)

    def was_bound(self, session: UserSession) -> bool:
        """Return, once, whether a session has become a user's just now, by :meth:`bind`."""
        bound = session in self._bound
        self._bound.discard(session)
        return bound

    def _owned_by(self, owner: Owner | None, browser: BrowserInfo) -> Callable[[UserSession], None]:
        def become(session: UserSession) -> None:
            if owner is not None:
                session.user_id, session.authenticated = owner
            if session.user_id is not None and not session.authenticated:
                list_alone(session, None)
                list_device(session, self.now(), browser)  # at once: it is stored with the rest

        return become

    def _rotate_in_memory(
        self, session: UserSession, change: Callable[[UserSession], None]
    ) -> FormerId:
        new_id = new_session_id()
        if self.live.is_saved(session):
            with suppress(UnavailableError):  # the store was never opened
                return self.store.repository.rotation.rotate_in_memory(session, new_id, change)
        moved = copy_of(self.store.assembly.codec(self.store.settings.serializer), session, new_id)
        change(moved)
        return FormerId(session_id=session.session_id, session=moved)

    def _follow(self, session: UserSession, former: FormerId) -> None:
        """Let all that belongs to a live session go on with its new object."""
        self.live.follow(session, former.session)
        self.moved(session, former.session)
        self.emit(SessionRotated(session_id=former.session.session_id, old_id=former.session_id))

    def _finish(self, former: FormerId) -> None:
        """Store a session under its new id, and end its former id."""
        repository = self.store.repository
        former.session = self.live.latest(former.session)  # it may have moved again
        error = repository.save_many([former.session], whole=False)[0]
        if isinstance(error, SessionGoneError):
            repository.end(former.session_id)  # who ended the session meant all of it
        elif error is not None:
            raise error
        elif repository.rotation.finish(former):
            with suppress(StorageError, SessionGoneError):
                repository.refresh(former.session)
        self.live.record_ended(former.session_id)

    def _later(self, session_id: str, work: Callable[[], object]) -> None:
        """Have the writer do something about an id, again and again while the store is down."""
        stand_in = UserSession(session_id=session_id)
        # Not left undone for lack of room: until then the former id still opens the session.
        self.persistence.schedule_save(session_id, stand_in, lambda _: work(), bounded=False)


def _leave_as_it_is(_: UserSession) -> None:
    """Change nothing."""


def _strike(session: UserSession, device_ids: Collection[str], now: datetime) -> None:
    strike_off(session, device_ids, now)


@attrs.frozen(kw_only=True)
class SessionEnds:
    """
    Ends sessions for good, one or all of a user's, and lists them.

    Attributes:
        live: Knows the live ones.
        store: The store.
        rotation: Puts sessions into other objects.
        discard: Takes the session of an id out of the queue of saves.
    """

    live: LiveSessions
    store: Store
    rotation: LiveRotation
    discard: Callable[[str], None]

    def end(self, session: UserSession, *, of_user: str | None = None) -> bool:
        """
        End a live session.

        Args:
            session: The session.
            of_user: Only if the stored one is this user's; None whosever it is.

        Returns:
            Whether something was stored that this call ended.

        Raises:
            UnavailableError: If the store can't be reached: nothing has ended.
        """
        had_moved = session.ended
        ended = self.store.repository.end(session.session_id, session, of_user=of_user)
        moved = self.live.successor_of(session)
        if moved is not None and not had_moved:  # it was rotated meanwhile
            return self.end(moved, of_user=of_user)
        self.discard(session.session_id)
        self.live.let_go_if_gone(session)
        return ended

    def revoke(
        self,
        user_id: str,
        only: Iterable[str] | None,
        keep: UserSession | None,
        keep_device: str | None = None,
        *,
        current: UserSession | None = None,
    ) -> int:
        """
        End the sessions of a user; of a session that stays, the devices.

        Args:
            user_id: The user.
            only: These sessions and devices alone, as far as they are the user's; None for all.
            keep: One that stays.
            keep_device: Its device that stays.
            current: The calling connection's session; where it is the user's, it says who names them so.

        Returns:
            How many sessions were ended, and devices struck off of those that stay.

        Raises:
            TypeError: If *user_id* is no text: where nobody is logged in nobody is logged out.
            UnavailableError: If the store can't be reached: some may have ended; call it again.
        """
        _check_user(user_id)
        user = _User.of(user_id, current)
        chosen = _chosen(only)

        if keep is not None and chosen is None and keep.user_id == user_id:
            struck = self._strike_off_others(keep, keep_device)
        elif chosen is not None:
            struck = self._strike_off_chosen(user, chosen)
        else:
            struck = 0
        if chosen is None:
            self._record(user, keep)

        def meant(session_id: str) -> bool:
            kept = keep is not None and keep.session_id == session_id
            return not kept and (chosen is None or session_id in chosen)

        ended = struck
        for _ in range(ATTEMPTS):
            # Live ones first: they may be bound to the user and not stored yet.
            for session in self.live.of_user(user_id):
                if meant(session.session_id) and user.has(session):
                    ended += self.end(session, of_user=user_id)
            found = [head.session_id for head in self._heads(user) if meant(head.session_id)]
            if not found:
                return ended
            ended += sum(self.store.repository.end(one, of_user=user_id) for one in found)
        msg = f"user {user_id!r} still has sessions after {ATTEMPTS} rounds: others keep beginning"
        raise UnavailableError(msg)

    def _record(self, user: _User, keep: UserSession | None) -> None:
        """Have those end, too, that wait in another process's memory or journal, and are in no list."""
        at = micros_now()
        if keep is not None:
            self.live.latest(keep).owned_at = at
        for authenticated in (True, False):
            if user.authenticated in {None, authenticated}:
                self.store.repository.record_revocation(Owner(user.user_id, authenticated), at)

    def _strike_off_others(self, session: UserSession, keep: str | None) -> int:
        """Strike all devices but one off a session that stays; return how many."""
        struck = 0
        for _ in range(ATTEMPTS):
            others = self._listed(session) - {keep}
            if not others:
                return struck
            session = self.rotation.strike_off(session, others)
            struck += len(others)
        msg = f"session {short(session.session_id)} still has other devices after {ATTEMPTS} rounds: others keep logging in"
        raise UnavailableError(msg)

    def _strike_off_chosen(self, user: _User, chosen: frozenset[str]) -> int:
        """Strike chosen devices off the user's sessions; one that is left without any ends."""
        struck = 0
        for session in self._sessions_of(user):
            listed = self._listed(session)
            if session.session_id in chosen or not listed & chosen:
                continue
            if listed <= chosen:
                struck += self.end(session, of_user=user.user_id)
            else:
                self.rotation.strike_off(session, listed & chosen)
                struck += len(listed & chosen)
        return struck

    def sign_out(self, user_id: str, device_id: str, current: UserSession | None) -> bool:
        """
        Strike one device of a user off; its session stays for the others, and waits for the user where it was the last.

        Args:
            user_id: The user.
            device_id: The device; one that is not the user's is passed over.
            current: The calling connection's session.

        Returns:
            Whether it was listed.

        Raises:
            UnavailableError: If the store can't be reached: it may be signed in still; call it again.
        """
        for session in self._sessions_of(_User.of(user_id, current)):
            if device_id in self._listed(session):
                self.rotation.strike_off(session, {device_id})
                return True
        return False

    def _listed(self, session: UserSession) -> frozenset[str]:
        """Return the devices that a live session lists, also those that other replicas have listed."""
        found = self.live.find(session.session_id).session
        if found is session:
            self.live.absorb_for(session, lambda _: True)
        return frozenset(devices_of(session) or ())

    def _sessions_of(self, user: _User) -> Iterator[UserSession]:
        """Yield a user's sessions, the live ones as they are."""
        live = {one.session_id: one for one in self.live.of_user(user.user_id) if user.has(one)}
        yield from live.values()
        for head in self._heads(user):
            if head.session_id not in live:
                found = self.live.find(head.session_id).session
                if found is not None and found.user_id == user.user_id:
                    yield found

    def summaries(
        self,
        user_id: str | None,
        current: UserSession | None,
        current_device: str | None = None,
    ) -> tuple[SessionSummary, ...]:
        """
        Return what a user is shown of their sessions, latest activity first.

        Args:
            user_id: The user; None, who is nobody, has none.
            current: The calling connection's session; it is listed before it is stored, too.
            current_device: The calling connection's device, or None.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        if user_id is None:
            return ()
        summaries = self._by_session(_User.of(user_id, current), current)
        return tuple(
            device
            for summary in summaries
            for device in self._by_device(summary, current, current_device)
        )

    def _by_device(
        self, summary: SessionSummary, current: UserSession | None, current_device: str | None
    ) -> list[SessionSummary]:
        """Return a summary for each device of a session; the session's own where it lists none."""
        session = current if summary.current else self.live.held(summary.session_id)
        try:
            if session is not None:
                self._listed(session)
            else:
                session = self.store.repository.load(summary.session_id)
        except NewerFormatError:
            pass  # the repository told why
        devices = {} if session is None else devices_of(session) or {}
        return [
            attrs.evolve(
                summary,
                device=device,
                current=summary.current and device.device_id == current_device,
            )
            for device in sorted(devices.values(), key=lambda one: one.last_seen, reverse=True)
        ] or [summary]

    def _by_session(self, user: _User, current: UserSession | None) -> list[SessionSummary]:
        mine = current if current is not None and current.user_id == user.user_id else None
        own_id = None if mine is None else mine.session_id
        listed = [
            SessionSummary.of(head, current=head.session_id == own_id) for head in self._heads(user)
        ]
        if mine is not None and not any(summary.current for summary in listed):
            listed.insert(0, _of_live(mine))
        return listed

    def _heads(self, user: _User) -> list[SessionHead]:
        # To the end first: what is ended on the way would move the pages.
        heads = list(self.store.repository.heads_of(user.user_id))
        if user.authenticated is None:
            return heads
        return [head for head in heads if self._is_of(user, head)]

    def _is_of(self, user: _User, head: SessionHead) -> bool:
        session = self.live.held(head.session_id)
        try:
            session = session or self.store.repository.load(head.session_id)
        except NewerFormatError:
            return True  # the repository told why
        return session is None or user.has(session)


class _User(NamedTuple):
    """A user by name, and whether the host or the app calls them so; None where both may."""

    user_id: str
    authenticated: bool | None

    @classmethod
    def of(cls, user_id: str, current: UserSession | None) -> Self:
        """Return the user whose session the calling connection has, else whoever is called so."""
        own = current is not None and current.user_id == user_id and is_hosts_name(user_id)
        return cls(user_id, current.authenticated if own and current is not None else None)

    def has(self, session: UserSession) -> bool:
        """Return whether a session of this name is this user's."""
        return self.authenticated in {None, session.authenticated}


def _check_user(user_id: str | None) -> None:
    if user_id is None:
        msg = (
            "user_id is None: nobody is logged in, so nobody's sessions can be ended;"
            " end_session() ends the one that this visitor has"
        )
        raise TypeError(msg)
    USER_ID.check(user_id)


def _chosen(only: Iterable[str] | None) -> frozenset[str] | None:
    ONLY.check(only)
    return None if only is None else frozenset(only)


def _of_live(session: UserSession) -> SessionSummary:
    return SessionSummary(
        session_id=session.session_id,
        created_at=session.created_at,
        last_activity=session.last_activity,
        current=True,
    )


@attrs.frozen(kw_only=True)
class SessionSummary:
    """
    One of a user's devices, as a page called "your devices" shows it.

    Attributes:
        session_id: The session that it shows; several devices may share one. Ids are secrets in full: show ``short_id``.
        created_at: When it began, in UTC.
        last_activity: When it was last used, in UTC; up to a minute old.
        current: Whether it is the calling connection's own.
        device: The device, with since when and when it was last seen; None for a session that lists none,
            such as of a user whom the host knows.
    """

    session_id: str = attrs.field(repr=short_repr)
    created_at: datetime
    last_activity: datetime
    current: bool = False
    device: Device | None = None

    @property
    def device_id(self) -> str | None:
        """What names the device for ``revoke_sessions(user_id, only=[...])``; None for a session that lists none."""
        return None if self.device is None else self.device.device_id

    @property
    def short_id(self) -> str:
        """The first eight characters of the id."""
        return short(self.session_id)

    @classmethod
    def of(cls, head: SessionHead, *, current: bool) -> Self:
        """Return what is shown of a stored session."""
        return cls(
            session_id=head.session_id,
            created_at=from_micros(head.created_at),
            last_activity=from_micros(head.last_activity),
            current=current,
        )
