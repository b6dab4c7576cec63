# SPDX-License-Identifier: Apache-2.0
"""Wires settings, plugins, host, repository and persistence together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

from sessionkit.connection import STATE_KEY, connected_session
from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import SaveFailed
from sessionkit.host import ConnectedHost
from sessionkit.identifying import Identifier
from sessionkit.live import LiveSessions
from sessionkit.moments import utc_now
from sessionkit.persistence import SessionPersistence
from sessionkit.plugins import Plugins
from sessionkit.session import UserSession
from sessionkit.settings import Settings, load_settings
from sessionkit.wiring import Wiring


class SessionManager(Wiring):
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
    ) -> None:
        """
        Take the settings; nothing is opened before it is needed.

        Args:
            settings: What to use; None loads them as they stand now.
            plugins: What is installed.
            now: Returns the present moment, aware.

        Raises:
            ConfigError: If the settings are wrong.
            PluginError: If a plugin that is named to observe can't be loaded.
        """
        super().__init__(
            load_settings() if settings is None else settings,
            Plugins() if plugins is None else plugins,
            now,
        )
        self._override: Token[SessionManager | None] | None = None
        persistence = self.settings.persistence
        self.persistence = SessionPersistence(
            persistence.debounce_ms,
            persistence.max_wait_ms,
            save_many=self._save_many,
            batch_size=persistence.batch_size,
            on_failure=self._save_failed,
        )
        self._live = LiveSessions(
            repository=lambda: self.repository, opened=lambda: self._repository, emit=self.emit
        )
        self._identifier = Identifier(
            live=self._live,
            repository=lambda: self.repository,
            tokens=self._sign,
            discard=self.persistence.discard,
            emit=self.emit,
        )

    # -- sessions --------------------------------------------------------------

    def bootstrap(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        restore_from_db: bool = True,
    ) -> UserSession:
        """
        Return the calling connection's session: the same one at each rerun.

        Args:
            session_id: The session to restore. In a web host it is given only
                to the browser that holds it or the user who owns it.
            user_id: The user that the app vouches for; None says nothing.
            restore_from_db: False to begin anew when the connection begins.

        Raises:
            InvalidSessionIdError: If *session_id* can't be one.
            SessionKitError: If the settings are wrong or the store can't be used
                at all. A store that is down for now raises nothing.
        """
        host = self.host
        session = self._identifier.connect(host, session_id, user_id, restore=restore_from_db)
        _MANAGERS[session] = self
        session.touch()
        self.schedule_save(session)
        if isinstance(host, ConnectedHost):
            host.connected(session, self)
        return session

    def current(self) -> UserSession:
        """Return the calling connection's session; it is bootstrapped when there is none yet."""
        return connected_session(self.host.state()) or self.bootstrap()

    def persist_input(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value a widget may return
        """
        Keep a value in the session and in the connection's own state, and have it saved soon.

        Args:
            key: A widget's key, or any other name.
            value: What a serializer can keep.
        """
        if not isinstance(key, str):
            msg = f"persist_input takes a text as key, not {type(key).__name__}: {key!r}"
            raise TypeError(msg)
        state = self.host.state()
        session = connected_session(state) or self.bootstrap()
        session.set_input(key, value)
        state[key] = value
        self.schedule_save(session)

    def schedule_save(self, session: UserSession) -> None:
        """Have the session saved soon, if it changed; never blocks."""
        if self._live.is_saved(session):
            self.persistence.schedule_save(session.session_id, session)

    def save(self, session: UserSession, *, immediate: bool = False) -> None:
        """
        Save a session, soon or at once.

        Args:
            session: The session.
            immediate: True to save now, and to raise what went wrong.

        Raises:
            SerializationError: If a value can't be kept; all else was saved.
            UnavailableError: If the store can't be reached; it is tried again by itself.
            SessionGoneError: If the session was ended, deleted or replaced.
            ConflictError: If the conflict strategy refused.
            RejectedError: If the store will not take it.
        """
        if not immediate:
            self.schedule_save(session)
            return
        try:
            self.repository.save(session)
        except UnavailableError:
            self.schedule_save(session)
            raise

    def is_pending(self, session_id: str) -> bool:
        """Return whether changes of this session wait to be saved."""
        return self.persistence.is_pending(session_id)

    def recover(self, session_id: str, user_id: str | None = None) -> UserSession | None:
        """
        Return a stored session without making it the connection's; None when there is none.

        In a web host only the browser that holds it or the user who owns it get
        it; anyone else gets None, and an event tells.
        """
        session = self._identifier.recover(self.host, session_id, user_id)
        if session is not None:
            _MANAGERS[session] = self
        return session

    def end_session(self, session: UserSession | None = None) -> None:
        """
        End a session for good: its id is never restored, and a late save brings nothing back.

        Args:
            session: The session; None for the connection's. The connection gets
                a fresh one at the next bootstrap.

        Raises:
            UnavailableError: If the store can't be reached: nothing has ended; call it again.
        """
        state = self.host.state()
        connected = connected_session(state)
        ending = session or connected
        if ending is None:
            return
        self.repository.end(ending.session_id, ending)
        self.persistence.discard(ending.session_id)
        self._live.drop(ending)
        if connected is ending:
            del state[STATE_KEY]

    # -- what happens ----------------------------------------------------------

    def _save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        return self.repository.save_many(sessions)

    def _save_failed(self, session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
        if isinstance(error, SessionGoneError):
            self._live.drop(session)  # the repository told
        else:
            failed = SaveFailed(session_id=session.session_id, error=str(error), retrying=retrying)
            self.emit(failed)

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """Save now what waits; arguments and result are those of :meth:`SessionPersistence.flush`."""
        return self.persistence.flush(session_id, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Save what waits and close the storage; closing twice is fine."""
        self.persistence.close(timeout)
        self.assembly.close()

    def __enter__(self) -> Self:
        """Take the place of the default manager."""
        self._override = _OVERRIDE.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the place back and close."""
        if self._override is not None:
            _OVERRIDE.reset(self._override)
        self.close()


_OVERRIDE: Final[ContextVar[SessionManager | None]] = ContextVar("sessionkit", default=None)
_MANAGERS: Final[WeakKeyDictionary[UserSession, SessionManager]] = WeakKeyDictionary()


def overriding_manager() -> SessionManager | None:
    """Return the manager whose ``with`` block the calling code is in, or None."""
    return _OVERRIDE.get()


def manager_of(session: UserSession) -> SessionManager | None:
    """Return the manager that gave a session out: it is saved through that one."""
    return _MANAGERS.get(session)
