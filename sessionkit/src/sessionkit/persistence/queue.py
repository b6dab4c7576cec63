# SPDX-License-Identifier: Apache-2.0
"""
The queue of sessions that wait to be saved: it debounces, coalesces, bounds, and says what is due.

It owns the lock of the room. It starts no thread and reads no clock: the caller passes the time in.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from threading import Condition, RLock
from typing import Any, Final

import attrs

from sessionkit.errors import ConfigError, QueueFullError, SessionKitError
from sessionkit.records import short
from sessionkit.session.session import UserSession

SaveFunction = Callable[[UserSession], Any]
"""Saves one session; raises when it could not, and ``PartlySavedError`` when it could but for some values."""

BLOCK: Final = "block"
RAISE: Final = "raise"
WHEN_FULL: Final = (BLOCK, RAISE)

_AT_ONCE: Final = -math.inf

_STALE: Final = 64
"""How many outdated entries the heap may hold, besides one for each slot."""


@attrs.frozen(kw_only=True)
class QueueLimits:
    """
    How much may wait to be saved.

    Attributes:
        max_pending: How many sessions, at most.
        max_pending_bytes: How many bytes they hold, encoded, at most.
        when_full: What is done with one more: ``"block"`` waits for room, then raises; ``"raise"``
            raises.
        full_timeout_ms: How long to wait for room, in milliseconds.
    """

    max_pending: int = 10_000
    max_pending_bytes: int = 256 * 2**20
    when_full: str = BLOCK
    full_timeout_ms: float = 1000

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be."""
        if min(self.max_pending, self.max_pending_bytes) < 1 or self.full_timeout_ms < 0:
            msg = "max_pending and max_pending_bytes are 1 or more, full_timeout_ms is 0 or more"
            raise ConfigError(msg)
        if self.when_full not in WHEN_FULL:
            right = ", ".join(map(repr, WHEN_FULL))
            msg = f"when_full is one of {right}, not {self.when_full!r}"
            raise ConfigError(msg)

    def takes(self, sessions: int, size: int, more: int) -> bool:
        """
        Return whether one more session may wait.

        Args:
            sessions: How many wait.
            size: How many bytes they hold.
            more: How many bytes it holds. One that is larger than all may hold waits alone.
        """
        return sessions < self.max_pending and (
            size + more <= self.max_pending_bytes or not sessions
        )

    def is_over(self, sessions: int, size: int) -> bool:
        """Return whether more wait than may."""
        return sessions > self.max_pending or (size > self.max_pending_bytes and sessions > 1)


