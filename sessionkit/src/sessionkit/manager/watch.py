# SPDX-License-Identifier: Apache-2.0
"""
Hears from the storage what others save, and has idle tabs told.

The storage's own thread only puts an id into a queue; refreshing and telling is
done on one thread of ours. A message that is lost costs nothing but time: the
next rerun asks by itself. One that comes twice finds nothing new.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from threading import Condition, Thread, current_thread
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

import attrs

from sessionkit.errors import ConfigError, SessionKitError, StorageError
from sessionkit.host import Host, NotifiedHost
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.records import short
from sessionkit.session.session import UserSession
from sessionkit.storage import Closeable, Storage, WatchStorage

PAUSE: Final = 10.0
"""Seconds until a storage that could not watch is asked again."""


SHORTEST: Final = 1.0
"""Seconds between telling a tab that answers and telling it again, the first time."""


LONGEST: Final = 60.0
"""The same, at most."""


_LINGER: Final = 10.0
"""Seconds that the thread waits for another message before it ends."""


_GIVEN: Final = 5.0
"""Seconds that ``close`` waits for the thread, which may wait for the storage."""


_DEAF: Final = (
    "persistence.watch: %s can't tell of what other processes save; idle tabs are told of what"
    " this one saves, and see the rest at their next rerun (redis can tell)"
)


_LOGGER: Final = logging.getLogger("sessionkit")


class Watcher:
    """Watches for all live sessions of a process."""

    def __init__(
        self,
        live: LiveSessions,
        hosts: Callable[[], Sequence[Host]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Hear nothing yet.

        Args:
            live: The live sessions: nobody else's messages cost anything.
            hosts: Returns the hosts whose framework has been imported.
            clock: Returns seconds that never go back.
        """
        self._live = live
        self._hosts = hosts
        self._wanted = True
        self._can_watch = True
        self._clock = clock
        self._start_empty()
        _LIVE.add(self)

    def _start_empty(self) -> None:
        """Begin anew; after a fork the threads are the parent's."""
        self._changed = Condition()
        self._waiting: dict[str, float] = {}
        self._notifications: WeakKeyDictionary[UserSession, TabNotification] = WeakKeyDictionary()
        self._thread: Thread | None = None
        self._watching: Closeable | None = None
        self._retry_at = 0.0

    def should_begin(self) -> bool:
        """Return whether it should watch, and does not yet."""
        if not self._wanted or not self._can_watch or self._watching is not None:
            return False
        return self._clock() >= self._retry_at

    def begin(self, storage: Storage) -> None:
        """
        Watch a storage, if that is not done already.

        With one that can't be watched, tabs are told of what this process saves.

        Raises:
            ConfigError: If it could tell of changes, but is set not to.
        """
        if not self.should_begin():
            return
        if not isinstance(storage, WatchStorage):
            self._can_watch = False
            _LOGGER.warning(_DEAF, type(storage).__name__)
            return
        try:
            self._watching = storage.watch(self.hear)
        except ConfigError as error:
            msg = f"persistence.watch is true, but: {error}"
            raise ConfigError(msg) from error
        except StorageError as error:
            self._retry_at = self._clock() + PAUSE
            _LOGGER.warning("not watching what others save, for now: %s", error)

    def hear(self, session_id: str) -> None:
        """Take a message that someone saved or removed a session; never waits."""
        session = self._live.held(session_id)
        if session is not None:
            self._put(session)

    def record_saved(self, session_id: str, version: int) -> None:
        """Record a save in this process, of which no storage tells."""
        session = self._live.held(session_id)
        if session is None:
            return
        if session.version != version:
            self._put(session)  # another object of the id, such as a job's
            return
        notification = self._notifications.get(session)
        if notification is not None:
            notification.answered = True
        if self._live.has_news(session):
            self._put(session)  # it was merged with what others did

    def close(self) -> None:
        """Hear nothing more; closing twice is fine."""
        self._wanted = False
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.close()
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join(_GIVEN)  # it must not use a storage that is closed next

    def _put(self, session: UserSession) -> None:
        now = self._clock()
        notification = self._notifications.get(session)
        with self._changed:
            if not self._wanted:
                return
            self._waiting.setdefault(
                session.session_id, notification.next_at(now) if notification else now
            )
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="sessionkit-watcher", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    # -- the thread ------------------------------------------------------------

    def _run(self) -> None:
        while (session_id := self._next()) is not None:
            session = self._live.held(session_id)
            if session is not None:
                self._refresh(session)

    def _next(self) -> str | None:
        """Wait for the next id; return None when the thread has nothing to live for."""
        with self._changed:
            while self._waiting or (self._wanted and self._changed.wait(_LINGER)):
                if not self._waiting:
                    continue
                session_id = min(self._waiting, key=self._waiting.__getitem__)
                left = self._waiting[session_id] - self._clock()
                if left <= 0:
                    del self._waiting[session_id]
                    return session_id
                self._changed.wait(left)
            self._thread = None
            return None

    def _refresh(self, session: UserSession) -> None:
        self._live.refresh_now(session)
        if not self._live.has_news(session):
            return
        self._notifications[session] = TabNotification.after(
            self._notifications.get(session), self._clock()
        )
        for host in self._notified():
            try:
                host.changed(session.session_id)
            except Exception:  # a framework's code, which may raise anything
                of = short(session.session_id)
                _LOGGER.exception("%s could not tell tabs of session %s", type(host).__name__, of)

    def _notified(self) -> list[NotifiedHost]:
        try:
            return [host for host in self._hosts() if isinstance(host, NotifiedHost)]
        except SessionKitError as error:
            _LOGGER.warning("nobody is told what others have saved: %s", error)
            return []


_LIVE: Final[WeakSet[Watcher]] = WeakSet()


def _forget_all() -> None:
    for watcher in list(_LIVE):
        watcher._start_empty()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


# -- two tabs must not wake each other for ever ------------------------------


@attrs.define
class TabNotification:
    """
    When the tabs of a session were told last, and what came of it.

    Attributes:
        told_at: When, in the caller's seconds.
        gap: Seconds that have to pass before they are told again, if they answered.
        answered: Whether the session was saved here since then.
    """

    told_at: float
    gap: float = SHORTEST
    answered: bool = False

    @classmethod
    def after(cls, before: TabNotification | None, now: float) -> TabNotification:
        """Return the notification of telling now: twice as slow, if the last one was answered and is not long ago."""
        if before is None or not before.answered or now > before.told_at + 2 * before.gap:
            return cls(now)
        return cls(now, min(LONGEST, 2 * before.gap))

    def next_at(self, now: float) -> float:
        """Return when to tell again."""
        return max(now, self.told_at + self.gap) if self.answered else now
