# SPDX-License-Identifier: Apache-2.0
"""A store that is down for long while many work on: nobody is held up, nothing is lost, memory stays bounded."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread, get_ident
from typing import Final

from session_harness.servers import Server
from session_harness.stores import PATIENCE, FaultyBatchStore

from sessionkit.errors import StorageError
from sessionkit.events import SaveFailed
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings

OUTAGE: Final = float(os.environ.get("SESSIONKIT_OUTAGE_SECONDS", "8"))
"""How long the store is down, in seconds; an outage of half a minute is worth a try before a release."""

THREADS: Final = 8
SESSIONS: Final = 500
MOST_MEMORY: Final = 16 * 2**20
"""What may be held besides the sessions themselves: encoded bases, a batch, the queue."""

OpenServer = Callable[..., Server]


class WatchedStore(FaultyBatchStore):
    """
    A store that notes how it is written to.

    Attributes:
        batches: How many writes each batch had.
        most: How many batches were under way at once, at most.
    """

    def __init__(self) -> None:
        """Begin with a store that works."""
        super().__init__()
        self.batches: list[int] = []
        self.most = 0
        self._under_way: set[int] = set()
        self._lock = Lock()

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Write a batch."""
        with self._lock:
            self._under_way.add(get_ident())
            self.most = max(self.most, len(self._under_way))
            self.batches.append(len(writes))
            self.writes.clear()  # it would hold the very bytes whose amount is measured
            self.calls.clear()
        try:
            return super().write_many(writes)
        finally:
            with self._lock:
                self._under_way.discard(get_ident())


class Crowd:
    """
    Threads that change sessions and have them saved.

    Attributes:
        errors: What any of them ran into.
        slowest: How long the longest call took, in seconds.
        calls: How many changes there were.
    """

    def __init__(self, server: Server, sessions: Sequence[UserSession]) -> None:
        """Begin to work."""
        self.errors: list[BaseException] = []
        self.slowest = 0.0
        self.calls = 0
        self._stop = Event()
        self._server = server
        self._threads = [
            Thread(target=self._work, args=(sessions[number::THREADS],))
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, mine: Sequence[UserSession]) -> None:
        count = 0
        try:
            while not self._stop.wait(0.002):
                count += 1
                session = mine[count % len(mine)]
                session.set_input("text", f"{count:06}" * 150)
                begin = time.perf_counter()
                self._server.manager.schedule_save(session)
                self.slowest = max(self.slowest, time.perf_counter() - begin)
                self.calls += 1
        except BaseException as error:  # noqa: BLE001 - a failure of the test, looked at there
            self.errors.append(error)

    def stop(self) -> None:
        """Let them end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def wait_until_saved(server: Server, seconds: float) -> None:
    """Wait until nothing waits any more."""
    deadline = time.monotonic() + seconds
    while server.manager.persistence.status().pending:
        assert time.monotonic() < deadline, server.manager.persistence.status()
        time.sleep(0.02)


def test_a_long_outage_under_load(open_server: OpenServer) -> None:
    """Half a thousand sessions, eight threads: the app notices nothing but the status."""
    store = WatchedStore()
    settings = PersistenceSettings(debounce_ms=50, max_wait_ms=200, batch_size=50)
    server = open_server(store, persistence=settings)
    sessions = [server.tab().run() for _ in range(SESSIONS)]
    assert server.manager.flush()
    tracemalloc.start()
    try:
        store.down = True
        crowd = Crowd(server, sessions)
        time.sleep(OUTAGE)
        status = server.manager.persistence.status()
        store.batches.clear()
        store.down = False
        recovered = time.monotonic()
        crowd.stop()
        wait_until_saved(server, 35.0)  # the longest pause of the breaker, and the burst
        recovery = time.monotonic() - recovered
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert [] == crowd.errors
    assert crowd.calls > 100 * OUTAGE
    assert crowd.slowest < 1.0
    assert ("offline", SESSIONS) == (status.state, status.pending)
    assert status.offline_since is not None
    assert OUTAGE - 2 < (status.oldest_age or 0.0) < OUTAGE + 2
    stored = {one.session_id: server.manager.repository.load(one.session_id) for one in sessions}
    lost = [one for one in sessions if stored[one.session_id].inputs != one.inputs]  # type: ignore[union-attr]
    assert [] == lost
    assert (settings.batch_size, 1) == (max(store.batches), store.most)
    assert len(store.batches) < 4 * SESSIONS / settings.batch_size, store.batches
    assert peak < MOST_MEMORY
    assert len(server.told(SaveFailed)) <= SESSIONS
    assert "saved" == server.manager.persistence.status().state
    assert recovery < 35.0
