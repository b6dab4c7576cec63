# SPDX-License-Identifier: Apache-2.0
"""
The queue of sessions that wait to be saved: coalesces, and says what is due.

Knows neither threads nor clocks: the caller holds a lock and passes the time in.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Final

from sessionkit.persistence.slots import SaveFunction, Slot
from sessionkit.session.session import UserSession

_AT_ONCE: Final = -math.inf
_STALE: Final = 64
"""How many outdated entries the heap may hold, besides one for each slot."""


class WriteQueue:
    """
    Trailing debounce with an upper bound, over a heap whose entries are renewed lazily.

    Attributes:
        slots: By object, not by session id: a session that waits may get another one.
        size: The sum of the slots' sizes, in bytes.
    """

    def __init__(self, debounce: float, max_wait: float) -> None:
        """
        Start empty.

        Args:
            debounce: Seconds that a save waits for more changes.
            max_wait: Seconds that a save waits at most, however many changes come.
        """
        self.slots: Final[dict[int, Slot]] = {}
        self.size = 0
        self._debounce = debounce
        self._max_wait = max_wait
        self._heap: list[tuple[float, int, Slot]] = []
        self._order = itertools.count(1)

    def __len__(self) -> int:
        """Return how many sessions wait or are being saved."""
        return len(self.slots)

    def open(self, session: UserSession) -> Slot:
        """Return a session's slot; a new one, in which nothing waits yet, if it has none."""
        slot = self.slots.get(id(session))
        if slot is None:
            slot = self.slots[id(session)] = Slot(session)
        return slot

    def put(
        self,
        session: UserSession,
        save_fn: SaveFunction | None,
        now: float,
        debounce: float | None = None,
    ) -> Slot | None:
        """
        Queue a session.

        Args:
            session: The session.
            save_fn: Saves it; None for the batch.
            now: The time.
            debounce: Seconds that it waits for more changes; None for the usual ones.

        Returns:
            The slot when the queue has a new earliest time to look at; None when it is enough
            to look when it was to be done before.
        """
        slot = self.open(session)
        slot.save_fn = save_fn
        slot.last = now
        slot.own_debounce = debounce
        slot.debounce = self._debounce if debounce is None else debounce
        if not slot.dirty:
            slot.dirty = True
            slot.first = now
        return slot if self._arm(slot) and self._heap[0][2] is slot else None

    def weigh(self, slot: Slot, size: int) -> None:
        """Set how many bytes a slot's session holds."""
        if id(slot.session) in self.slots:
            self.size += size - slot.size
            slot.size = size

    def _due(self, slot: Slot) -> float:
        if slot.urgent:
            return _AT_ONCE
        return max(slot.not_before, min(slot.last + slot.debounce, slot.first + self._max_wait))

    def _arm(self, slot: Slot) -> bool:
        """
        See to it that a slot comes up; one that is being saved does so afterwards.

        Returns:
            Whether it has a new entry in the heap.
        """
        if slot.in_flight or not slot.dirty:
            return False
        due = self._due(slot)
        if slot.entry and slot.comes_up <= due:
            return False  # it comes up too early, and is renewed then
        slot.entry, slot.comes_up = next(self._order), due
        heapq.heappush(self._heap, (due, slot.entry, slot))
        if len(self._heap) > 2 * len(self.slots) + _STALE:
            self._heap = [entry for entry in self._heap if entry[2].entry == entry[1]]
            heapq.heapify(self._heap)
        return True

    def take(self, now: float, limit: int, saver: int = 0) -> list[Slot]:
        """
        Return slots that are due, marked as being saved.

        Args:
            now: The time.
            limit: How many, at most.
            saver: The thread that saves them.
        """
        taken: list[Slot] = []
        while (due := self.next_due()) is not None and due <= now and len(taken) < limit:
            slot = heapq.heappop(self._heap)[2]
            slot.entry = 0
            if slot.in_flight or slot.waiters or not slot.dirty:
                continue
            if self._due(slot) > now:
                self._arm(slot)
                continue
            slot.begin(saver, now)
            taken.append(slot)
        return taken

    def next_due(self) -> float | None:
        """Return when to look again, or None when nothing waits."""
        heap = self._heap
        while heap and heap[0][2].entry != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def hurry(self, session_id: str | None) -> list[Slot]:
        """Make the sessions of an id, or all, due at once, before any other; return their slots."""
        slots = list(self.of(session_id))
        for slot in slots:
            self.hurry_one(slot)
        return slots

    def relieve(self, now: float, count: int) -> None:
        """Make *count* sessions due at once, those that come up next, unless some are already."""
        due = self.next_due()
        if due is not None and due > now:
            for _, entry, slot in heapq.nsmallest(count, self._heap):
                if slot.entry == entry:
                    self.hurry_one(slot)

    def hurry_one(self, slot: Slot) -> None:
        """Make what waits in a slot due at once."""
        if slot.dirty:
            slot.urgent = True
            self._arm(slot)

    def of(self, session_id: str | None) -> Iterator[Slot]:
        """Yield the slots of an id, or all; others may come and go meanwhile."""
        for slot in list(self.slots.values()):
            if session_id is None or slot.session.session_id == session_id:
                yield slot

    def saved(self, slot: Slot) -> None:
        """Take a slot out, unless it was scheduled again meanwhile."""
        slot.landed()
        self.again_or_out(slot)

    def failed(self, slot: Slot, retry_at: float | None) -> None:
        """
        Note that a save failed.

        Args:
            slot: The slot.
            retry_at: When to try again; None to give this state up.
        """
        slot.crashed(retry_at)
        self.again_or_out(slot)

    def again_or_out(self, slot: Slot) -> None:
        """Let a slot come up that has something to save; let one go that nobody needs any more."""
        if slot.dirty:
            self._arm(slot)
        elif not slot.in_flight and not slot.waiters:
            self.drop(slot)

    def drop(self, slot: Slot) -> None:
        """Let go of a slot and its session."""
        if self.slots.get(id(slot.session)) is slot:
            del self.slots[id(slot.session)]
            self.size -= slot.size
        slot.dirty, slot.entry = False, 0

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id."""
        for slot in self.of(session_id):
            slot.dirty, slot.discarded = False, True
            self.again_or_out(slot)
