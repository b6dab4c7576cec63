# SPDX-License-Identifier: Apache-2.0
"""
Once the store turns out to have lost a live session, looks whether it has lost others, and stores those again.

A store that was emptied or replaced, or that fell back to an older state, has lost them all; of
most nobody would know before their user's next click, and a process that ends first takes them along.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final
from weakref import WeakSet

import attrs

from sessionkit.errors import SessionKitError, UnavailableError
from sessionkit.events import SessionEvent, StoreLostSessions
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.store import Store
from sessionkit.records import short
from sessionkit.session.session import UserSession

_LOGGER: Final = logging.getLogger("sessionkit")

_AT_ONCE: Final = 100
"""Sessions that are looked at before other saves have their turn: one small read of the store each."""


@attrs.define(kw_only=True, eq=False)
class LostSessions:
    """
    Finds the live sessions that the store has lost.

    Attributes:
        live: Knows the live sessions.
        store: The store.
        later: Has the writer do something, again and again while the store is down.
        store_again: Has a session saved soon.
        record_loss: Has the status say so.
        emit: Takes events.
    """

    live: LiveSessions
    store: Store
    later: Callable[[Callable[[], object]], None]
    store_again: Callable[[UserSession], None]
    record_loss: Callable[[], None]
    emit: Callable[[SessionEvent], None]
    _found: WeakSet[UserSession] = attrs.field(factory=WeakSet)
    _left: list[UserSession] = attrs.field(factory=list)
    _lost: int = 0
    """How many were lost, while others are still to be looked at."""

    def record_lost(self, session_id: str) -> None:
        """Take the news that the store had lost a session, and look at all others soon; never waits."""
        session = self.live.held(session_id)
        if session is not None and session in self._found:
            self._found.discard(session)  # it was found by looking
        elif not self._lost:
            self._left, self._lost = [one for one in self.live.all() if one is not session], 1
            self.record_loss()
            self._go_on()

    def look_in_the_end(self, sessions: Sequence[UserSession]) -> None:
        """
        Ask the store for one session, and for all where it has lost that one; raises nothing.

        A process that was idle has asked nothing since, and nobody will who has them.

        Args:
            sessions: Live ones, which are looked at for the last time.
        """
        repository = self.store.if_open
        if repository is None or self.store.outage.is_known:
            return
        has_lost = False
        for session in sessions:
            try:
                repository.try_refresh(session, wait=True)
            except UnavailableError as error:
                self.store.outage.record_down(error)
                return
            except Exception as error:  # noqa: BLE001 - a storage's code: whatever it does, the last saves follow
                _LOGGER.debug("session %s: %s", short(session.session_id), error)
                continue
            has_lost = has_lost or repository.is_lost(session)
            if not has_lost:
                return

    def _go_on(self) -> None:
        with suppress(SessionKitError):  # closed: what waits is saved, and nothing more is taken
            self.later(self._look)

    def _look(self) -> None:
        for session in self._left[:_AT_ONCE]:
            try:
                self.store.repository.try_refresh(session, wait=True)
            except UnavailableError:
                raise  # it is looked at again when the store is back
            except (
                SessionKitError
            ) as error:  # such as a session that ended: the others are looked at
                _LOGGER.debug("session %s: %s", short(session.session_id), error)
            if self.store.repository.is_lost(session) and session not in self._found:
                self._found.add(session)
                self._lost += 1
                self.store_again(session)
        del self._left[:_AT_ONCE]
        if self._left:
            self._go_on()
            return
        lost, self._lost = self._lost, 0
        self.emit(StoreLostSessions(session_id=None, sessions=lost))
