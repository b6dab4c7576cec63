# SPDX-License-Identifier: Apache-2.0
"""Ends live sessions and all of a user's, and lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from sessionkit.errors import UnavailableError
from sessionkit.manager.live import LiveSessions
from sessionkit.manager.summaries import SessionSummary
from sessionkit.session.arguments import ONLY, USER_ID
from sessionkit.session.session import UserSession

if TYPE_CHECKING:
    from sessionkit.records import SessionHead
    from sessionkit.repository.repository import Repository


@attrs.frozen(kw_only=True)
class Ender:
    """
    Ends sessions for good.

    Attributes:
        live: Knows the live ones.
        repository: Returns the repository; raises what opening the store raises.
        discard: Takes the session of an id out of the queue of saves.
    """

    live: LiveSessions
    repository: Callable[[], Repository]
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
        while True:
            session_id = session.session_id
            ended = self.repository().end(session_id, session, of_user=of_user)
            if session.session_id == session_id:
                break  # else it moved to another id meanwhile
        self.discard(session_id)
        self.live.drop(session)
        return ended

    def revoke(self, user_id: str, only: Iterable[str] | None, keep: UserSession | None) -> int:
        """
        End the sessions of a user.

        Args:
            user_id: The user.
            only: These alone, as far as they are the user's; None for all.
            keep: One that stays.

        Returns:
            How many were ended.

        Raises:
            TypeError: If *user_id* is no text: where nobody is logged in nobody is logged out.
            UnavailableError: If the store can't be reached: some may have ended; call it again.
        """
        from sessionkit.repository.stored import ATTEMPTS  # noqa: PLC0415 - imports what saves

        _check_user(user_id)
        chosen = _chosen(only)

        def meant(session_id: str) -> bool:
            kept = keep is not None and keep.session_id == session_id
            return not kept and (chosen is None or session_id in chosen)

        ended = 0
        for _ in range(ATTEMPTS):
            # Live ones first: they may be bound to the user and not stored yet.
            for session in self.live.of_user(user_id):
                if meant(session.session_id):
                    ended += self.end(session, of_user=user_id)
            found = [head.session_id for head in self._heads(user_id) if meant(head.session_id)]
            if not found:
                return ended
            ended += sum(self.repository().end(one, of_user=user_id) for one in found)
        msg = f"user {user_id!r} still has sessions after {ATTEMPTS} rounds: others keep beginning"
        raise UnavailableError(msg)

    def summaries(
        self, user_id: str | None, current: UserSession | None
    ) -> tuple[SessionSummary, ...]:
        """
        Return what a user is shown of their sessions, latest activity first.

        Args:
            user_id: The user; None, who is nobody, has none.
            current: The calling connection's session; it is listed before it is stored, too.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        if user_id is None:
            return ()
        mine = current if current is not None and current.user_id == user_id else None
        own_id = None if mine is None else mine.session_id
        listed = [
            SessionSummary.of(head, current=head.session_id == own_id)
            for head in self._heads(user_id)
        ]
        if mine is not None and not any(summary.current for summary in listed):
            listed.insert(0, _of_live(mine))
        return tuple(listed)

    def _heads(self, user_id: str) -> list[SessionHead]:
        # To the end first: what is ended on the way would move the pages.
        return list(self.repository().heads_of(user_id))


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
