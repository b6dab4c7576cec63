# SPDX-License-Identifier: Apache-2.0
"""One live session an id in a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

from session_harness.servers import Server
from session_harness.stores import FaultyStore
from session_harness.visitors import keep

from sessionkit.records import StoredSession


class MeetingStore(FaultyStore):
    """Lets two readers go on together, if two come at once."""

    barrier: Barrier | None = None

    def read(self, session_id: str) -> StoredSession | None:
        """Wait a moment for the other one."""
        if self.barrier is not None:
            try:
                self.barrier.wait(0.3)
            except BrokenBarrierError:
                self.barrier = None  # nobody else may read meanwhile
        return super().read(session_id)


def test_two_threads_find_the_same_object(open_server: type[Server]) -> None:
    """Two tabs of one browser load its session at the same moment: one of them waits for the other."""
    store = MeetingStore()
    server = open_server(store, script=True)
    keep(server, "s")
    store.barrier = Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(server.manager.recover, ["s", "s"])

    assert one is not None
    assert one is other
