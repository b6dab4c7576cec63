# SPDX-License-Identifier: Apache-2.0
"""A save that is tried, and what follows from its outcome: stored, tried again or rejected."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import get_ident
from typing import Final

from sessionkit.errors import (
    PartlySavedError,
    RejectedError,
    SessionGoneError,
    SessionKitError,
    UnavailableError,
    UnclearError,
    text_of,
)
from sessionkit.persistence.health import StoreHealth, retry_delay
from sessionkit.persistence.queue import SaveFunction, SaveQueue, Slot
from sessionkit.persistence.refusals import Refusals
from sessionkit.persistence.saver import SAVED, SaveOutcome, Saver
from sessionkit.records import short
from sessionkit.session.session import UserSession

Passing = tuple[type[BaseException], ...]
"""What ends a save and goes on to whoever called for it: their Ctrl-C, or a time limit of theirs."""

UNCLEAR_FOR: Final = 300.0
"""Seconds that a save is tried again which the store refuses for an unclear reason; then it is refused for good."""

_LOGGER: Final = logging.getLogger("sessionkit")


class SaveAttempts:
    """Saves slots, on the thread of whoever calls, and takes what came of it."""

    def __init__(  # noqa: PLR0913 - each is handed in
        self,
        queue: SaveQueue,
        saver: Saver,
        health: StoreHealth,
        refusals: Refusals,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        """
        Begin with nothing in flight.

        Args:
            queue: Has the slots, and the lock.
            saver: Saves them.
            health: Is told whether the store is there.
            refusals: Takes what was not stored.
            clock: Returns seconds that never go back.
            now: Returns the present moment; only shown.
        """
        self._queue = queue
        self._saver = saver
        self._health = health
        self._refusals = refusals
        self._clock = clock
        self._now = now
        self._answers = 0
        self._threads: set[int] = set()

    def is_inside(self) -> bool:
        """Return whether the calling thread is in the midst of a save."""
        return get_ident() in self._threads

    def run(
        self, slots: Sequence[Slot], passing: Passing = (), *, asked: bool = False
    ) -> list[Exception | None]:
        """
        Save slots that have begun.

        Args:
            slots: The slots.
            passing: What goes on to the caller, who then puts back what was not finished.
            asked: Whether someone waits for it, who is told by an exception.

        Returns:
            For each what went wrong, or None.
        """
        thread = get_ident()
        outermost = thread not in self._threads
        self._threads.add(thread)
        try:
            return self._conclude(
                slots, save_slots(slots, self._saver, passing, asked=asked), asked=asked
            )
        finally:
            if outermost:
                self._threads.discard(thread)

    def put_back(self, slots: Iterable[Slot]) -> None:
        """Queue what this thread leaves behind in the midst of a save: each pauses by itself, since it may happen again."""
        thread = get_ident()
        with self._queue.lock:
            for slot in slots:
                if slot.in_flight and slot.saver == thread:
                    self._queue.failed(slot, self._clock() + retry_delay(slot.failures))
                    slot.error = "the save was broken off"
                    self._queue.settled.notify_all()

    def _conclude(
        self, slots: Sequence[Slot], outcomes: Sequence[SaveOutcome], *, asked: bool
    ) -> list[Exception | None]:
        if all(outcome.error is None for outcome in outcomes):
            self._conclude_well(slots, outcomes)
            return [None] * len(slots)
        pairs = [
            (slot, self._in_the_end(slot, outcome))
            for slot, outcome in zip(slots, outcomes, strict=True)
        ]
        for slot, error in self._note(pairs):
            if not asked:
                self._report(slot.session, error)
        sizes = {slot: self._saver.size_of(slot.session) for slot, one in pairs if one.is_down}
        with self._queue.lock:
            alone = self._judge(pairs, asked=asked)
            told = [
                self._settle(slot, outcome, sizes.get(slot, 0), alone=slot in alone)
                for slot, outcome in pairs
            ]
            self._queue.settled.notify_all()
        return told

    def _conclude_well(self, slots: Sequence[Slot], outcomes: Sequence[SaveOutcome]) -> None:
        with self._queue.lock:
            if any(map(_is_answer, slots, outcomes)):
                self._answered()
            for slot in slots:
                self._refusals.stored(slot.session)
            for slot in slots:
                self._queue.saved(slot)
            self._queue.settled.notify_all()

    def _in_the_end(self, slot: Slot, outcome: SaveOutcome) -> SaveOutcome:
        """Return what a save came to: what was unclear for long enough is refused for good."""
        unclear = outcome.error
        if not isinstance(unclear, UnclearError):
            slot.unclear_since = None
            return outcome
        now = self._clock()
        if slot.unclear_since is None:
            slot.unclear_since = now
        tried_for = now - slot.unclear_since
        if tried_for < UNCLEAR_FOR:
            return outcome
        refused = RejectedError(f"{unclear}; it was tried again for {tried_for:.0f} s")
        refused.__cause__ = unclear
        return SaveOutcome(refused)

    def _note(self, pairs: Sequence[tuple[Slot, SaveOutcome]]) -> list[tuple[Slot, Exception]]:
        """Keep what was refused; return the failures that nobody was told of."""
        now = self._now()
        news = []
        with self._queue.lock:
            for slot, outcome in pairs:
                error = outcome.error
                if error is None or outcome.is_stored:
                    continue
                if self._is_news(slot, error, now):
                    news.append((slot, error))
                slot.error = text_of(error, slot.session.session_id)
        return news

    def _is_news(self, slot: Slot, error: Exception, now: datetime) -> bool:
        if isinstance(error, UnavailableError):
            first = slot.down_since is None
            slot.down_since = slot.down_since or now
            return first
        if isinstance(error, SessionGoneError):
            self._refusals.rejected.saved(slot.session)
            return True
        return self._refusals.rejected.note(slot.session, error, now)

    def _report(self, session: UserSession, error: Exception) -> None:
        retrying = isinstance(error, UnavailableError) and not self._queue.closed
        try:
            self._saver.failed(session, error, retrying=retrying)
        except BaseException:  # whatever an observer raises, it must not end the writer
            _LOGGER.exception("the observer of failed saves failed itself")

    # -- is the store down? ---------------------------------------------------

    def _judge(self, pairs: Sequence[tuple[Slot, SaveOutcome]], *, asked: bool) -> set[Slot]:
        """
        Say whether the store is there.

        Returns:
            The slots that the store is unavailable for although it takes others: each waits by
            itself, and they hold nobody up.
        """
        down = {slot for slot, outcome in pairs if outcome.is_down}
        if any(outcome.is_stored and _is_answer(slot, outcome) for slot, outcome in pairs):
            self._answered()
            return down
        troubled = {
            slot
            for slot, outcome in pairs
            if isinstance(outcome.error, BrokenOffError | UnclearError)
            or (slot in down and (slot.alone or (slot.failures and self._answers > slot.answers)))
        }
        if down - troubled and not (asked and self._health.is_failing):
            first = next(slot for slot, _ in pairs if slot in down)
            self._went_down(first.error or "", first.batch)
        return troubled

    def _went_down(self, error: str, number: int) -> None:
        """Hold all tries back, after the one of this number."""
        self._health.since = self._health.since or self._now()
        self._health.error = error
        self._health.note(self._clock(), down=True, number=number)

    def _answered(self) -> None:
        self._answers += 1
        if self._health.is_failing:
            self._health.note(self._clock(), down=False)
            self._queue.changed.notify_all()

    # -- what becomes of a slot -----------------------------------------------

    def _settle(
        self, slot: Slot, outcome: SaveOutcome, size: int, *, alone: bool
    ) -> Exception | None:
        """Take a slot's outcome; return what those who wait are told."""
        error = outcome.error
        if outcome.is_stored:
            self._refusals.stored(slot.session)
            self._queue.saved(slot, error)
            return error
        if error is not None and outcome.is_down and not self._queue.closed:
            error = self._try_again(slot, error, size, alone=alone)
        else:
            self._queue.failed(slot, None)
        slot.tell(error)
        return error

    def _try_again(self, slot: Slot, error: Exception, size: int, *, alone: bool) -> Exception:
        """Queue it again, if it may wait; return what to tell those who do."""
        now, waited = self._clock(), slot.queued or slot.dirty
        # Where the store is down for all it is the store's health that holds them back.
        retry_at = now + retry_delay(slot.failures) if alone else now
        slot.alone, slot.answers = alone, self._answers
        self._queue.failed(slot, retry_at)
        self._queue.weigh(slot, size)
        if not slot.dirty or waited or not self._queue.is_overfull():
            return error
        self._queue.let_go(slot)
        return self._queue.full_error(slot.session, error)


