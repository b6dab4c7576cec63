# SPDX-License-Identifier: Apache-2.0
"""Stores what processes left in their journals that are no more, by compare-and-set and merge."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

import attrs

from sessionkit.errors import SessionGoneError, SessionKitError, UnavailableError
from sessionkit.events import JournalSetAside, SessionEvent
from sessionkit.journal.adopting import set_aside
from sessionkit.journal.framing import PREAMBLE, frame
from sessionkit.journal.journal import Journal
from sessionkit.journal.log import Line, Log
from sessionkit.journal.owning import taking_turns
from sessionkit.journal.records import pack
from sessionkit.journal.reviving import revive
from sessionkit.journal.segment import SUFFIX
from sessionkit.journal.state import State
from sessionkit.repository.repository import Repository
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

_BATCH: Final = 50
_LOGGER: Final = logging.getLogger("sessionkit")


@attrs.frozen(kw_only=True)
class ReplayReport:
    """
    What came of a replay.

    Attributes:
        saved: How many sessions were stored.
        gone: How many were ended, deleted, replaced or had expired.
        aside: How many can't be stored; they are kept in files.
        waiting: How many wait for the store, or for more time.
    """

    saved: int = 0
    gone: int = 0
    aside: int = 0
    waiting: int = 0

    @property
    def done(self) -> int:
        """How many are settled."""
        return self.saved + self.gone + self.aside


@attrs.define(kw_only=True, eq=False)
class Replay:
    """
    Replays a journal.

    Attributes:
        journal: The journal.
        repository: Takes the sessions.
        emit: Takes events.
    """

    journal: Journal
    repository: Repository
    emit: Callable[[SessionEvent], None]
    _counts: dict[str, int] = attrs.field(
        factory=lambda: dict.fromkeys(("saved", "gone", "aside"), 0)
    )

    def run(self, patience: float = inf) -> ReplayReport:
        """
        Store what dead processes left; while another process does so, wait for it.

        Args:
            patience: Seconds after which the rest is left for another time.

        Returns:
            What came of it. A store that can't be reached leaves all the rest waiting.

        Raises:
            OSError: If the journal can't be read.
        """
        until = time.monotonic() + patience
        with taking_turns(self.journal.folder, until):
            self.journal.logs.adopt_dead()
            left = self.journal.left()
            while left and self._store(left[:_BATCH]) and time.monotonic() < until:
                left = self.journal.left()
        self.journal.logs.close_done()
        return ReplayReport(**self._counts, waiting=len(self.journal.left()))

    def _store(self, lines: Sequence[tuple[Log, Line]]) -> bool:
        """Store some lines; return False when the store can't be reached."""
        revived: dict[UserSession, tuple[Log, Line]] = {}
        for log, line in lines:
            try:
                session = self._revived(log, line)
            except UnavailableError:
                return False
            if session is not None:
                revived[session] = (log, line)
        sessions = list(revived)
        outcomes = self.repository.save_many(sessions)
        for session, outcome in zip(sessions, outcomes, strict=True):
            self.journal.let_loose(session)
            self._conclude(*revived[session], outcome)
        return not any(isinstance(outcome, UnavailableError) for outcome in outcomes)

    def _revived(self, log: Log, line: Line) -> UserSession | None:
        try:
            state = self.journal.logs.state(log, line)
            session = revive(self.repository, state)
        except UnavailableError:
            raise
        except (SessionKitError, OSError, ValueError) as error:
            self._conclude(log, line, error)
            return None
        if session is None:
            _LOGGER.info("journal: session %s has expired", short(line.session_id))
            self._conclude(log, line, SessionGoneError(line.session_id, "expired"))
            return None
        self.journal.go_on(session, log, line, state)
        return session

    def _conclude(self, log: Log, line: Line, outcome: Exception | None) -> None:
        if isinstance(outcome, UnavailableError):
            return
        if outcome is None:
            self._counts["saved"] += 1
        elif isinstance(outcome, SessionGoneError):
            self._counts["gone"] += 1  # the repository told
        else:
            self._set_aside(log, line, outcome)
            self._counts["aside"] += 1
        self.journal.drop(log, line)

    def _set_aside(self, log: Log, line: Line, error: Exception) -> None:
        state: State = self.journal.logs.state(log, line)
        data = PREAMBLE + frame(pack(state.whole(line.number)))
        path = log.owned.folder / f"{line.number}{SUFFIX}"
        kept = set_aside(path, data, str(error))
        event = JournalSetAside(session_id=line.session_id, path=str(kept), reason=str(error))
        self.emit(event)
