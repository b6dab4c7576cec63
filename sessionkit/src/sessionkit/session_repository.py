# SPDX-License-Identifier: Apache-2.0
"""The repository that users make themselves, with what the settings say wherever nothing is given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sessionkit.conflict import ConflictStrategy, as_strategy
from sessionkit.errors import NewerFormatError, WrongKindError
from sessionkit.manager.default_manager import get_manager
from sessionkit.records import short
from sessionkit.repository.repository import Repository
from sessionkit.serializer import Serializer
from sessionkit.session.arguments import SESSION, USER_ID
from sessionkit.session.session import UserSession
from sessionkit.settings.types import as_serializer, as_storage, length_of
from sessionkit.storage import Storage

T = TypeVar("T")


class SessionRepository(Repository):
    """Loads and saves whole sessions, with what the settings say wherever nothing is given."""

    def __init__(
        self,
        storage: Storage | str | None = None,
        serializer: Serializer | str | None = None,
        conflict_strategy: ConflictStrategy | str | None = None,
        *,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """
        Open what the settings name; an open storage that is given stays the caller's to close.

        Args:
            storage: An open storage or its name, opened with the settings that it has.
            serializer: A serializer or its name. Records are sealed with that name: with an object's
                ``name``, else with its class's.
            conflict_strategy: A conflict strategy or its name, or a function of a conflict.
            now: Returns the present moment, aware; None for the manager's clock.

        Raises:
            TypeError: If an argument is neither; the message names it.
            PluginError: If no plugin offers a name.
        """
        storage = _checked("storage", storage, as_storage)
        serializer = _checked("serializer", serializer, as_serializer)
        conflict_strategy = _checked("conflict_strategy", conflict_strategy, _as_strategy)
        manager = get_manager()
        self._assembly = manager.assembly
        parts = self._assembly.parts(storage, serializer, conflict_strategy)
        super().__init__(**parts, now=now or manager.now)

    def save_session(self, session: UserSession) -> None:
        """Store what changed; raises as :meth:`save`."""
        self.save(session)

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """Return a stored session as :meth:`UserSession.to_dict` gives it, or None."""
        session = self.load(session_id)
        return None if session is None else session.to_dict()

    def get_session_by_user(self, user_id: str | None) -> dict[str, Any] | None:
        """Return the user's session with the latest activity, or None; None, who is nobody, has none."""
        if user_id is None:
            return None
        USER_ID.check(user_id)
        found = self.get_all_sessions(limit=1, user_id=user_id)
        return found[0] if found else None

    def get_all_sessions(
        self, limit: int = 100, offset: int = 0, user_id: str | None = None
    ) -> list[dict[str, Any]]:
        """
        Return a page of sessions.

        Args:
            limit: How many at most.
            offset: How many to pass over.
            user_id: Only this user's, latest activity first; None for everybody's, which
                is not what an anonymous visitor's ``session.user_id`` should ask for.
        """
        found = self.heads() if user_id is None else self.heads_of(user_id)
        heads = islice(found, offset, offset + limit)
        loaded = (self._readable(head.session_id) for head in heads)
        return [session.to_dict() for session in loaded if session is not None]

    def _readable(self, session_id: str) -> UserSession | None:
        try:
            return self.load(session_id)
        except NewerFormatError:
            return None  # an event told; the others are still listed

    def delete_session(self, session_id: str) -> bool:
        """Remove a session's data at once; return whether there was one. No open tab stores it again."""
        return self.delete(session_id)

    def cleanup_expired_sessions(self, max_age_hours: float | None = None) -> int:
        """
        Remove expired sessions and those without activity for *max_age_hours*; return how many.

        Raises:
            TypeError: If *max_age_hours* is neither a number nor None.
            ValueError: If it is not above 0: everything would be too old.
        """
        name = "max_age_hours"
        idle = None if max_age_hours is None else length_of(max_age_hours, "hours", name)
        return self.purge(idle=idle)

    def get_active_session_count(self, active_threshold_minutes: float = 30) -> int:
        """Return how many sessions were active within the last so many minutes."""
        name = "active_threshold_minutes"
        return self.count_active(length_of(active_threshold_minutes, "minutes", name))

    def update_last_activity(self, session_id: str) -> bool:
        """Record that a session is in use now; return whether there is one."""
        return self.touch(session_id)

    def resolve_conflict(
        self,
        session_id: str,
        local_session: UserSession,
        strategy: ConflictStrategy | str = "merge",
    ) -> UserSession | None:
        """
        Bring a local session and the stored one together, and store the result.

        Args:
            session_id: The session's id.
            local_session: What the caller has.
            strategy: A conflict strategy or its name, or a function of a conflict.

        Returns:
            The stored result as a new object; None when nothing is stored any more.

        Raises:
            TypeError: If *strategy* is none.
            ValueError: If the ids differ.
            UnknownPluginError: If no plugin offers the strategy.
        """
        SESSION.check(local_session)
        decide = _checked("strategy", strategy, _as_strategy) or "merge"
        if session_id != local_session.session_id:
            msg = (
                f"session_id is {short(session_id)!r}, but local_session has "
                f"{short(local_session.session_id)!r}"
            )
            raise ValueError(msg)
        self.refresh(local_session)
        self.save(local_session, strategy=self._assembly.strategy(decide))
        return self.load(session_id)


def _as_strategy(given: object) -> ConflictStrategy | str:
    return given if isinstance(given, str) else as_strategy(given)


def _checked(argument: str, given: object, take: Callable[[object], T]) -> T | None:
    """Return what was given, or None; *take* refuses what it can't be."""
    try:
        return None if given is None else take(given)
    except WrongKindError as error:
        msg = f"{argument}: {error}"
        raise WrongKindError(msg) from error