def _is_answer(slot: Slot, outcome: SaveOutcome) -> bool:
    """Return whether a save that succeeded has met the store: where nothing changed it asks no store."""
    return outcome.wrote or slot.down_since is not None


# -- what is asked of a saver, whatever it raises ------------------------------


class BrokenOffError(UnavailableError):
    """
    What a save's end by something that is no :class:`Exception` comes to on the writer's own thread.

    Such as ``asyncio.CancelledError``, gevent's ``Timeout`` or ``SystemExit``, from a plugin or an
    app's function. It says nothing of the store: the session is tried again by itself.
    """


def save_slots(
    slots: Sequence[Slot], saver: Saver, passing: Passing, *, asked: bool
) -> list[SaveOutcome]:
    """
    Save slots and return an outcome for each, in their order.

    Args:
        slots: Each with a function of its own, or for the saver.
        saver: Saves those without one.
        passing: What goes on to the caller; all else is an outcome, whatever is raised.
        asked: Whether someone waits for it.
    """
    batch = [slot.session for slot in slots if slot.save_fn is None]
    if asked:
        outcomes = iter([outcome_of(saver.save, session, passing) for session in batch])
    else:
        outcomes = iter(_together(batch, saver, passing) if batch else ())
    return [
        next(outcomes) if slot.save_fn is None else _own_outcome(slot.save_fn, slot, passing)
        for slot in slots
    ]


