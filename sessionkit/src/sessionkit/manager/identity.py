# SPDX-License-Identifier: Apache-2.0
"""
Which session a connection gets: the one it has, a stored one, its user's latest, or a new one.

In a web host a session is handed only to the browser that holds its signed
token, or to the authenticated user who owns it. Scripts, the command line and
tests are trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from types import EllipsisType
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

import attrs

from sessionkit.errors import (
    NewerFormatError,
    RestoreRefusedError,
    SessionGoneError,
    StorageError,
    UnavailableError,
    text_of,
)
from sessionkit.events import (
    RestoreRefused,
    SessionCreated,
    SessionEvent,
    SessionRestored,
    StoreUnavailable,
)
from sessionkit.host import (
    ENDED_KEY,
    STATE_KEY,
    AskingHost,
    DescribingHost,
    FollowingHost,
    Host,
    LoadingHost,
)
from sessionkit.manager.claims import (
    Claim,
    Claims,
    ConnectedSession,
    basis_of,
    connected_session,
    is_blank,
    leave,
)
from sessionkit.manager.lifecycle import LiveRotation
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.store import Store
from sessionkit.records import short
from sessionkit.repository.tracks import Absence, Owner
from sessionkit.session.devices import EXTENSION as DEVICES
from sessionkit.session.devices import (
    UNKNOWN_BROWSER,
    BrowserInfo,
    devices_of,
    is_seen_anew,
    list_device,
    note_seen,
    replacement_of,
    strike_off,
)
from sessionkit.session.fields import new_session_id
from sessionkit.session.forms import FormState, LeftDraft
from sessionkit.session.session import Origin, UserSession

if TYPE_CHECKING:
    from sessionkit.tokens import Tokens

_LOOKED_AT: Final = 10
"""So many sessions of a user are looked at for one in which something was done."""


@attrs.frozen(kw_only=True)
class Identity:
    """
    Finds or makes the session of a connection.

    Attributes:
        live: Opens sessions.
        store: The store.
        tokens: Returns the app's tokens.
        claims: Reads what connections say about themselves.
        rotation: Gives sessions an owner and a fresh id.
        discard: Takes the session of an id out of the queue of saves.
        schedule_save: Has a session saved soon.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    live: LiveSessions
    store: Store
    tokens: Callable[[], Tokens]
    claims: Claims
    rotation: LiveRotation
    discard: Callable[[str], None]
    schedule_save: Callable[[UserSession], None]
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]
    _unproven: WeakSet[UserSession] = attrs.field(init=False, factory=WeakSet)
    _latest: LatestSessions = attrs.field(init=False)

    @_latest.default
    def _make_latest(self) -> LatestSessions:
        return LatestSessions(live=self.live, store=self.store, emit=self.emit)

    def connect(
        self,
        host: Host,
        session_id: str | None,
        user_id: str | EllipsisType | None,
        *,
        restore: bool,
    ) -> UserSession:
        """
        Return the connection's session: the one it has, or else the one that is given to it.

        Args:
            host: The connection's host.
            session_id: The session that the app asked for, or None.
            user_id: The user that the app vouches for; None for nobody, which is a logout
                where it named somebody before; ``...`` if it says nothing.
            restore: False to begin anew when the connection begins.
        """
        state = host.state()
        before: ConnectedSession | None = state.get(STATE_KEY)
        if before is not None and self._goes_on(host, before, (session_id, user_id)):
            return before.session
        if before is not None and not host.trusted and before.was_logged_out(user_id):
            self.log_out(host)
            before = None
        claim = self.claims.of(host, session_id, user_id, before)
        held = None if before is None else self._held(host, before, claim)
        if held is not None:
            session = self._or_latest(host, held.session, claim, restore=restore)
            if session is not held.session:
                self._tell_restored(session)
            bound = self._bind(host, session, claim)
            if bound is not None:
                after = self._hand_over(host, before, bound, claim)
                if not self._stands_in(host, bound):
                    basis = basis_of(bound, (session_id, user_id), claim.known, claim.presented)
                    after = attrs.evolve(after, basis=basis)
                state[STATE_KEY] = after
                return bound
        session = self._restored(host, before, claim, restore=restore)
        state[STATE_KEY] = self._hand_over(host, before, session, claim)
        if before is not None:
            self._abandon(before, claim)
        elif ENDED_KEY in state:
            del state[ENDED_KEY]
        return session

    def _goes_on(self, host: Host, before: ConnectedSession, asked: tuple[object, object]) -> bool:
        """
        Return whether all that a connection has is as it was at its last bootstrap, which nearly every rerun finds.

        In doubt it isn't. A session that lists devices is looked at each time.
        """
        session = before.session
        if before.basis is None or session.held_by or DEVICES in session.extensions:
            return False
        self.live.refresh_if_due(session)
        return (
            before.basis == basis_of(session, asked, host.user(), host.token())
            and session not in self._unproven
            and self.live.is_settled(session)
        )

    def _stands_in(self, host: Host, session: UserSession) -> bool:
        """Return whether it is still unknown that a session is a new one; note it once it is known."""
        if session.origin is not Origin.PROVISIONAL:
            return False
        if session.provisional or self.store.outage.is_known or _is_asking(host):
            return True
        session.origin = Origin.NEW
        return False

    def drafts_beside(self, session: UserSession, form_id: str) -> list[LeftDraft]:
        """Return what a session's user has filled into a form in other sessions, the latest first."""
        return self._latest.drafts_beside(session, form_id)

    def renew(self, host: Host, session: UserSession) -> None:
        """Let a connection whose session has moved go on with it, and give its browser the new token, if it needs one."""
        state = host.state()
        before: ConnectedSession = state[STATE_KEY]
        state[STATE_KEY] = self._hand_over(host, before, session, before.claim)

    def _hand_over(
        self, host: Host, before: ConnectedSession | None, session: UserSession, claim: Claim
    ) -> ConnectedSession:
        """Let a connection go on with a session, which may have moved, and its browser have the token of that."""
        moved = before is not None and before.session is not session
        follows = before is not None and self.live.latest(before.session) is session
        if before is not None and moved and follows and isinstance(host, FollowingHost):
            host.follow(before.session, session)
        device_id = self._device_of(host, before if follows else None, session, claim)
        shown = (claim.token_id, claim.device_id)
        if before is not None and before.claim.presented == claim.presented and before.given:
            shown = before.given  # the browser was told, whatever it presented at first
        token = (session.session_id, device_id)
        if device_id is not None and device_id not in session.held_by:
            session.held_by |= {device_id}
        if not host.trusted and token != shown:
            host.set_token(self.tokens().issue(*token))
        if not follows and session.user_id is not None:
            self._leave(session, claim)
        said = claim.user_id or (before.said if before is not None else None)
        return ConnectedSession(session=session, claim=claim, given=token, said=said)

    def _device_of(
        self, host: Host, before: ConnectedSession | None, session: UserSession, claim: Claim
    ) -> str | None:
        """Return the device that a session lists the browser as; a new one at a login. Users of the host need none."""
        if host.trusted or session.user_id is None or session.authenticated:
            return None
        listed = devices_of(session) or {}
        shown = claim.device_id if claim.token_id == session.session_id else None
        given = None if before is None else before.device_id
        device_id = shown if shown in listed or given is None else given
        if device_id not in listed and claim.user_id == session.user_id:
            device_id = replacement_of(session, device_id) or device_id
        logs_in = before is not None and claim.user_id not in {None, before.said}
        now = self.now()
        if device_id in listed and not (logs_in and device_id == given and not _is_loading(host)):
            if is_seen_anew(listed[device_id], now):
                note_seen(session, device_id, now, _browser_of(host))
            return device_id
        if self.rotation.was_bound(session) and len(listed) == 1:
            return next(iter(listed))  # it was listed as the session became the user's
        new_id = list_device(session, now, _browser_of(host))
        if device_id is not None:
            strike_off(session, [device_id], now, by=new_id)
        self._store(session)
        return new_id

    def _leave(self, session: UserSession, claim: Claim) -> None:
        """Strike the browser off the session of whoever was logged in there before."""
        if claim.token_id in {None, session.session_id} or claim.device_id is None:
            return
        left = self.live.find(claim.token_id or "").session
        if left is not None and strike_off(left, [claim.device_id], self.now()):
            self._store(left)

    def _store(self, session: UserSession) -> None:
        """Store who is listed before the browser shows its token to another replica; while the store is down, later."""
        if session.version and self.live.is_saved(session):
            error = self.store.repository.save_many([session], whole=False)[0]
            if isinstance(error, UnavailableError):
                self.schedule_save(session)

    def _followed(self, before: ConnectedSession, claim: Claim) -> ConnectedSession:
        """Return what a connection has, in the object that it has moved to if the claim may have that."""
        moved = self.live.latest(before.session)
        if moved is before.session or not before.may_follow(claim, moved):
            return before
        return attrs.evolve(before, session=moved)

    def log_in(self, host: Host, user_id: str) -> None:
        """Let a connection go on as a user, whatever it says at later bootstraps; it has a session."""
        state = host.state()
        present = connected_session(state)
        if present is not None and present.user_id not in {None, user_id}:
            self.log_out(host)
        self.connect(host, None, user_id, restore=True)
        connected: ConnectedSession = state[STATE_KEY]
        # The app named the user this once: who names nobody later says nothing about them.
        claim = attrs.evolve(connected.claim, vouched=None)
        state[STATE_KEY] = attrs.evolve(connected, claim=claim)

    def log_out(self, host: Host) -> None:
        """
        Take a connection's session away from its browser: its device is struck off, and the session waits.

        One that lists no devices moves to an id that no browser knows. While the store can't
        take that, it holds in memory, and is stored as any other change is.
        """
        self.confirm(host)
        state = host.state()
        session, connection = connected_session(state), state.get(STATE_KEY)
        if session is not None and connection is not None:
            with suppress(SessionGoneError):  # somebody has ended it
                self._part(session, connection.device_id)
        leave(host)

    def confirm(self, host: Host) -> None:
        """
        Ask the store whether the connection's device still has its session, before something is done to that.

        Where it was struck off elsewhere the connection has no session any more, until it asks for one.
        """
        state = host.state()
        session, connection = connected_session(state), state.get(STATE_KEY)
        if session is not None and connection is not None and connection.device_id is not None:
            self.live.refresh_now(session)
            self.rotation.part_from_struck_off(session)

    def _part(self, session: UserSession, device_id: str | None) -> None:
        listed = device_id is not None and device_id in (devices_of(session) or {})
        try:
            if device_id is not None and listed:
                self.rotation.strike_off(session, {device_id})
            else:
                self.rotation.rotate(session)
        except SessionGoneError:
            raise
        except StorageError:
            if not session.ended:
                self.rotation.bind(session, None)
            self.schedule_save(self.live.latest(session))

    def recover(
        self, host: Host, session_id: str, user_id: str | None = None
    ) -> UserSession | None:
        """Return the session of an id if the connection may have it; None, and an event, if not."""
        claim = self.claims.of(host, session_id, user_id)
        try:
            return self._may_have(host, claim, session_id)
        except RestoreRefusedError as error:
            self.emit(RestoreRefused(session_id=session_id, reason=str(error)))
            return None

    def _restored(
        self, host: Host, before: ConnectedSession | None, claim: Claim, *, restore: bool
    ) -> UserSession:
        """Return the session that the claim leads to, bound; else a new one."""
        refused = True
        if before is None or before.shows_another(claim) or not self._has_lost(before, claim):
            found, refused = self._restore(host, claim, restore=restore)
            if found is not None:
                session = self._or_latest(host, found, claim, restore=restore)
                self._tell_restored(session)
                bound = self._bind(host, session, claim)
                if bound is not None:
                    return bound
        origin = Origin.REFUSED if refused else self._origin_of_fresh(host, claim)
        return self._begin(host, claim, new_session_id(), origin)

    def _origin_of_fresh(self, host: Host, claim: Claim) -> Origin:
        """Return whether it is known that there was nothing to give to a claim."""
        unasked = claim.user_id is not None and self.store.outage.is_known
        unknown = claim.presented is None and _is_asking(host)
        return Origin.PROVISIONAL if unasked or unknown else Origin.NEW

    def _has_lost(self, before: ConnectedSession, claim: Claim) -> bool:
        """Return whether a connection's session was ended, or has struck the connection's device off."""
        session: UserSession | None = self.live.latest(before.session)
        if session is not None and self.live.has_struck_off_its_holders(session):
            session = self.live.find(session.session_id).session
            return session is None or before.was_struck_off(claim, session)
        if self.live.is_gone(before.session) and session is before.session:
            return True
        return session is not None and before.was_struck_off(claim, session)

    def _or_latest(
        self, host: Host, session: UserSession, claim: Claim, *, restore: bool
    ) -> UserSession:
        """Return the latest session of the claim's user, if this one is nobody's and nothing was done in it."""
        owned = host.trusted or session.user_id is not None
        if owned or not restore or claim.asked == session.session_id:
            return session
        return self._latest.instead_of(session, claim, host)

    def _tell_restored(self, session: UserSession) -> None:
        if session.version:
            self.emit(SessionRestored(session_id=session.session_id))

    def _held(self, host: Host, before: ConnectedSession, claim: Claim) -> ConnectedSession | None:
        """Return what a connection goes on with, in the object that its session is in now; None where it is lost."""
        connection = self._followed(before, claim)
        session = connection.session
        if session.ended:
            return None
        self.live.refresh_if_due(session)
        if session.held_by and self.rotation.part_from_struck_off(session) is not session:
            connection = self._followed(connection, claim)
            session = connection.session
        if self.live.is_gone_or_expired(session):
            self.live.drop(session)
            return None
        if not connection.holds_for(claim):
            return None
        if not self.live.absorb_for(session, claim.may_have):
            return None
        shown = claim.device_id if claim.token_id == session.session_id else None
        opens = self._opens(host, session, claim, {connection.device_id, shown})
        return connection if opens and not connection.was_struck_off(claim, session) else None

    def _opens(
        self, host: Host, session: UserSession, claim: Claim, shown: set[str | None]
    ) -> bool:
        """Return whether a claim opens a session that may be its: by its user's name, else by a device that is listed."""
        if host.trusted or session.user_id in {None, claim.user_id} or session.authenticated:
            return True
        listed = devices_of(session)
        return listed is None or bool(shown & listed.keys())  # an earlier release listed none

    def _abandon(self, before: ConnectedSession, claim: Claim) -> None:
        """Store nothing of a session that was only begun until the browser could say who it is."""
        unknown = before.claim.presented is None and claim.presented is not None
        if unknown and before.session.version == 0 and before.session.user_id is None:
            self.discard(before.session.session_id)

    def _bind(self, host: Host, session: UserSession, claim: Claim) -> UserSession | None:
        """
        Make the claim's user the owner of a session that has none.

        Returns:
            The session to go on with; None when it got another owner meanwhile.
        """
        owner = Owner(claim.user_id, claim.authenticated)
        if claim.user_id is None:
            return session
        bound: UserSession | None = session
        if session in self._unproven and session.version:
            self._unproven.discard(session)
            bound = self.rotation.bind(session, None)
        elif session.user_id is None and host.trusted:
            session.user_id, session.authenticated = owner
        elif session.user_id is None:
            bound = self.rotation.bind(session, owner, _browser_of(host))
        bound = bound or self.live.latest(session)  # another tab was faster
        own = claim.may_have(Owner(bound.user_id, bound.authenticated))
        return bound if bound.user_id == claim.user_id and own and not bound.ended else None

    def _may_have(self, host: Host, claim: Claim, session_id: str) -> UserSession | None:
        """
        Return the session of an id that was asked for by name, or None when there is none.

        Raises:
            RestoreRefusedError: If it is not for this claim. Where the host is
                not trusted, that is said of an id that doesn't exist, too.
        """
        found = self.live.find(session_id).session
        if found is not None and self._is_for(host, claim, found):
            return found
        if host.trusted:
            return None
        msg = f"session {short(session_id)} is neither this browser's nor this user's"
        raise RestoreRefusedError(msg)

    def _is_for(self, host: Host, claim: Claim, session: UserSession) -> bool:
        if host.trusted:
            return self.live.absorb_for(session, lambda _: True)
        owned = session.user_id is not None and session.user_id == claim.user_id
        held = session.session_id == claim.token_id and self._opens(
            host, session, claim, {claim.device_id}
        )
        return (owned or held) and self.live.absorb_for(session, claim.may_have)

    def _restore(self, host: Host, claim: Claim, *, restore: bool) -> _Restored:
        if claim.asked is not None and host.trusted:
            return self._at(host, claim, claim.asked, restore=restore)
        if not restore:
            return _Restored()
        if claim.asked is not None:
            asked = self.recover(host, claim.asked, claim.user_id)
            if asked is not None:
                return _Restored(_came_back(asked))
        if claim.token_id is None:
            held = _Restored(refused=claim.presented is not None)
        else:
            held = self._at(host, claim, claim.token_id)
        if held.session is not None:
            return held
        refused = (held.refused and ENDED_KEY not in host.state()) or claim.asked is not None
        return _Restored(self._latest.of_user(claim, host), refused=refused)

    def _at(self, host: Host, claim: Claim, session_id: str, *, restore: bool = True) -> _Restored:
        """Return the session of an id, or begin one there; none when the id is not for this claim."""
        found = self.live.find(session_id)
        if found.session is not None:
            mine = restore and self.live.absorb_for(found.session, claim.may_have)
            opens = mine and self._opens(host, found.session, claim, {claim.device_id})
            # That somebody else is there now, or nobody, is no refusal.
            return _Restored(_came_back(found.session)) if opens else _Restored(refused=mine)
        if found.absence is Absence.ENDED:
            return _Restored(refused=True)
        is_free = found.absence in {Absence.FREE, Absence.UNREADABLE}
        if is_free and claim.asked is None:
            latest = self._latest.of_user(claim, host)
            if latest is not None:
                return _Restored(latest)
        planted = claim.user_id is not None and session_id == claim.token_id
        shared = claim.device_id is not None and session_id == claim.token_id
        if (planted or shared) and is_free:
            # Others may have known the old one before the login; and a user's devices all bear the id of the session
            # that they shared: once it has expired they have nothing in common.
            session_id = new_session_id()
        is_newer = found.absence is Absence.NEWER
        refused = is_newer or found.absence is Absence.UNREADABLE
        origin = Origin.REFUSED if refused else Origin.NEW
        session = self._begin(host, claim, session_id, origin, saved=not is_newer)
        if found.absence is Absence.UNAVAILABLE and not session.version:
            session.provisional, session.origin = True, Origin.PROVISIONAL
        if planted and found.absence is Absence.UNAVAILABLE:
            self._unproven.add(session)  # it may be the user's own: that is known later
        return _Restored(session)

    def _begin(
        self, host: Host, claim: Claim, session_id: str, origin: Origin, *, saved: bool = True
    ) -> UserSession:
        def make() -> UserSession:
            self.emit(SessionCreated(session_id=session_id))
            session = UserSession(
                session_id=session_id, user_id=claim.user_id, authenticated=claim.authenticated
            )
            session.origin = origin
            if not host.trusted:
                self.live.unused.begin(session, host)
            return session

        return self.live.begin(session_id, make, saved=saved)


