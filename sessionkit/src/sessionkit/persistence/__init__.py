# SPDX-License-Identifier: Apache-2.0
"""
Saves soon: what changed is queued, debounced, saved in batches on one thread, and retried.

Others import :class:`SessionPersistence` from here, ``limits.QueueLimits``, ``health.Breaker`` (the
manager's reads of the store use one, too) and ``exits.install_signal_handlers``. Only the manager
and the table of names in ``sessionkit`` import this room.

**The lock.** All parts of a :class:`SessionPersistence` share one lock, the queue's: an ``RLock`` that
``SaveOutcomes`` makes (``_lock``), and makes anew in a child after a fork. It guards the queue and its slots,
the breaker, the lists of rejected and incomplete saves, and which thread is the writer. Those
classes take no lock of their own: the caller holds it. The conditions ``_changed`` (the writer looks again),
``_settled`` (saves are over) and each slot's ``turn`` are on that same lock. ``status``, ``is_pending`` and
``schedule_again`` read without it, so that a page never waits for it.

**The order of locks.** A track's lock (held for a whole save), then a session's lock (held while it is encoded or
changed), then the queue's. Who has the queue's lock takes no other of sessionkit's (before a fork all queues'
locks are taken in turn, and nothing else): save functions, the journal, observers,
``size_of`` and ``debounce_of`` are called without it; only the clocks and ``stored_as`` are called with it,
and take none. Who waits for a save gives back the session locks that it holds (``release_locks``), since the thread
that saves needs them; who is in the midst of a save, and so may hold a track's lock, waits for no save that
has yet to begin.
"""

from __future__ import annotations

from sessionkit.persistence.persistence import SessionPersistence

__all__ = ["SessionPersistence"]
