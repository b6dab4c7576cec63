# SPDX-License-Identifier: Apache-2.0
"""What becomes of saves: who is told, what is kept, and when it is tried again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from threading import Condition, RLock
from typing import Final

from sessionkit.errors import (
    QueueFullError,
    SessionGoneError,
    SessionKitError,
    UnavailableError,
    text_of,
)
from sessionkit.persistence.breaker import Breaker, pause
from sessionkit.persistence.flushing import is_stored
from sessionkit.persistence.pressure import SPILL
from sessionkit.persistence.refusals import Incomplete, Rejections
from sessionkit.persistence.slots import Slot
from sessionkit.persistence.spilling import Spill
from sessionkit.persistence.waiters import Waiters
from sessionkit.persistence.ways import Ways
from sessionkit.persistence.write_queue import WriteQueue
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

logger: Final = logging.getLogger("sessionkit")


class Outcomes:
    """The queue, what is known of the store, and what was refused; all of it under one lock."""

    def __init__(self, ways: Ways) -> None:
        """Begin with nothing to save."""
        self._ways = ways
        self._clock = ways.clock
        self._closed = False
        self._start_empty()

    def _start_empty(self) -> None:
        """Begin anew; after a fork the parent still owns what waited."""
        self._lock = RLock()
        self._changed = Condition(self._lock)  # for the writer: there is something to look at
        self._settled = Waiters(self._lock)  # for all others: saves are over
        self._queue = WriteQueue(self._ways.debounce, self._ways.max_wait)
        self._breaker = Breaker()
        self._offline_since: datetime | None = None
        self._offline_error = ""
        self._rejected, self._incomplete = Rejections(), Incomplete()
        self._spill = Spill()

    def _check_open(self, session: UserSession) -> None:
        if self._closed:
            msg = f"session {session.session_id!r} is scheduled after close(): it would be lost"
            raise SessionKitError(msg)

    def _size_of(self, session: UserSession) -> int:
        # Not under the lock: whoever knows it may have to wait for a save that wants the lock.
        try:
            return 0 if self._ways.size_of is None else self._ways.size_of(session)
        except Exception:  # its bug must neither end the writer nor reach the app
            logger.exception("the size of session %s is not known", short(session.session_id))
            return 0

    def _may_spill(self, slot: Slot) -> bool:
        """Return whether a session may be let go of: the policy is so, and the journal has it."""
        keep = self._ways.keep
        if self._ways.limits.when_full != SPILL or slot.save_fn is not None or keep is None:
            return False
        try:
            return keep(slot.session) is not False
        except Exception:  # a journal's bug must not end the writer
            logger.exception("session %s was not kept", short(slot.session.session_id))
            return False

    def _begun(self, slots: Sequence[Slot]) -> None:
        """Number a try, and remember what tells later whether the store took a write."""
        number = self._breaker.begin()
        for slot in slots:
            slot.batch = number
        if self._ways.stored_as is not None:
            for slot in slots:
                slot.mark = self._ways.stored_as(slot.session)

    def _conclude(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None], *, asked: bool = False
    ) -> None:
        """
        Take what came of saves.

        Args:
            slots: What was saved.
            outcomes: An outcome for each.
            asked: Whether someone waited for it, who is told by an exception.
        """
        if not any(outcomes):
            self._conclude_well(slots)
            return
        for slot, error in self._note(slots, outcomes):
            if not asked:
                self._report(slot.session, error)
        pairs = zip(slots, outcomes, strict=True)
        down = [slot for slot, outcome in pairs if isinstance(outcome, UnavailableError)]
        sizes = {slot: self._size_of(slot.session) for slot in down}
        kept = {slot for slot in down if self._may_spill(slot)}
        with self._lock:
            alone = self._judge(slots, outcomes, asked=asked)
            for slot, outcome in zip(slots, outcomes, strict=True):
                size = sizes.get(slot, 0)
                self._settle(slot, outcome, size, alone=slot in alone, kept=slot in kept)
            self._settled.notify()

    def _conclude_well(self, slots: Sequence[Slot]) -> None:
        with self._lock:
            if any(map(self._was_answered, slots)):
                self._answered()
            for slot in slots:
                self._settle(slot, None)
            self._settled.notify()

    def _note(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None]
    ) -> list[tuple[Slot, Exception]]:
        """Keep what was refused; return the failures that nobody was told of."""
        now = self._ways.now()
        news = []
        with self._lock:
            for slot, error in zip(slots, outcomes, strict=True):
                if error is None or is_stored(error):
                    continue
                if self._is_news(slot, error, now):
                    news.append((slot, error))
                slot.error = text_of(error)
        return news

    def _is_news(self, slot: Slot, error: Exception, now: datetime) -> bool:
        if isinstance(error, UnavailableError):
            first = slot.down_since is None
            slot.down_since = slot.down_since or now
            return first
        if isinstance(error, SessionGoneError):
            self._rejected.saved(slot.session)
            return True
        return self._rejected.note(slot.session, error, now)

    def _report(self, session: UserSession, error: Exception) -> None:
        retrying = isinstance(error, UnavailableError) and not self._closed
        try:
            self._ways.on_failure(session, error, retrying)
        except Exception:  # an observer's bug must not end the writer
            logger.exception("the observer of failed saves failed itself")

    # -- is the store down? ----------------------------------------------------

    def _judge(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None], *, asked: bool
    ) -> set[Slot]:
        """
        Open or close the breaker.

        Returns:
            The slots that the store is unavailable for although it takes others: each waits by
            itself, and they hold nobody up.
        """
        pairs = list(zip(slots, outcomes, strict=True))
        down = {slot for slot, outcome in pairs if isinstance(outcome, UnavailableError)}
        if any(is_stored(outcome) and self._was_answered(slot) for slot, outcome in pairs):
            self._answered()
            return down
        troubled = {
            slot
            for slot in down
            if slot.alone or (slot.failures and self._breaker.answers > slot.answers)
        }
        if down - troubled and not (asked and self._breaker.is_failing):
            first = next(slot for slot in slots if slot in down)
            self._went_down(first.error or "", first.batch)
        return troubled

    def _went_down(self, error: str, number: int | None) -> float:
        """Hold all tries back, after the one of this number; return until when."""
        self._offline_since = self._offline_since or self._ways.now()
        self._offline_error = error
        return self._breaker.note(self._clock(), down=True, number=number)

    def _was_answered(self, slot: Slot) -> bool:
        """Return whether a save that succeeded has met the store: where nothing changed it asks no store."""
        stored_as = self._ways.stored_as
        return (
            stored_as is None or slot.down_since is not None or stored_as(slot.session) != slot.mark
        )

    def _answered(self) -> None:
        if self._breaker.is_failing:
            self._changed.notify_all()
        self._offline_since = None
        self._breaker.note(self._clock(), down=False)

    def _settle(
        self,
        slot: Slot,
        outcome: Exception | None,
        size: int = 0,
        *,
        alone: bool = False,
        kept: bool = False,
    ) -> None:
        error = outcome
        if is_stored(outcome):
            self._queue.saved(slot)
            self._rejected.saved(slot.session)
            self._incomplete.saved(slot.session)
        elif isinstance(outcome, UnavailableError) and not self._closed:
            error = self._try_again(slot, outcome, size, alone=alone, kept=kept)
        else:
            self._queue.failed(slot, None)
        slot.tell(error)

    def _try_again(
        self, slot: Slot, error: Exception, size: int, *, alone: bool, kept: bool
    ) -> Exception:
        """Queue it again, if it may wait; return what to tell those who do."""
        now, waited = self._clock(), slot.queued or slot.dirty
        # Where the store is down for all it is the breaker that holds them back.
        retry_at = now + pause(slot.failures) if alone else now
        slot.alone, slot.answers = alone, self._breaker.answers
        self._queue.failed(slot, retry_at)
        self._queue.weigh(slot, size)
        if not slot.dirty or not self._ways.limits.is_over(len(self._queue), self._queue.size):
            return error
        if kept:
            self._spill.add(slot.session, slot.first)
            self._let_go(slot)
        elif not waited:
            self._let_go(slot)
            return self._full(slot.session, error)
        return error

    def _let_go(self, slot: Slot) -> None:
        slot.dirty = False
        self._queue.again_or_out(slot)

    def _full(self, session: UserSession, cause: Exception | None = None) -> QueueFullError:
        """Return what is raised where a session can't wait."""
        reason = f"; {cause}" if cause else ""
        error = QueueFullError(
            f"session {short(session.session_id)} can't wait to be saved: {len(self._queue)} sessions with"
            f" {self._queue.size} bytes wait already (max_pending {self._ways.limits.max_pending},"
            f" max_pending_bytes {self._ways.limits.max_pending_bytes}){reason}"
        )
        error.__cause__ = cause
        return error
