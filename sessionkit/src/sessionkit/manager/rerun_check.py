# SPDX-License-Identifier: Apache-2.0
"""
Refreshes a session at a rerun, if it is time to look whether someone else has saved it.

Seldom: a session is refreshed once an interval, however many tabs show it. Who comes
while it is under way waits for its answer, for a moment: a click ends the run that
has asked, and the next one is to show what that has found. And never where a user
would wait for long: after a store was slow or down, one session's check goes ahead
on a thread of its own, after a pause that grows; until it is answered, reruns go on
with what is known.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from threading import Event, Lock, Thread, get_ident
from typing import Final
from weakref import WeakSet

import attrs

from sessionkit.errors import NewerFormatError, SessionGoneError, UnavailableError
from sessionkit.manager.store import Store
from sessionkit.persistence.health import StoreHealth
from sessionkit.records import short_repr
from sessionkit.repository.repository import Repository
from sessionkit.session.session import UserSession

PAUSE: Final = 2.0
"""Seconds without a refresh after a store was down or slow for the first time."""


SLOW: Final = 0.25
"""Seconds that an answer may take before the store counts as one that lets users wait."""


_LOGGER: Final = logging.getLogger("sessionkit")


@attrs.frozen
class _Look:
    """
    A refresh that is under way.

    Attributes:
        session_id: Of which session.
        since: When it began, by the clock.
        answered: Set when it is over.
    """

    session_id: str = attrs.field(repr=short_repr)
    since: float
    answered: Event = attrs.field(factory=Event)


class RerunCheck:
    """Refreshes the live sessions of a process; raises nothing, whatever the store does."""

    def __init__(
        self,
        interval: float | None,
        store: Store,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Begin with nothing refreshed.

        Args:
            interval: Seconds between two refreshes of a session; None to never refresh.
            store: The store; its outage is told what is found here.
            clock: Returns seconds that never go back.
        """
        self._store = store
        self._interval = interval
        self._clock = clock
        self._start_empty()
        _LIVE.add(self)

    def _start_empty(self) -> None:
        """Begin anew; after a fork the parent's refreshes are not under way here."""
        self._lock = Lock()
        self._refreshed_at: dict[str, float] = {}
        self._looks: dict[int, _Look] = {}
        self._breaker = StoreHealth(shortest=PAUSE)

    def refresh_if_due(self, session: UserSession) -> None:
        """Refresh *session*, if it is time; what others saved waits in the repository."""
        repository = self._store.if_open
        if repository is None or self._interval is None:
            return
        due = self._take_turn(session)
        if due and self._breaker.is_failing:
            # Nobody waits for a store that was down: this thread does, and nobody for it.
            Thread(
                target=self._ask,
                args=(repository, session),
                name="sessionkit-rerun-check",
                daemon=True,
            ).start()
        elif not (due and self._ask(repository, session)):
            self._wait_for_look(session)

    def refresh_now(self, session: UserSession) -> None:
        """Refresh at once, due or not: for a thread that may wait, when there is a reason."""
        repository = self._store.if_open
        if repository is not None:
            self.record_refreshed(session.session_id)
            self._ask(repository, session, wait=True)

    def record_refreshed(self, session_id: str) -> None:
        """Record that what the store holds of a session is known as of now."""
        with self._lock:
            self._record(session_id, self._clock())

    def _record(self, session_id: str, now: float) -> None:
        self._refreshed_at.pop(session_id, None)
        self._refreshed_at[session_id] = now
        while (oldest := next(iter(self._refreshed_at))) != session_id and self._is_due(
            oldest, now
        ):
            del self._refreshed_at[oldest]

    def _is_due(self, session_id: str, now: float) -> bool:
        refreshed_at = self._refreshed_at.get(session_id)
        return (
            refreshed_at is None or self._interval is None or now - refreshed_at >= self._interval
        )

    def _take_turn(self, session: UserSession) -> bool:
        """Return whether this caller is the one who refreshes."""
        now = self._clock()
        with self._lock:
            if now < self._breaker.retry_at or not self._is_due(session.session_id, now):
                return False
            patience = 0 if self._breaker.is_failing else SLOW
            if any(now - look.since >= patience for look in list(self._looks.values())):
                return False  # another one waits already
            self._record(session.session_id, now)
            return True

    def _wait_for_look(self, session: UserSession) -> None:
        """Wait until another thread has its answer about a session, if it has just asked."""
        for thread, look in list(self._looks.items()):
            is_another = thread != get_ident() and look.session_id == session.session_id
            if is_another and not self._breaker.is_failing:
                look.answered.wait(max(0.0, look.since + SLOW - self._clock()))

    def _ask(self, repository: Repository, session: UserSession, *, wait: bool = False) -> bool:
        """Refresh, and return whether the store was asked, and so what it said is known."""
        began, error = self._clock(), None
        look = self._looks[get_ident()] = _Look(session.session_id, began)
        try:
            answered = repository.try_refresh(session, wait=wait)
        except (NewerFormatError, SessionGoneError):
            answered = True  # an event told
        except Exception as raised:  # noqa: BLE001 - a storage's code, on the way of every rerun
            answered, error = True, raised
        finally:
            self._looks.pop(get_ident(), None)
            look.answered.set()
        if answered:
            self._take_answer(error, self._clock() - began)
        return answered

    def _take_answer(self, error: Exception | None, took: float) -> None:
        outage = self._store.outage
        if isinstance(error, UnavailableError):
            outage.record_down(error)
        elif error is None and outage.is_known:
            outage.record_answer()
        down = error is not None or took >= SLOW
        if not down and not self._breaker.is_failing:
            return  # as nearly always
        with self._lock:
            is_first = down and not self._breaker.is_failing
            self._breaker.note(self._clock(), down=down)
        if is_first:
            reason = error or f"the answer took {took:.1f} s"
            _LOGGER.warning("reruns don't look for now at what others have saved: %s", reason)


_LIVE: Final[WeakSet[RerunCheck]] = WeakSet()


def _forget_all() -> None:
    for check in list(_LIVE):
        check._start_empty()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
