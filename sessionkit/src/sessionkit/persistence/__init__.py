# SPDX-License-Identifier: Apache-2.0
"""
Saves soon: what changed is queued, debounced, saved in batches on one thread, and retried.

Others import :class:`SessionPersistence` from here, ``queue.QueueLimits``, ``saver.Saver`` and its outcomes,
``health.StoreHealth`` and ``Outage`` (the manager's reads of the store use them, too) and
``exits.install_signal_handlers``. Only the manager and the table of names in ``sessionkit`` import this room.

**What it is made of.** :class:`SessionPersistence` is the face. It has a ``SaveQueue`` (what waits, and until when), a
``StoreHealth`` (whether the store may be tried), ``Refusals`` (what was not stored), ``SaveAttempts`` (saves slots and
takes what came of it) and a ``Writer`` (the one thread, which also looks at sessions in use). A ``Saver`` does the saving.

**The lock.** There is one, an ``RLock``: ``SaveQueue.lock``. All parts of a :class:`SessionPersistence` are made
anew in a child after a fork, the lock with them. It guards the queue and its slots, the health, the refusals, and which
thread is the writer. Those take no lock of their own: the caller holds it. ``SaveQueue.changed`` (the writer looks again) and
``SaveQueue.settled`` (saves are over, or may begin) are conditions on it. ``status``, ``is_pending`` and
``schedule_again`` read without it, so that a page never waits for it.

**The order of locks.** A track's lock (held for a whole save), then a session's lock (held while it is encoded or
changed), then the queue's. Who has the queue's lock takes no other of sessionkit's (before a fork all queues'
locks are taken in turn, and nothing else): a saver, with its journal and observers, is called without it; only the clocks
are called with it. Who waits for a save gives back the session locks that it holds (``release_locks``), since the
thread that saves needs them; who is in the midst of a save, and so may hold a track's lock, waits for no save that
has yet to begin.
"""

from __future__ import annotations

from sessionkit.persistence.persistence import SessionPersistence

__all__ = ["SessionPersistence"]