class SaveQueue:
    """
    Trailing debounce with an upper bound, over a heap whose entries are renewed lazily.

    The caller holds the lock, but where it is said otherwise.

    Attributes:
        lock: Guards the queue and all that is known of saves.
        changed: For the writer: there is something to look at.
        settled: For all others: saves are over, or may begin again.
        closed: Whether nothing is taken any more.
        resting: Whether no save may begin, since the process forks.
        slots: By object, not by session id: a session that waits may get another one.
        tries: How many tries to save have begun, of a slot or a batch of them.
        size: The sum of the slots' sizes, in bytes.
    """

    def __init__(
        self, debounce: float, max_wait: float, limits: QueueLimits, *, closed: bool = False
    ) -> None:
        """
        Start empty.

        Args:
            debounce: Seconds that a save waits for more changes.
            max_wait: Seconds that a save waits at most, however many changes come.
            limits: How much may wait.
            closed: Whether nothing is taken.
        """
        self.lock: Final = RLock()
        self.changed: Final = Condition(self.lock)
        self.settled: Final = Condition(self.lock)
        self.closed, self.resting = closed, False
        self._limits = limits
        self.slots: Final[dict[int, Slot]] = {}
        self.tries = 0
        self.size = 0
        self._debounce = debounce
        self._max_wait = max_wait
        self._heap: list[tuple[float, int, Slot]] = []
        self._order = itertools.count(1)

    def __len__(self) -> int:
        """Return how many sessions wait or are being saved."""
        return len(self.slots)

    # -- who may wait ---------------------------------------------------------

    def check_open(self, session: UserSession) -> None:
        """Raise :class:`SessionKitError` if nothing is taken any more."""
        if self.closed:
            msg = f"session {short(session.session_id)!r} is scheduled after close(): it would be lost"
            raise SessionKitError(msg)

    def has_room(self, size: int) -> bool:
        """Return whether one more session may wait, of *size* bytes."""
        return self._limits.takes(len(self), self.size, size)

    def is_overfull(self) -> bool:
        """Return whether more wait than may."""
        return self._limits.is_over(len(self), self.size)

    def full_error(self, session: UserSession, cause: Exception | None = None) -> QueueFullError:
        """Return what is raised where a session can't wait; needs no lock."""
        reason = f"; {cause}" if cause else ""
        error = QueueFullError(
            f"session {short(session.session_id)} can't wait to be saved: {len(self)} sessions with"
            f" {self.size} bytes wait already (max_pending {self._limits.max_pending},"
            f" max_pending_bytes {self._limits.max_pending_bytes}){reason}"
        )
        error.__cause__ = cause
        return error

    # -- what waits, and until when -------------------------------------------

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
        size: int | None = None,
    ) -> Slot | None:
        """
        Queue a session.

        Args:
            session: The session.
            save_fn: Saves it; None for the batch.
            now: The time.
            debounce: Seconds that it waits for more changes; None for the usual ones.
            size: How many bytes it holds; None for as many as before.

        Returns:
            The slot when the queue has a new earliest time to look at; None when it is enough
            to look when it was to be done before.
        """
        slot = self.open(session)
        if size is not None:
            self.weigh(slot, size)
        slot.save_fn = save_fn
        slot.last = now
        slot.own_debounce = debounce
        slot.debounce = self._debounce if debounce is None else debounce
        if not slot.dirty:
            slot.dirty = True
            slot.first = now
        return slot if self._arm(slot) and self._heap[0][2] is slot else None

    def put_idle(self, sessions: Iterable[UserSession], now: float) -> list[UserSession]:
        """Queue sessions that don't wait yet; return them."""
        slots = self.slots
        idle = [one for one in sessions if (slot := slots.get(id(one))) is None or not slot.dirty]
        for session in idle:
            self.put(session, None, now)
        return idle

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
            taken.append(slot)
        if taken:
            self.begin(taken, now, saver)
        return taken

    def begin(self, slots: Iterable[Slot], now: float, saver: int) -> None:
        """Mark slots as being saved, by a thread, in one try."""
        self.tries += 1
        for slot in slots:
            slot.begin(saver, now, self.tries)

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
        """Yield the slots of an id, or all; needs no lock, others may come and go meanwhile."""
        for slot in list(self.slots.values()):
            if session_id is None or slot.session.session_id == session_id:
                yield slot

    def waiting(self, which: str | UserSession | None) -> list[Slot]:
        """Return the slots of a session, an id, or all, in which something waits; needs no lock."""
        if isinstance(which, UserSession):
            slot = self.slots.get(id(which))
            return [slot] if slot is not None and slot.waits else []
        return [slot for slot in self.of(which) if slot.waits]

    def is_saving(self, but: int) -> bool:
        """Return whether a thread is in the midst of a save, other than *but*."""
        return any(slot.in_flight and slot.saver != but for slot in self.slots.values())

    # -- what became of it ----------------------------------------------------

    def saved(self, slot: Slot, error: Exception | None = None) -> None:
        """Take a slot out, unless it was scheduled again meanwhile; tell those who wait, also of values that could not be kept."""
        slot.note_saved()
        slot.tell(error)
        self.again_or_out(slot)

    def failed(self, slot: Slot, retry_at: float | None) -> None:
        """
        Note that a save failed.

        Args:
            slot: The slot.
            retry_at: When to try again; None to give this state up.
        """
        slot.note_failed(retry_at)
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

    def let_go(self, slot: Slot) -> None:
        """Forget what waits in a slot."""
        slot.dirty = False
        self.again_or_out(slot)

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id."""
        for slot in self.of(session_id):
            slot.dirty, slot.discarded = False, True
            self.again_or_out(slot)


@attrs.define(eq=False)
class Slot:
    """
    One session's place in the queue, from its first change until all of it is stored.

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
        unclear_since: Since when the store refuses it for an unclear reason, in seconds; None when it does not.
        queued: Whether it waited before the last save began.
        waiters: How many threads wait to have it saved, or have been told and are about to leave.
        done: The number of the last save that came to its end, as against one that was broken off.
        told: What they are told of that one: what went wrong, or None.
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
    unclear_since: float | None = None
    queued: bool = False
    waiters: int = 0
    done: int = 0
    told: Exception | None = None
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

    def begin(self, saver: int, now: float, number: int) -> None:
        """Note that a save begins, in the try of a number: what is scheduled from now on is for the next one."""
        self._oldest, self.queued = self.first if self.dirty else now, self.dirty
        self.in_flight, self.saver, self.batch = True, saver, number
        self.dirty = self.urgent = self.discarded = False
        self.not_before = 0.0
        self.begun += 1

    def note_saved(self) -> None:
        """Note that a save succeeded."""
        self.in_flight = self.alone = False
        self.good, self.failures = self.begun, 0
        self.error = self.down_since = self.unclear_since = None

    def tell(self, error: Exception | None) -> None:
        """Tell those who wait what came of the save."""
        self.done = self.begun
        self.told = error if self.waiters else None

    def leave(self) -> None:
        """Wait no more."""
        self.waiters -= 1
        if not self.waiters:
            self.told = None  # it may hold what was being written in memory

    def note_failed(self, retry_at: float | None) -> None:
        """Note that a save failed, and when to try again; None to give this state up."""
        self.in_flight = self.urgent = False
        self.bad = self.begun
        self.failures += 1
        if retry_at is not None and not self.discarded:
            self.first, self.dirty = self._oldest, True
            self.last = self.not_before = retry_at
            self.debounce = 0.0  # it has waited for more changes already


@attrs.frozen
class AwaitedSave:
    """
    The save of a slot that someone who flushes waits for.

    Attributes:
        slot: The slot.
        number: Which of its saves has all that waited.
        bad: The last of its saves that had failed by then.
    """

    slot: Slot
    number: int
    bad: int

    @classmethod
    def of(cls, slot: Slot) -> AwaitedSave:
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
