# SPDX-License-Identifier: Apache-2.0
"""How saves stand: read off the queue, without its lock."""

from __future__ import annotations

from datetime import datetime

from sessionkit.persistence.finishing import Finishing
from sessionkit.persistence.slots import Slot
from sessionkit.session.arguments import SESSION_OR_ID
from sessionkit.session.session import UserSession
from sessionkit.status import PersistenceStatus, RejectedSave, State


class Standing(Finishing):
    """Says what waits, what was refused, and whether the store is down."""

    def status(self, session: str | UserSession | None = None) -> PersistenceStatus:
        """
        Return how saves stand; asks no store and waits for nobody.

        Args:
            session: Of this session, or of all objects of this id; None for all. The object
                is found at once, an id among all that wait.
        """
        SESSION_OR_ID.check(session)
        session_id = session.session_id if isinstance(session, UserSession) else session
        slots, spilled = self._waiting(session), self._spill.of(session_id)
        waiting = self._since(slots, spilled)
        rejected, not_kept = self._rejected.of(session_id), self._incomplete.of(session)
        # The store may be down for one session alone: that says nothing of all.
        troubled = [slot for slot in slots if slot.down_since] if session_id is not None else []
        offline = bool(troubled or (waiting and self._breaker.is_failing))
        return PersistenceStatus(
            state=_state(
                offline=offline,
                rejected=bool(rejected),
                waiting=bool(waiting),
                incomplete=bool(not_kept),
            ),
            pending=len(waiting),
            pending_bytes=sum(slot.size for slot in slots),
            oldest_age=max(0.0, self._clock() - min(waiting)) if waiting else None,
            last_error=self._last_error(slots, rejected, offline=offline),
            offline_since=self._down_since(troubled) if offline else None,
            retry_in=self._retry_in(troubled) if offline else None,
            rejected=rejected,
            spilled=len(spilled),
            not_kept=not_kept,
        )

    def is_pending(self, session: str | UserSession) -> bool:
        """Return whether a session, or one of an id, waits or is being saved."""
        SESSION_OR_ID.check(session)
        session_id = session.session_id if isinstance(session, UserSession) else session
        return bool(self._waiting(session) or self._spill.of(session_id))

    def _last_error(
        self, slots: list[Slot], rejected: tuple[RejectedSave, ...], *, offline: bool
    ) -> str | None:
        if offline and self._breaker.is_failing:
            return self._offline_error
        errors = [slot.error for slot in slots if slot.down_since and slot.error]
        if not errors:
            errors = [one.error for one in rejected]
        return errors[-1] if errors else None

    def _down_since(self, troubled: list[Slot]) -> datetime | None:
        times = [slot.down_since for slot in troubled if slot.down_since]
        return min(times, default=None) or self._offline_since

    def _retry_in(self, troubled: list[Slot]) -> float:
        later = min((slot.not_before for slot in troubled), default=0.0)
        return max(0.0, max(later, self._breaker.retry_at) - self._clock())


def _state(*, offline: bool, rejected: bool, waiting: bool, incomplete: bool) -> State:
    if offline:
        return "offline"
    if rejected:
        return "rejected"
    if waiting:
        return "saving"
    return "incomplete" if incomplete else "saved"