class _Restored(NamedTuple):
    """
    What a claim leads to.

    Attributes:
        session: The session, or None.
        refused: Whether there was one that the claim does not open, or it named none of ours.
    """

    session: UserSession | None = None
    refused: bool = False


def _came_back(session: UserSession) -> UserSession:
    """Note that a session is given to another connection than the one that it began at."""
    if not session.provisional:
        session.origin = Origin.NEW if session.unused else Origin.RESTORED
    return session


def _owner_of(session: UserSession) -> Owner:
    return Owner(session.user_id, session.authenticated)


def _browser_of(host: Host) -> BrowserInfo:
    return host.browser() if isinstance(host, DescribingHost) else UNKNOWN_BROWSER


def _is_asking(host: Host) -> bool:
    return isinstance(host, AskingHost) and host.is_asking()


def _is_loading(host: Host) -> bool:
    return isinstance(host, LoadingHost) and host.is_loading()


# -- a known user at a new browser gets their latest session -----------------


@attrs.frozen(kw_only=True)
class LatestSessions:
    """
    Finds the latest stored session of a known user.

    Attributes:
        live: Opens sessions.
        store: The store.
        emit: Takes events.
    """

    live: LiveSessions
    store: Store
    emit: Callable[[SessionEvent], None]

    def of_user(self, claim: Claim, host: Host) -> UserSession | None:
        """
        Return the latest stored session of the claim's user in which something was done.

        A page that was only shown, such as that of a browser that was logged out, is nothing to come home to.

        Args:
            claim: Says who the user is.
            host: The connection's; it may know what was only shown.

        Returns:
            The latest one of all where nothing was done in any; None when there is none, or it can't be told.
        """
        if claim.user_id is None:
            return None
        blank: UserSession | None = None
        for session_id in self._ids_of(claim.user_id):
            found = self._found(session_id, claim)
            if found is not None and not is_blank(found, host):
                return found
            blank = blank or found
        return blank

    def drafts_beside(self, session: UserSession, form_id: str) -> list[LeftDraft]:
        """
        Return what a session's user has filled into a form in other sessions and not handed in, the latest first.

        Args:
            session: A session of a known user.
            form_id: The form.

        Returns:
            The drafts; none where the store can't be reached.
        """
        drafts = []
        for session_id in () if session.user_id is None else self._ids_of(session.user_id):
            other = None if session_id == session.session_id else self.live.find(session_id).session
            if other is None or _owner_of(other) != _owner_of(session):
                continue
            with other.lock:
                form = other.form_states.get(form_id)
                if form_id in other.dirty_forms and isinstance(form, FormState):
                    drafts.append(form.left_draft(other.last_activity, privacy=other.never_stored))
        found = [draft for draft in drafts if draft is not None]
        return sorted(found, key=lambda draft: draft.edited_at, reverse=True)

    def _ids_of(self, user_id: str) -> list[str]:
        """Return the ids of a user's sessions, those used last first; none where the store can't be reached."""
        try:
            if self.store.outage.is_known:
                self.store.outage.check()
            heads = islice(self.store.repository.heads_of(user_id), _LOOKED_AT)
            return [head.session_id for head in heads]
        except UnavailableError as error:
            self.store.outage.record_down(error)
            self.emit(StoreUnavailable(session_id=None, error=str(error)))
            return []

    def _found(self, session_id: str, claim: Claim) -> UserSession | None:
        """Return a session of the list, if it is the user's: another tab may have it since the list was made."""
        found = self.live.find(session_id).session
        if found is None or found.user_id != claim.user_id:
            return None
        return _came_back(found) if self.live.absorb_for(found, claim.may_have) else None

    def instead_of(self, session: UserSession, claim: Claim, host: Host) -> UserSession:
        """
        Return the user's own latest session in place of one that nobody owns.

        That one is left as it is, and expires: other tabs may show it, and what
        they do there is stored.

        Args:
            session: The session that nobody owns.
            claim: Says who the user is.
            host: The connection's; it may know what was only shown.

        Returns:
            The user's latest stored session; *session* if there is none, if
            something was done in it, or if that can't be told.
        """
        if claim.user_id is None or not is_blank(session, host):
            return session
        own = self.of_user(claim, host)
        return session if own is None or not self._is_blank_in_store(session, host) else own

    def _is_blank_in_store(self, session: UserSession, host: Host) -> bool:
        """Return whether others have stored nothing in a session either, or before the store could be asked."""
        try:
            if self.store.outage.is_known:
                self.store.outage.check()
            stored = self.store.repository.load(session.session_id)
        except UnavailableError as error:
            self.store.outage.record_down(error)
            self.emit(
                StoreUnavailable(
                    session_id=session.session_id, error=text_of(error, session.session_id)
                )
            )
            return False
        except NewerFormatError:
            return False  # the repository told why
        return stored is None or is_blank(stored, host)
