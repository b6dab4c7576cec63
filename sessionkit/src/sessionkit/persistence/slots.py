# SPDX-License-Identifier: Apache-2.0
"""One session's place in the queue of saves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Condition, Lock
from typing import Any

import attrs

from sessionkit.session.session import UserSession

SaveFunction = Callable[[UserSession], Any]
"""Saves one session; raises when it could not, and ``PartlySavedError`` when it could but for some values."""


@attrs.define(eq=False)
class Flight:
    """
    A save that someone waits for, from before it begins: one thread makes it, others wait for it.

    Attributes:
        aboard: How many threads it serves, the one that makes it included.
        over: Whether it is over, or was broken off.
        done: Whether it came to its end.
        error: What went wrong, or None.
    """

    aboard: int = 1
    over: bool = False
    done: bool = False
    error: Exception | None = None
    _gate: Lock = attrs.field(factory=Lock, init=False)

    def __attrs_post_init__(self) -> None:
        """Close the gate until the save is over."""
        self._gate.acquire()

    def wait(self) -> None:
        """Return when the save is over, without the queue's lock: whoever has it may be saving another session."""
        with (
            self._gate
        ):  # one wakes the next: woken all at once, they would fight for the interpreter
            pass

    def end(self, error: Exception | None, *, done: bool) -> None:
        """Tell those who wait what came of it; where it was broken off, they have to try again."""
        if not self.over:
            self.error, self.done, self.over = error, done, True
            self._gate.release()


@attrs.define(eq=False)
class Slot:
    """
    One session's place in the queue.

    Attributes:
        session: Encoded when it is written, not when it is scheduled: that is the coalescing.
        save_fn: Saves it; None for the queue's own batch save.
        first: When the oldest change came that is not saved, in seconds.
        last: When it was last scheduled, in seconds.
        debounce: Seconds that it waits for more changes.
        own_debounce: The same, as it was given; None for the usual ones.
        not_before: When it may be tried again after a failure, in seconds.
        urgent: Whether it waits for no more changes.
        dirty: Whether it was scheduled since its last save began.
        discarded: Whether the save in flight is not to be tried again.
        in_flight: Whether it is being saved now; there are never two saves of one session.
        saver: The thread that saves it.
        batch: The number of the last try that it was part of.
        begun: How many saves have begun.
        good: The number of the last save that succeeded.
        bad: The number of the last save that failed.
        failures: How many saves failed since the last that succeeded.
        alone: Whether the store took others while it was unavailable for this one.
        answers: How often the store had answered when this one failed.
        error: Why the last save failed, or None; as text, lest it keep what was being written in memory.
        down_since: Since when the store is unavailable for it, in UTC; None when it is not.
        mark: What the session had, when the save began, of what each write changes.
        queued: Whether it waited before the last save began.
        waiters: How many threads wait to have it saved, or have been told and are about to leave.
        crowd: How many threads the last such save served, and waited for the next one when it ended.
        turn: Tells them that a save is over; None when none ever waited.
        boarding: The next such save, which others may still share.
        flight: The save in flight, if someone waits for it.
        entry: The number of its entry in the heap, or 0.
        comes_up: When that entry comes up, in seconds.
        size: How many bytes the session holds.
    """

    session: UserSession
    save_fn: SaveFunction | None = None
    first: float = 0.0
    last: float = 0.0
    debounce: float = 0.0
    own_debounce: float | None = None
    not_before: float = 0.0
    urgent: bool = False
    dirty: bool = False
    discarded: bool = False
    in_flight: bool = False
    saver: int = 0
    batch: int = 0
    begun: int = 0
    good: int = 0
    bad: int = 0
    failures: int = 0
    alone: bool = False
    answers: int = 0
    error: str | None = None
    down_since: datetime | None = None
    mark: object = None
    queued: bool = False
    waiters: int = 0
    crowd: int = 1
    turn: Condition | None = None
    boarding: Flight | None = None
    flight: Flight | None = None
    entry: int = 0
    comes_up: float = 0.0
    size: int = 0
    _oldest: float = 0.0

    @property
    def waits(self) -> bool:
        """Whether something is left to save, or is being saved."""
        return self.dirty or self.in_flight

    @property
    def since(self) -> float:
        """When the oldest change came that is not known to be stored, in seconds."""
        return self._oldest if self.in_flight else self.first

    def begin(self, saver: int, now: float) -> None:
        """Note that a save begins: what is scheduled from now on is for the next one."""
        self._oldest, self.queued = self.first if self.dirty else now, self.dirty
        self.in_flight, self.saver = True, saver
        self.dirty = self.urgent = self.discarded = False
        self.not_before = 0.0
        self.begun += 1

    def landed(self) -> None:
        """Note that a save succeeded."""
        self.in_flight = self.alone = False
        self.good, self.failures = self.begun, 0
        self.error = self.down_since = None

    def tell(self, error: Exception | None, *, done: bool = True) -> None:
        """Tell those who wait what came of it; when it is not done, they have to try again."""
        if self.flight is not None:
            self.crowd = self.flight.aboard + (self.boarding.aboard if self.boarding else 0)
            self.flight.end(error, done=done)
            self.flight = None
        if self.turn is not None:
            self.turn.notify_all()

    def crashed(self, retry_at: float | None) -> None:
        """Note that a save failed, and when to try again; None to give this state up."""
        self.in_flight = self.urgent = False
        self.bad = self.begun
        self.failures += 1
        if retry_at is not None and not self.discarded:
            self.first, self.dirty = self._oldest, True
            self.last = self.not_before = retry_at
            self.debounce = 0.0  # it has waited for more changes already


@attrs.frozen
class Awaited:
    """
    What someone who flushes waits for in a slot.

    Attributes:
        slot: The slot.
        number: Which of its saves has all that waited.
        bad: The last of its saves that had failed by then.
    """

    slot: Slot
    number: int
    bad: int

    @classmethod
    def of(cls, slot: Slot) -> Awaited:
        """Return what waits in a slot now."""
        return cls(slot, slot.begun + slot.dirty, slot.bad)

    @property
    def tried(self) -> bool:
        """Whether it was saved, failed, or was discarded."""
        slot = self.slot
        return slot.good >= self.number or slot.bad > self.bad or not slot.waits

    @property
    def stored(self) -> bool:
        """Whether nothing of it is left to save."""
        slot = self.slot
        return slot.good >= self.number or (slot.bad == self.bad and not slot.waits)
