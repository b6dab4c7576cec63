# SPDX-License-Identifier: Apache-2.0
"""Wires settings, plugins, host, repository and persistence together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextvars import Token
from datetime import datetime
from types import TracebackType
from typing import Self

from sessionkit.host import STATE_KEY
from sessionkit.manager.connecting import Connecting, giver_of
from sessionkit.manager.ending import Ender
from sessionkit.manager.overriding import OVERRIDES
from sessionkit.manager.summaries import SessionSummary
from sessionkit.plugins.plugins import Plugins
from sessionkit.session.arguments import SESSION
from sessionkit.session.fields import utc_now
from sessionkit.session.session import UserSession
from sessionkit.settings.settings import Settings, load_settings


class SessionManager(Connecting):
    """
    Keeps the sessions of one app.

    As a context manager it takes the place of the default manager for the code
    inside, and is closed at the end: made for tests.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        plugins: Plugins | None = None,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Take the settings; nothing is opened before it is needed.

        Args:
            settings: What to use; None loads them as they stand now.
            plugins: What is installed.
            now: Returns the present moment, aware.
            clock: Returns seconds that never go back.

        Raises:
            ConfigError: If the settings are wrong.
            PluginError: If a plugin that is named to observe can't be loaded.
        """
        super().__init__(
            load_settings() if settings is None else settings,
            Plugins() if plugins is None else plugins,
            now,
            clock,
        )
        self._override: Token[SessionManager | None] | None = None
        self._ender = Ender(
            live=self._live,
            repository=lambda: self.repository,
            discard=self.discard,
        )

    # -- leaving ---------------------------------------------------------------

    def end_session(self, session: UserSession | None = None) -> None:
        """
        End a session for good: its id is never restored, and a late save brings nothing back.

        Args:
            session: The session; None for the connection's. The connection gets
                a fresh one at the next bootstrap.

        Raises:
            UnavailableError: If the store can't be reached: nothing has ended; call it again.
        """
        if session is not None:
            SESSION.check(session)
        connected = self._own_session()
        ending = session or connected
        if ending is None:
            return
        self._ender.end(ending)
        if connected is ending:
            del self.host.state()[STATE_KEY]

    def rotate_session(self) -> UserSession:
        """
        Move the connection's session, with all its state, to a fresh id, and end the old one.

        The object stays the same. Other connections of this process go on with
        it if they show the new token or say that they are its owner.

        Returns:
            The session.

        Raises:
            UnavailableError: If the store can't be reached; nothing changed.
            SessionGoneError: If the session was ended meanwhile.
            RejectedError: If the store will not take the session; nothing changed.
            ConflictError: If two writers met and the strategy refused; nothing changed.
        """
        session = self.current()
        self._mover.rotate(session)
        self._identifier.renew(self.host)
        return session

    def list_sessions(self, user_id: str | None) -> tuple[SessionSummary, ...]:
        """
        Return a user's sessions as far as they are stored, latest activity first.

        Args:
            user_id: The user, whom the caller has authenticated. None, as an anonymous
                session has it, has no sessions: the answer is empty.

        Raises:
            TypeError: If *user_id* is neither a text nor None.
            UnavailableError: If the store can't be reached.
        """
        return self._ender.summaries(user_id, self._own_session())

    def revoke_sessions(
        self, user_id: str, only: Iterable[str] | None = None, *, keep_current: bool = False
    ) -> int:
        """
        End a user's sessions for good, wherever they are.

        Args:
            user_id: The user, whom the caller has authenticated.
            only: Ids of the sessions that are meant; those that are not the
                user's are passed over. None for all.
            keep_current: Whether the calling connection's own session stays.

        Returns:
            How many were ended.

        Raises:
            TypeError: If *user_id* is no text, None neither: nobody is logged in then.
            UnavailableError: If the store can't be reached: some may have ended; call it again.
        """
        current = self._own_session()
        ended = self._ender.revoke(user_id, only, current if keep_current else None)
        if current is not None and self._live.is_gone(current):
            del self.host.state()[STATE_KEY]
        return ended

    # -- in the place of the default one ---------------------------------------

    def __enter__(self) -> Self:
        """Take the place of the default manager; while there is none, in all threads."""
        self._override = OVERRIDES.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the place back and close."""
        if self._override is not None:
            OVERRIDES.leave(self, self._override)
        self.close()


def manager_of(session: UserSession) -> SessionManager | None:
    """Return the manager that gave a session out: it is saved through that one."""
    giver = giver_of(session)
    return giver if isinstance(giver, SessionManager) else None
