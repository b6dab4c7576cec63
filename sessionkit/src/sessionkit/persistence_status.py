# SPDX-License-Identifier: Apache-2.0
"""What the queue of saves tells who asks: what waits, what was refused, and whether the store is down."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Final, Literal
from weakref import WeakValueDictionary

import attrs

from sessionkit.ids import short
from sessionkit.not_kept import NotKept
from sessionkit.session import UserSession

State = Literal["saved", "incomplete", "saving", "offline", "rejected"]

MOST_REJECTED: Final = 100
"""How many rejected saves are kept, at most; the oldest go first."""

_LOGGER: Final = logging.getLogger("sessionkit")
_NUMBER: Final = re.compile(r"\d+")


@attrs.frozen
class RejectedSave:
    """
    A save that will never go through as it is, kept for its owner to fix or to export.

    Attributes:
        session: The session, as it is now; :meth:`~sessionkit.UserSession.to_json` exports it.
        error: Why it was not stored.
        since: When it was first refused so, in UTC.
    """

    session: UserSession
    error: str
    since: datetime


@attrs.frozen(kw_only=True)
class PersistenceStatus:
    """
    How saves stand, of one session or of all.

    Attributes:
        state: ``"saved"`` when all is stored; ``"incomplete"`` when all is but values that can't be
            kept; ``"saving"`` when something waits; ``"offline"`` when it waits for a store that is
            down; ``"rejected"`` when a save will not go through as it is.
        pending: How many sessions wait or are being saved.
        pending_bytes: How much they hold, encoded, as far as it is known.
        oldest_age: How long the oldest change has waited, in seconds; None when none waits.
        last_error: What the store, or a save that failed, said last; None when all is well.
        offline_since: Since when the store is down, in UTC; None when it is not.
        retry_in: In how many seconds it is tried again; None when the store is not down.
        rejected: Saves that will not go through as they are.
        spilled: How many of the pending sessions are held by the journal alone.
        not_kept: Values that the last saves could not keep, of sessions that are in use.
    """

    state: State
    pending: int = 0
    pending_bytes: int = 0
    oldest_age: float | None = None
    last_error: str | None = None
    offline_since: datetime | None = None
    retry_in: float | None = None
    rejected: tuple[RejectedSave, ...] = ()
    spilled: int = 0
    not_kept: tuple[NotKept, ...] = ()


class Rejections:
    """The saves that were refused, a bounded number of them. The caller holds a lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[int, RejectedSave] = {}

    def note(self, session: UserSession, error: Exception, now: datetime) -> bool:
        """Keep a rejected save; return whether it was not refused for the same reason before."""
        before = self._kept.get(id(session))
        text = text_of(error)
        if before is not None and _reason(before.error) == _reason(text):
            return False
        self._kept.pop(id(session), None)
        self._kept[id(session)] = RejectedSave(session, text, now)
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


class Incomplete:
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


def text_of(error: Exception) -> str:
    """Return what an error says; its class where that is nothing."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an error of the app's own may be broken itself
        return type(error).__name__


def _reason(error: str) -> str:
    # A session that is too large is so by another number of bytes each time.
    return _NUMBER.sub("0", error)
