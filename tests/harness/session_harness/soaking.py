# SPDX-License-Identifier: Apache-2.0
"""An hour of many users in a few seconds: the real queue and repository, and a clock that jumps to what is next."""

from __future__ import annotations

import gc
import heapq
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

import attrs
from session_harness.replicas import Replica
from session_harness.stores import LANDED, LOST

from sessionkit.events import SessionSaved
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.health import LONGEST
from sessionkit.session import UserSession
from sessionkit.session.fields import utc_now
from sessionkit.session.forms import form_debounce

FORM: Final = "draft"


class Time:
    """
    Seconds from zero, and the same as moments.

    Attributes:
        seconds: What it is now.
    """

    def __init__(self) -> None:
        """Begin."""
        self.seconds = 0.0
        self._began = utc_now()

    def __call__(self) -> float:
        """Return seconds."""
        return self.seconds

    def now(self) -> datetime:
        """Return a moment."""
        return self._began + timedelta(seconds=self.seconds)


class Stepped(SessionPersistence):
    """Write-behind without a thread: whoever moves the clock does the writer's work."""

    def _begin(self, *, closed: bool = False) -> None:
        super()._begin(closed=closed)
        self._writer.wake = lambda: None  # type: ignore[method-assign]

    def work_until(self, time: Time, seconds: float, after: Callable[[], None]) -> None:
        """Let the clock go on, and do all that comes up until then; *after* is called after each batch."""
        while (due := self._queue.next_due()) is not None:
            due = max(due, self._health.retry_at)
            if due > seconds:
                break
            time.seconds = max(time.seconds, due)
            self._writer.save_due()
            after()
        time.seconds = max(time.seconds, seconds)


@attrs.define(eq=False)
class User:
    """
    Someone who types.

    Attributes:
        session: The session.
        typed: The last number that was typed.
        leaves: When the user goes, in seconds.
    """

    session: UserSession
    leaves: float
    typed: int = 0


@attrs.define
class Waits:
    """
    How long changes waited until they were stored.

    Attributes:
        since: When the oldest change came that is not stored, by session.
        longest: The longest wait of a change that no outage touched, in seconds.
        longest_in_outages: The longest wait after the store was back, in seconds.
    """

    outages: tuple[tuple[float, float], ...]
    since: dict[str, float] = attrs.field(factory=dict)
    longest: float = 0.0
    longest_in_outages: float = 0.0

    def typed(self, session_id: str, now: float) -> None:
        """Note a change."""
        self.since.setdefault(session_id, now)

    def stored(self, session_id: str, now: float) -> None:
        """Note that all of a session is stored."""
        since = self.since.pop(session_id, now)
        # For so long after an outage nothing may be tried again.
        ends = [end for begin, end in self.outages if begin <= now and since <= end + LONGEST]
        if ends:
            self.longest_in_outages = max(self.longest_in_outages, now - max(ends))
        else:
            self.longest = max(self.longest, now - since)


class Hour:
    """
    Users who come, type in bursts and go, over a store that has outages.

    Attributes:
        time: The clock.
        replica: The repository and its store.
        persistence: The queue.
        waits: What became of the changes.
        changes: How many were made.
        saves: How many saves stored them.
        last: What each session held at last, by id.
        crowd: How many sessions this process held, at the end of each minute.
    """

    def __init__(
        self, *, users: int, outages: tuple[tuple[float, float], ...], max_wait: float
    ) -> None:
        """Begin with nobody."""
        self.time = Time()
        self.replica = Replica(now=self.time.now)
        repository = self.replica.repository
        self.persistence = Stepped(
            max_wait_ms=max_wait * 1000,
            save_many=lambda sessions: repository.save_many(sessions, whole=False),
            on_failure=lambda *_: None,
            clock=self.time,
            now=self.time.now,
            debounce_of=form_debounce,
            stored_as=attrgetter("save_id"),
        )
        self.waits = Waits(outages)
        self.changes = self.saves = 0
        self.last: dict[str, int] = {}
        self.crowd: list[int] = []
        self._chance = random.Random(5)  # noqa: S311 - what users do, no secret
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        for _ in range(users):
            self._at(self._chance.uniform(0, 60), self._arrive)
        for begin, end in outages:
            self._at(begin, self._flip)
            self._at(end, self._flip)

    def _at(self, seconds: float, do: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (seconds, self._order, do))

    def _flip(self) -> None:
        self.replica.store.down = not self.replica.store.down

    def run(self, seconds: float) -> None:
        """Live until then, and let the queue empty itself."""
        minute = 60.0
        while self._agenda and self._agenda[0][0] < seconds:
            when, _, do = heapq.heappop(self._agenda)
            while minute <= when:
                self._work(minute)
                self._count()
                minute += 60
            self._work(when)
            do()
        self._work(seconds + 60)

    def _work(self, until: float) -> None:
        self.persistence.work_until(self.time, until, self._note)

    def _note(self) -> None:
        for event in self.replica.events:
            if isinstance(event, SessionSaved) and event.session_id is not None:
                self.waits.stored(event.session_id, self.time.seconds)
                self.saves += 1
        self.replica.events.clear()
        self.replica.store.writes.clear()
        self.replica.store.calls.clear()

    def _count(self) -> None:
        gc.collect()
        self.crowd.append(len(self.replica.repository._tracks._by_session))
        waiting = self.persistence.status().pending
        assert len(self.persistence._queue._heap) <= 2 * waiting + 64

    # -- users -----------------------------------------------------------------

    def _arrive(self) -> None:
        stays = self._chance.expovariate(1 / 600)
        session = UserSession(session_id=f"user-{self._order}")
        user = User(session, leaves=self.time.seconds + stays)
        self._burst(user)

    def _burst(self, user: User) -> None:
        if self.time.seconds >= user.leaves:
            self._at(self.time.seconds + self._chance.expovariate(1 / 30), self._arrive)
            return
        if self._chance.random() < 0.02 and self.persistence.status().state != "offline":
            self.replica.store.next_writes(self._chance.choice((LOST, LANDED)))
        self._type(user, self._chance.choice((1, 3, 8, 40)))

    def _type(self, user: User, left: int) -> None:
        """Type once, and again a moment later; after the last time there is a pause."""
        user.typed += 1
        session = user.session
        if user.typed % 3:
            session.set_input("typed", user.typed)
        else:
            session.get_form_state(FORM).data["typed"] = user.typed
            session.form_states[FORM].save_debounce_ms = 1500
            session.mark_form_dirty(FORM)
        self.changes += 1
        self.last[session.session_id] = user.typed
        self.waits.typed(session.session_id, self.time.seconds)
        self.persistence.schedule_save(None, session)
        if left > 1:
            pause = self._chance.uniform(0.05, 0.4)
            self._at(self.time.seconds + pause, lambda: self._type(user, left - 1))
        else:
            session.mark_form_clean(FORM)
            self.persistence.schedule_save(None, session)
            pause = self._chance.expovariate(1 / 20)
            self._at(self.time.seconds + pause, lambda: self._burst(user))

    # -- what is stored --------------------------------------------------------

    def stored(self) -> dict[str, int]:
        """Return the last number of each session, as another process reads it."""
        reader = self.replica.again()
        found = {session_id: reader.load(session_id) for session_id in self.last}
        return {session_id: _typed(session) for session_id, session in found.items()}


def _typed(session: UserSession) -> int:
    form = session.form_states.get(FORM)
    return max(session.inputs.get("typed", 0), form.data.get("typed", 0) if form else 0)
