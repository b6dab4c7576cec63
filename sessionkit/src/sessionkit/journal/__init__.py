# SPDX-License-Identifier: Apache-2.0
"""
The journal: changes that wait to be stored survive a killed process, and a reboot.

A process records in a SQLite file of its own what it was given to save, before it says that it has
it. What is stored is dropped; what a dead process left is stored by the next one.

Others import what is named here: the manager gives a :class:`Journal` to its repository as an observer of saves and
to its queue as what keeps sessions, and has a :class:`JournalRecovery` replay it when the store is opened.

The journal's lock guards all that is known of the files and of live sessions' lines. It is taken within a session's
lock (a session is kept) or a track's (its save is sent, or settled); with it only a file's own lock for ``fsync`` is
taken, and neither is held while a store is asked or an event is told.
"""

from sessionkit.journal.journal import Journal
from sessionkit.journal.replay import JournalRecovery, Replay, ReplayReport, revive

__all__ = ["Journal", "JournalRecovery", "Replay", "ReplayReport", "revive"]
