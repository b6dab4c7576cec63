# SPDX-License-Identifier: Apache-2.0
"""The process forks or ends: saves come to rest before, and who comes meanwhile is let in."""

from __future__ import annotations

import gc
import sys
from threading import Event, Thread
from weakref import ref

from session_harness.stores import PATIENCE, Gate
from session_harness.writers import Make, Saves, in_threads, join, schedule, wait_until

from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.exits import Exits
from sessionkit.session import UserSession


def test_before_a_fork_no_save_begins(make: Make, saves: Saves) -> None:
    """Those in flight are waited for; what becomes due meanwhile is saved afterwards."""
    gate = Gate()
    persistence = make(0, 0, save_one=gate, save_many=saves.many)
    threads = in_threads(lambda: persistence.save_now(UserSession(session_id="s")))
    assert gate.reached.wait(PATIENCE)
    at_rest, go_on = Event(), Event()

    def fork() -> None:
        persistence.before_fork()
        at_rest.set()
        go_on.wait(PATIENCE)
        persistence.after_fork_in_parent()

    threads += in_threads(fork)
    wait_until(lambda: persistence._queue.resting)
    schedule(persistence, "due")
    persistence.flush(timeout=0)
    assert not at_rest.wait(0.1)
    begun = saves.done.qsize()
    gate.opened.set()
    assert at_rest.wait(PATIENCE)
    go_on.set()
    join(threads)

    assert 0 == begun
    assert "due" == saves.next()[0]


def test_nothing_begins_while_a_process_forks(make: Make, saves: Saves) -> None:
    """Not even what the writer had found to be due before."""
    persistence = make(save_many=saves.many)
    persistence.before_fork()
    persistence.schedule_save(None, UserSession())
    persistence._queue.hurry(None)
    assert not persistence._writer.save_due()
    persistence.after_fork_in_parent()
    assert persistence.flush(timeout=PATIENCE)

    assert 1 == saves.done.qsize()


def test_what_waits_holds_who_saves_it_at_the_end(saves: Saves) -> None:
    """An app may let go of its persistence after the last schedule."""
    persistence = SessionPersistence(save_many=saves.many)
    schedule(persistence, "s")
    held = ref(persistence)
    del persistence
    gc.collect()
    still = held()
    assert still is not None
    still.save_at_exit()

    assert "s" == saves.next()[0]


def test_who_joins_during_the_end_ends_nobody() -> None:
    """Threads may still make persistence while a process ends or forks."""

    class One:
        def save_at_exit(self) -> None:
            """Save nothing."""

    exits, over = Exits(), Event()
    kept = [One() for _ in range(300)]
    for one in kept:
        exits._savers.add(one)  # type: ignore[arg-type]

    def join() -> None:
        while not over.is_set():
            for one in [One() for _ in range(50)]:
                exits.add(one)  # type: ignore[arg-type]

    interval = sys.getswitchinterval()
    joining = Thread(target=join)
    sys.setswitchinterval(1e-6)
    joining.start()
    try:
        for _ in range(150):
            exits.save_all()
    finally:
        sys.setswitchinterval(interval)
        over.set()
        joining.join()
