# SPDX-License-Identifier: Apache-2.0
"""A manager's journal: made of the settings, replayed when the store is first opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from sessionkit.errors import UnavailableError
from sessionkit.events import JournalFailed, SessionEvent
from sessionkit.journal import Journal, Replay, ReplayReport, revive
from sessionkit.repository.repository import Repository
from sessionkit.session.session import UserSession

_PATIENCE: Final = 5.0
"""Seconds that a replay takes, at most; the rest is done in the background."""

_PIECE: Final = 0.5
"""Seconds that it takes there at a time, at most: meanwhile other saves wait."""

Later = Callable[[Callable[[], object]], object]
"""Has something done in the background, again and again while the store is down."""


@attrs.frozen(kw_only=True)
class Journaling:
    """
    A manager's journal.

    Attributes:
        journal: The journal.
        repository: Returns the repository; raises what opening the store raises.
        emit: Takes events.
    """

    journal: Journal
    repository: Callable[[], Repository]
    emit: Callable[[SessionEvent], None]

    def opened(self, repository: Repository, later: Later) -> None:
        """
        Store what dead processes left, before anyone is given a session.

        Args:
            repository: Takes the sessions.
            later: Has the rest done.
        """
        if self._replay(repository, _PATIENCE).waiting:
            later(partial(self._go_on, later))

    def _go_on(self, later: Later) -> None:
        report = self._replay(self.repository(), _PIECE)
        if report.waiting and report.done:
            later(partial(self._go_on, later))  # the store is there; other saves have their turn
        elif report.waiting:
            msg = f"{report.waiting} sessions wait in {self.journal.folder}"
            raise UnavailableError(msg)

    def _replay(self, repository: Repository, patience: float) -> ReplayReport:
        replay = Replay(journal=self.journal, repository=repository, emit=self.emit)
        try:
            return replay.run(patience)
        except OSError as error:
            self.emit(JournalFailed(session_id=None, error=f"{self.journal.folder}: {error}"))
            return ReplayReport()

    def revive(self, session_id: str) -> UserSession | None:
        """
        Make a session of the journal again that the queue has let go of.

        Returns:
            The session, ready to be saved; None if all of it is stored.

        Raises:
            UnavailableError: If the store can't be reached.
            SessionKitError: If it can't be made; the journal keeps it for the next process.
        """
        held = self.journal.held(session_id)
        if held is not None:
            return held
        for log, line in self.journal.let_go(session_id):
            state = self.journal.logs.state(log, line)
            session = revive(self.repository(), state)
            if session is not None:
                self.journal.go_on(session, log, line, state)
                return session
            self.journal.drop(log, line)
        return None
