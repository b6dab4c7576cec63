# SPDX-License-Identifier: Apache-2.0
"""How a manager saves: soon, in the background, or at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import SaveFailed
from sessionkit.persistence import SessionPersistence
from sessionkit.plugins import Plugins
from sessionkit.session import UserSession
from sessionkit.settings import Settings
from sessionkit.wiring import Wiring


class WriteBehind(Wiring):
    """
    Settings, plugins, host, repository, and what saves.

    Attributes:
        persistence: The queue of saves and its writer.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Begin with nothing to save."""
        super().__init__(settings, plugins, now, clock)
        persistence = self.settings.persistence
        self.persistence = SessionPersistence(
            persistence.debounce_ms,
            persistence.max_wait_ms,
            save_many=self._save_many,
            batch_size=persistence.batch_size,
            on_failure=self._save_failed,
        )

    def schedule_save(self, session: UserSession) -> None:
        """Have the session saved soon, if it changed; never blocks."""
        if self._live.is_saved(session):
            self.persistence.schedule_save(None, session)

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
        self._close_store()
