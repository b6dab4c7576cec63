# SPDX-License-Identifier: Apache-2.0
"""
Which session a connection gets.

In a web host a session is handed only to the browser that holds its signed
token, or to the authenticated user who owns it. Scripts, the command line and
tests are trusted.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from sessionkit.connection import STATE_KEY, Claim, Connection
from sessionkit.errors import InvalidTokenError, RestoreRefusedError, UnavailableError
from sessionkit.events import RestoreRefused, SessionCreated, SessionEvent, StoreUnavailable
from sessionkit.found import Absence
from sessionkit.host import Host
from sessionkit.ids import check_session_id, new_session_id, short
from sessionkit.live import LiveSessions
from sessionkit.repository import Repository
from sessionkit.session import UserSession
from sessionkit.tokens import Tokens


@attrs.frozen(kw_only=True)
class Identifier:
    """
    Finds or makes the session of a connection.

    Attributes:
        live: Opens sessions.
        repository: Returns the repository; raises what opening the store raises.
        tokens: Returns the app's tokens.
        discard: Takes the session of an id out of the queue of saves.
        emit: Takes events.
    """

    live: LiveSessions
    repository: Callable[[], Repository]
    tokens: Callable[[], Tokens]
    discard: Callable[[str], None]
    emit: Callable[[SessionEvent], None]

    def connect(
        self, host: Host, session_id: str | None, user_id: str | None, *, restore: bool
    ) -> UserSession:
        """
        Return the connection's session: the one it has, or else the one that is given to it.

        Args:
            host: The connection's host.
            session_id: The session that the app asked for, or None.
            user_id: The user that the app vouches for, or None.
            restore: False to begin anew when the connection begins.
        """
        state = host.state()
        claim = self._claim(host, session_id, user_id)
        before: Connection | None = state.get(STATE_KEY)
        if before is not None and self._holds(before, claim):
            self._bind(before.session, claim)
            state[STATE_KEY] = attrs.evolve(before, claim=claim)
            return before.session
        session = self._give(host, claim, restore=restore)
        if before is not None and before.session is not session:
            self._abandon(before)
        state[STATE_KEY] = Connection(session=session, claim=claim)
        return session

    def _holds(self, connection: Connection, claim: Claim) -> bool:
        if self.live.is_over(connection.session):
            self.live.drop(connection.session.session_id)
            return False
        return connection.holds_for(claim)

    def _abandon(self, connection: Connection) -> None:
        """Store nothing of a session that was only begun until the browser could say who it is."""
        if connection.claim.presented is None and connection.session.version == 0:
            self.discard(connection.session.session_id)

    def recover(
        self, host: Host, session_id: str, user_id: str | None = None
    ) -> UserSession | None:
        """Return the session of an id if the connection may have it; None, and an event, if not."""
        claim = self._claim(host, session_id, user_id)
        try:
            return self._may_have(host, claim, session_id)
        except RestoreRefusedError as error:
            self.emit(RestoreRefused(session_id=session_id, reason=str(error)))
            return None

    def _claim(self, host: Host, session_id: str | None, user_id: str | None) -> Claim:
        """Return what the calling connection says about itself."""
        user, authenticated = user_id, False
        if user is None:
            user = host.user()
            authenticated = user is not None
        presented = host.token()
        return Claim(
            asked=None if session_id is None else check_session_id(session_id),
            presented=presented,
            token_id=None if presented is None else self._read(presented),
            user_id=user,
            authenticated=authenticated,
        )

    def _read(self, token: str) -> str | None:
        try:
            return self.tokens().read(token)
        except InvalidTokenError as error:
            self.emit(RestoreRefused(session_id=None, reason=f"the browser's token: {error}"))
            return None

    def _give(self, host: Host, claim: Claim, *, restore: bool) -> UserSession:
        """
        Return the session for *claim*; the browser gets a token when it holds another one.

        Args:
            host: The connection's host.
            claim: What the connection says.
            restore: False to begin anew, whatever is stored.
        """
        session = self._restore(host, claim) if restore else None
        if session is None:
            chosen = claim.asked if host.trusted and not restore else None
            session = self._begin(claim, chosen or new_session_id())
        self._bind(session, claim)
        if not host.trusted and session.session_id != claim.token_id:
            host.set_token(self.tokens().issue(session.session_id))
        return session

    def _bind(self, session: UserSession, claim: Claim) -> None:
        """Make the claim's user the owner of a session that has none."""
        if session.user_id is None and claim.user_id is not None:
            session.user_id, session.authenticated = claim.user_id, claim.authenticated

    def _may_have(self, host: Host, claim: Claim, session_id: str) -> UserSession | None:
        """
        Return the session of an id that was asked for by name, or None when there is none.

        Raises:
            RestoreRefusedError: If it is not for this claim. Where the host is
                not trusted, that is said of an id that doesn't exist, too.
        """
        found = self.live.find(session_id).session
        if host.trusted:
            return found
        owned = found is not None and found.user_id is not None and found.user_id == claim.user_id
        held = found is not None and session_id == claim.token_id and claim.may_have(found)
        if not (owned or held):
            msg = f"session {short(session_id)} is neither this browser's nor this user's"
            raise RestoreRefusedError(msg)
        return found

    def _restore(self, host: Host, claim: Claim) -> UserSession | None:
        if claim.asked is not None and host.trusted:
            return self._at(claim, claim.asked)
        if claim.asked is not None:
            asked = self.recover(host, claim.asked, claim.user_id)
            if asked is not None:
                return asked
        if claim.token_id is not None:
            return self._at(claim, claim.token_id)
        return self._of_user(claim.user_id)

    def _at(self, claim: Claim, session_id: str) -> UserSession | None:
        """Return the session of an id, or begin one there; None when the id is not for this claim."""
        found = self.live.find(session_id)
        if found.session is not None:
            return found.session if claim.may_have(found.session) else None
        if found.absence is Absence.ENDED:
            return None
        if found.absence is Absence.FREE and claim.asked is None:
            latest = self._of_user(claim.user_id)
            if latest is not None:
                return latest
        return self._begin(claim, session_id, saved=found.absence is not Absence.NEWER)

    def _of_user(self, user_id: str | None) -> UserSession | None:
        if user_id is None:
            return None
        try:
            latest = self.repository().latest_of(user_id)
        except UnavailableError as error:
            self.emit(StoreUnavailable(session_id=None, error=str(error)))
            return None
        return None if latest is None else self.live.find(latest).session

    def _begin(self, claim: Claim, session_id: str, *, saved: bool = True) -> UserSession:
        def make() -> UserSession:
            self.emit(SessionCreated(session_id=session_id))
            return UserSession(
                session_id=session_id, user_id=claim.user_id, authenticated=claim.authenticated
            )

        return self.live.begin(session_id, make, saved=saved)