def _together(
    batch: Sequence[UserSession], saver: Saver, passing: Passing
) -> Sequence[SaveOutcome]:
    try:
        return saver.save_many(batch)
    except SessionKitError as error:  # the store can't be opened
        return [SaveOutcome(error)] * len(batch)
    except BaseException as error:  # noqa: BLE001 - a plugin's bug must not end the writer
        failure = SaveOutcome(_failure(error, passing))
        if len(batch) == 1:
            return [failure]
        # only one may be to blame
        return [_together([session], saver, passing)[0] for session in batch]


def _own_outcome(save_fn: SaveFunction, slot: Slot, passing: Passing) -> SaveOutcome:
    def save(session: UserSession) -> SaveOutcome:
        try:
            save_fn(session)
        except PartlySavedError as partly:
            return SaveOutcome(partly, wrote=True)
        return SAVED

    return outcome_of(save, slot.session, passing)


def outcome_of(
    save: Callable[[UserSession], SaveOutcome], session: UserSession, passing: Passing = ()
) -> SaveOutcome:
    """Save one session and return what it came to; raises what is *passing* alone."""
    try:
        return save(session)
    except BaseException as error:  # noqa: BLE001 - the app's own function, or a plugin's
        return SaveOutcome(_failure(error, passing))


def _failure(error: BaseException, passing: Passing) -> Exception:
    if isinstance(error, Exception):
        return error
    if isinstance(error, passing):
        raise error
    said = text_of(error)
    name = type(error).__name__
    broken_off = BrokenOffError(
        f"the save was broken off by {name}{'' if said == name else f': {said}'}"
    )
    broken_off.__cause__ = error
    return broken_off


def keep_found(saver: Saver, sessions: Iterable[UserSession]) -> None:
    """Have the journal keep sessions that nobody has scheduled; whatever it raises, nobody is told of it."""
    keep = saver.keep
    if keep is None:
        return
    for session in sessions:
        try:
            keep(session)
        except BaseException:  # a journal's bug must not end the writer
            _LOGGER.exception("session %s was not kept", short(session.session_id))
