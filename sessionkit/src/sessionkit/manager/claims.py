# SPDX-License-Identifier: Apache-2.0
"""What a connection claims to be, and which session it has: the rules of identity that need no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import attrs

from sessionkit.errors import InvalidTokenError
from sessionkit.events import RestoreRefused, SessionEvent
from sessionkit.host import ENDED_KEY, STATE_KEY, Host, ShowingHost
from sessionkit.records import hidden_repr, short_repr
from sessionkit.repository.tracks import Owner
from sessionkit.session.devices import EXTENSION as DEVICES
from sessionkit.session.devices import devices_of, is_struck_off, replacement_of
from sessionkit.session.fields import check_session_id
from sessionkit.session.forms import FormState
from sessionkit.session.session import UserSession
from sessionkit.values.equality import is_empty

if TYPE_CHECKING:
    from sessionkit.tokens import Tokens


@attrs.frozen(kw_only=True)
class Claims:
    """
    Reads what a connection claims about itself.

    Attributes:
        tokens: Returns the app's tokens.
        emit: Takes events.
    """

    tokens: Callable[[], Tokens]
    emit: Callable[[SessionEvent], None]

    def of(
        self,
        host: Host,
        session_id: str | None,
        user_id: str | EllipsisType | None,
        before: ConnectedSession | None = None,
    ) -> Claim:
        """
        Return what the calling connection says about itself.

        Args:
            host: The connection's host.
            session_id: The session that the app asked for, or None.
            user_id: The user that the app vouches for, or None; ``...`` if it says nothing.
            before: What the connection has, or None.
        """
        known = host.user()
        if isinstance(user_id, EllipsisType):
            user_id, vouched = None, None if before is None else before.claim.vouched
        else:
            vouched = user_id
        presented = host.token()
        if before is not None and before.claim.presented == presented:
            token = (before.claim.token_id, before.claim.device_id)  # read, and refused, once
        else:
            token = (None, None) if presented is None else self._read(presented)
        return Claim(
            asked=None if session_id is None else check_session_id(session_id),
            presented=presented,
            token_id=token[0],
            device_id=token[1],
            user_id=known if user_id is None else user_id,
            authenticated=known is not None,
            known=known,
            trusted=host.trusted,
            vouched=vouched,
        )

    def _read(self, token: str) -> tuple[str | None, str | None]:
        try:
            content = self.tokens().inspect(token)
        except InvalidTokenError as error:
            self.emit(RestoreRefused(session_id=None, reason=f"the browser's token: {error}"))
            return None, None
        return content.session_id, content.device_id


@attrs.frozen(kw_only=True)
class Claim:
    """
    What a connection says about itself, at one bootstrap.

    Attributes:
        asked: The session id that the app named, or None.
        presented: The token that the browser presented, or None.
        token_id: The session id in the token; None when there is none or it is not ours.
        device_id: The device in the token, or None.
        user_id: The known user, or None.
        authenticated: Whether the host knows the user, whatever the app calls them.
        known: The user whom the host knows, or None.
        trusted: Whether whoever runs the code may have any session, as scripts may.
        vouched: The user that the app named when it last said anything; None when it said that there is nobody.
    """

    asked: str | None = attrs.field(repr=short_repr)
    presented: str | None = attrs.field(repr=hidden_repr)
    token_id: str | None = attrs.field(repr=short_repr)
    device_id: str | None = attrs.field(repr=short_repr)
    user_id: str | None
    authenticated: bool
    known: str | None = None
    trusted: bool = False
    vouched: str | None = None

    def may_have(self, owner: Owner) -> bool:
        """Return whether a session of this owner is for this claim."""
        if owner.user_id is None:
            return True
        if self.user_id is None:
            # Not said is not logged out, unless it was the host who knew the owner.
            return not owner.authenticated
        return self.user_id == owner.user_id and (
            self.trusted or not is_hosts_name(self.user_id) or self._is_of_one_kind(owner)
        )

    def _is_of_one_kind(self, owner: Owner) -> bool:
        """Return whether owner and user are both the host's or both the app's: their names may be the same."""
        return self._is_named_by_host() == owner.authenticated

    def _is_named_by_host(self) -> bool:
        if self.known is None or self.user_id is None or self.user_id == self.known:
            return self.known is not None
        # The app calls the host's users by names of its own. Another user of the host is none of those.
        issuer = _issuer_of(self.user_id)
        return issuer != _issuer_of(self.known) and "://" not in issuer


@attrs.frozen(kw_only=True)
class ConnectedSession:
    """
    A session that a connection has, and the claim that it was given for.

    Attributes:
        session: The live session; holding it keeps it in the identity map.
        claim: What the connection said then.
        given: The session and the device that its browser's token names, or None before it has one.
        said: The user whom the app named last, or None.
        basis: What all of this rests on; see :func:`basis_of`.
    """

    session: UserSession
    claim: Claim
    given: tuple[str, str | None] | None = attrs.field(default=None, repr=False)
    said: str | None = None
    basis: tuple[object, ...] | None = attrs.field(default=None, repr=False)

    @property
    def device_id(self) -> str | None:
        """The device that the session lists the browser as; None where it lists none."""
        return None if self.given is None else self.given[1]

    def holds_for(self, claim: Claim) -> bool:
        """Return whether a later claim of the same connection leads to the same session; not whose it is."""
        asks_same = claim.asked in (None, self.claim.asked, self.session.session_id)
        shows_same = claim.presented == self.claim.presented or claim.token_id in (
            None,
            self.session.session_id,
        )
        return asks_same and shows_same

    def was_logged_out(self, user_id: str | EllipsisType | None) -> bool:
        """Return whether an app that named the session's owner says now that nobody is there."""
        vouched = self.claim.vouched
        return user_id is None and vouched is not None and vouched == self.session.user_id

    def shows_another(self, claim: Claim) -> bool:
        """Return whether a later claim shows the token of another session than this one."""
        known = {None, self.claim.token_id, self.session.session_id}
        return claim.token_id not in known

    def may_follow(self, claim: Claim, moved: UserSession) -> bool:
        """Tell who goes on with a session that has moved: to have known the old id is not enough."""
        if moved.user_id is None or is_struck_off(moved, self.device_id):
            return False
        listed = devices_of(moved) or {}
        same_id = moved.session_id == self.session.session_id
        return claim.user_id == moved.user_id or (same_id and self.device_id in listed)

    def was_struck_off(self, claim: Claim, session: UserSession) -> bool:
        """Tell whether a session has struck the device off, and nobody has logged in again since."""
        if claim.token_id == session.session_id and claim.device_id in (devices_of(session) or {}):
            return False  # in another tab of the browser
        if claim.user_id is not None and replacement_of(session, self.device_id):
            return False  # the user has, and the app says that this one is theirs
        return claim.user_id in {None, self.said} and is_struck_off(session, self.device_id)


