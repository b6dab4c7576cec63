# SPDX-License-Identifier: Apache-2.0
"""
The queue of sessions that wait to be saved: coalesces, and says what is due.

Knows neither threads nor clocks: the caller holds a lock and passes the time in.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from sessionkit.session import UserSession

SaveFunction = Callable[[UserSession], Any]
"""Saves one session; raises when it could not."""


@attrs.define(eq=False, slots=True)
class Slot:
    """
    One session's place in the queue.

    Attributes:
        session: Encoded when it is written, not when it is scheduled: that is the coalescing.
        save_fn: Saves it; None for the queue's own batch save.
        first: When it was first scheduled since its last save, in seconds.
        due: When it is to be saved, in seconds.
        dirty: Whether it was scheduled since its last save began.
        in_flight: Whether it is being saved now; there are never two saves of one session.
        failures: How often saving it failed.
    """

    session: UserSession
    save_fn: SaveFunction | None = None
    first: float = 0.0
    due: float = 0.0
    dirty: bool = False
    in_flight: bool = False
    failures: int = 0


class WriteQueue:
    """Trailing debounce with an upper bound, over a heap whose entries are renewed lazily."""

    def __init__(self, debounce: float, max_wait: float) -> None:
        """
        Start empty.

        Args:
            debounce: Seconds that a save waits for more changes.
            max_wait: Seconds that a save waits at most, however many changes come.
        """
        self._debounce = debounce
        self._max_wait = max_wait
        # By object, not by session id: a session that waits may get another one.
        self._slots: dict[int, Slot] = {}
        self._heap: list[tuple[float, int, Slot]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        """Return how many sessions wait or are being saved."""
        return len(self._slots)

    def put(self, session: UserSession, save_fn: SaveFunction | None, now: float) -> Slot | None:
        """
        Queue a session.

        Returns:
            The slot when the queue has a new earliest time to look at; None when
            the session was waiting already.
        """
        slot = self._slots.get(id(session))
        if slot is None:
            slot = self._slots[id(session)] = Slot(session)
        slot.save_fn = save_fn
        waits = slot.dirty
        if not waits:
            slot.dirty = True
            slot.first = now
        slot.due = min(now + self._debounce, slot.first + self._max_wait)
        if waits or slot.in_flight:
            # Its heap entry is due earlier and is renewed when it comes up (see ``take``).
            return None
        self._push(slot)
        return slot

    def _push(self, slot: Slot) -> None:
        heapq.heappush(self._heap, (slot.due, next(self._order), slot))

    def take(self, now: float, limit: int) -> list[Slot]:
        """Return up to *limit* slots that are due, marked as being saved."""
        taken: list[Slot] = []
        while self._heap and self._heap[0][0] <= now and len(taken) < limit:
            slot = heapq.heappop(self._heap)[2]
            if slot.in_flight or not slot.dirty:
                continue
            if slot.due > now:
                self._push(slot)
                continue
            slot.in_flight, slot.dirty = True, False
            taken.append(slot)
        return taken

    def next_due(self) -> float | None:
        """Return when to look again, or None when nothing waits."""
        return self._heap[0][0] if self._heap else None

    def hurry(self, session_id: str | None, now: float) -> list[Slot]:
        """Make the sessions of an id, or all, due at once; return their slots."""
        slots = list(self.of(session_id))
        for slot in slots:
            if slot.dirty:
                slot.due = now
                if not slot.in_flight:
                    self._push(slot)
        return slots

    def of(self, session_id: str | None) -> Iterator[Slot]:
        """Yield the slots of an id, or all."""
        for slot in self._slots.values():
            if session_id is None or slot.session.session_id == session_id:
                yield slot

    def saved(self, slot: Slot) -> None:
        """Take a slot out, unless it was scheduled again meanwhile."""
        slot.in_flight = False
        slot.failures = 0
        self._again_or_out(slot)

    def failed(self, slot: Slot, retry_at: float | None) -> None:
        """
        Note that a save failed.

        Args:
            slot: The slot.
            retry_at: When to try again; None to give this state up.
        """
        slot.in_flight = False
        slot.failures += 1
        if retry_at is not None:
            slot.dirty = True
            slot.due = retry_at
        self._again_or_out(slot)

    def _again_or_out(self, slot: Slot) -> None:
        if slot.dirty:
            self._push(slot)
        else:
            self._slots.pop(id(slot.session), None)

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id."""
        for slot in list(self.of(session_id)):
            slot.dirty = False
            if not slot.in_flight:
                self._again_or_out(slot)
