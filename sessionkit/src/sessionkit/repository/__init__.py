# SPDX-License-Identifier: Apache-2.0
"""
Whole sessions from and to one storage, by compare-and-set.

Others import ``repository.Repository``, which loads, saves, refreshes, rotates and ends sessions, and
what it is made with: ``expiry.Expiry``, and ``tracks.Tracks``, what is known of live sessions. The
journal observes saves and brings sessions back by ``tracks.Track``, ``LastSeen``, ``Attempt``,
``SaveInProgress`` and ``SaveObserver``; a manager sees ``tracks.Owner``, ``Absence`` and ``LoadResult``,
``rotation.FormerId`` and ``stored_sessions.ATTEMPTS``.

Locks, in this order:

1. The track's lock, one an id and process: owned by ``tracks.SharedState`` and held while a session of
   that id is saved, refreshed, absorbs or is rotated. Whoever takes several takes them by their ``id()``.
2. The session's own lock (``UserSession.lock``), held while it is encoded or changed.
3. The lock of ``tracks.Tracks``, held for a look-up in memory and nothing else.

No storage is asked while the session's own lock is held.
"""