def basis_of(
    session: UserSession,
    asked: tuple[object, object],
    known: str | None,
    presented: str | None,
) -> tuple[object, ...]:
    """
    Return what it rests on, besides the store, that a connection has a session: while it is equal, so is the answer.

    Args:
        session: The session.
        asked: The id and the user that the app named.
        known: The user whom the host knows, or None.
        presented: What the browser presented, or None.
    """
    whose = (session.session_id, session.user_id, session.authenticated, session.ended)
    return (*asked, known, presented, *whose)


def is_hosts_name(user_id: str) -> bool:
    """Return whether a host may call a user so: ``issuer|subject``. An app may, too, and means somebody else."""
    return "|" in user_id


def _issuer_of(user_id: str) -> str:
    return user_id.rpartition("|")[0]


def connected_session(state: Mapping[str, Any]) -> UserSession | None:
    """Return the session of the connection whose state this is; None when it has none, or has to ask again."""
    connection: ConnectedSession | None = state.get(STATE_KEY)
    return None if connection is None or connection.session.ended else connection.session


def leave(host: Host) -> None:
    """Let a connection have no session any more until it asks for one."""
    state = host.state()
    del state[STATE_KEY]
    if not host.trusted:
        state[ENDED_KEY] = True


# -- is there anything in a session that is worth a record, or to come home to? --------


def is_unused(session: UserSession, host: Host) -> bool:
    """
    Return whether nobody has done anything in a session yet: it is nobody's, blank, and on its first page.

    Args:
        session: The session, live.
        host: The host that it was begun by.
    """
    activity, pages = session.activity, len(session.navigation_history)
    return (
        session.user_id is None
        and not activity.of_user
        and not session.dirty_forms
        and pages <= 1
        # Each input counts when it is there for the first time; a change of one counts again.
        and activity.count <= pages + len(session.inputs)
        and is_blank(session, host)
    )


def is_blank(session: UserSession, host: Host | None = None) -> bool:
    """
    Return whether a session holds nothing but what a page leaves there by being shown.

    That are values as untouched widgets have them, and what counts visits:
    history, page views, activity, devices. In doubt something was done.

    Args:
        session: The session.
        host: May know more of what was only shown; None knows nothing.
    """
    shown = host if isinstance(host, ShowingHost) else None
    with session.lock:
        session.capture_states()
        said = (session.theme, session.language, session.timezone)
        held = (
            session.roles,
            session.permissions,
            session.extensions.keys() - {DEVICES, *((shown.notes,) if shown else ())},
            session.cache_keys,
            session.cache_dependencies,
            session.cache_invalidations,
            session.unknown,
            session.unreadable,
        )
        return (
            not any(held)
            and not any(said)
            and all(
                is_empty(value) or (shown is not None and shown.is_only_shown(session, key))
                for key, value in tuple(session.inputs.items())
            )
            and all(map(_is_blank_form, tuple(session.form_states.values())))
        )


def _is_blank_form(form: object) -> bool:
    return (
        isinstance(form, FormState)  # an app may put anything there: it is told when it is saved
        and all(map(is_empty, tuple(form.data.values())))
        and not any(
            (form.errors, form.snapshots, form.redo_snapshots, form.unknown, form.unreadable)
        )
    )
