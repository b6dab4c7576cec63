# SPDX-License-Identifier: Apache-2.0
"""What a save could not store: rejected sessions, and values that can't be kept."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

import attrs

from sessionkit.errors import text_of
from sessionkit.records import short
from sessionkit.session.session import NotKept, UserSession
from sessionkit.status import RejectedSave, refusal_of

MOST_REJECTED: Final = 100
"""How many rejected saves are kept, at most; the oldest go first."""

_LOGGER: Final = logging.getLogger("sessionkit")

_NUMBER: Final = re.compile(r"\d+")


class RejectedSaves:
    """The saves that were rejected, a bounded number of them. The caller holds a lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[int, RejectedSave] = {}

    def note(self, session: UserSession, error: Exception, now: datetime) -> bool:
        """Keep a rejected save; return whether it was not refused for the same reason before."""
        before = self._kept.get(id(session))
        text = text_of(error, session.session_id)
        if before is not None and _reason(before.error) == _reason(text):
            return False
        self._kept.pop(id(session), None)
        self._kept[id(session)] = RejectedSave(session, text, now, refusal_of(error))
        if len(self._kept) > MOST_REJECTED:
            oldest = self._kept.pop(next(iter(self._kept)))
            name = short(oldest.session.session_id)
            _LOGGER.warning("let go of the rejected save of session %s: %s", name, oldest.error)
        return True

    def saved(self, session: UserSession) -> None:
        """Let go of a session that was saved."""
        self._kept.pop(id(session), None)

    def of(self, session_id: str | None) -> tuple[RejectedSave, ...]:
        """Return the rejected saves of an id, or all, oldest first; needs no lock."""
        kept = tuple(self._kept.values())
        return (
            kept
            if session_id is None
            else tuple(one for one in kept if one.session.session_id == session_id)
        )

    def discard(self, session_id: str) -> None:
        """Forget the rejected saves of an id."""
        for rejected in self.of(session_id):
            self.saved(rejected.session)


def _reason(error: str) -> str:
    # A session that is too large is so by another number of bytes each time.
    return _NUMBER.sub("0", error)


class IncompleteSaves:
    """The sessions that were saved but for values that can't be kept, while they are in use. The caller holds a lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sessions: WeakValueDictionary[int, UserSession] = WeakValueDictionary()

    def saved(self, session: UserSession) -> None:
        """Take a session that was saved just now."""
        if session.not_kept:
            self._sessions[id(session)] = session
        else:
            self._sessions.pop(id(session), None)

    def of(self, session: str | UserSession | None) -> tuple[NotKept, ...]:
        """Return the values that could not be kept of a session, of an id, or of all; needs no lock."""
        if isinstance(session, UserSession):
            return session.not_kept
        known = (found for one in self._sessions.valuerefs() if (found := one()) is not None)
        return tuple(
            value for one in known if session in {None, one.session_id} for value in one.not_kept
        )

    def discard(self, session_id: str) -> None:
        """Forget the sessions of an id."""
        for reference in self._sessions.valuerefs():
            session = reference()
            if session is not None and session.session_id == session_id:
                self._sessions.pop(id(session), None)


@attrs.define(eq=False)
class Refusals:
    """
    What was not stored, of all sessions. The caller holds a lock.

    Attributes:
        rejected: The saves that were rejected.
        incomplete: The sessions with values that can't be kept.
    """

    rejected: RejectedSaves = attrs.field(factory=RejectedSaves)
    incomplete: IncompleteSaves = attrs.field(factory=IncompleteSaves)

    def stored(self, session: UserSession) -> None:
        """Take a session that was stored just now."""
        self.rejected.saved(session)
        self.incomplete.saved(session)

    def discard(self, session_id: str) -> None:
        """Forget the sessions of an id."""
        self.rejected.discard(session_id)
        self.incomplete.discard(session_id)
