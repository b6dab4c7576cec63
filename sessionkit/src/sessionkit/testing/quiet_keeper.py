# SPDX-License-Identifier: Apache-2.0
"""A manager that keeps nothing, for hosts to be tried with."""

from __future__ import annotations

from sessionkit.decisions import FieldDecision, Side
from sessionkit.events import SessionEvent
from sessionkit.session.session import UserSession
from sessionkit.status import PersistenceStatus
from sessionkit.tokens import Tokens


class QuietKeeper:
    """A manager that keeps nothing."""

    def __init__(self, tokens: Tokens) -> None:
        """Take the app's tokens."""
        self.tokens = tokens
        self.watching = False

    def schedule_save(self, session: UserSession) -> None:
        """Do nothing."""

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:  # noqa: ARG002 - the protocol's
        """Return that nothing waits."""
        return True

    def save_status(self, session: UserSession) -> PersistenceStatus:  # noqa: ARG002 - the protocol's
        """Return that nothing waits."""
        return PersistenceStatus(state="saved")

    def decisions(self, session: UserSession) -> tuple[FieldDecision, ...]:  # noqa: ARG002 - the protocol's
        """Return that nothing was decided."""
        return ()

    def settle(self, session: UserSession, decision: FieldDecision, take: Side | None) -> None:
        """Do nothing."""

    def emit(self, event: SessionEvent) -> None:
        """Tell nobody."""
