# SPDX-License-Identifier: Apache-2.0
"""
One app's sessions: who gets which, the live ones, their saving, rotation and end, the open store.

Others import ``default_manager.get_manager`` and ``configure``, ``manager.SessionManager`` and
``manager_of``, and ``lifecycle.SessionSummary``. Importing ``default_manager`` loads no manager.

Locks, in this order; who holds one takes none that is named above it:

1. The lock of the process's own manager (``default_manager``), held while that one is made.
2. An id's lock (``live_sessions.LiveSessions``), held while the id is found, begun or rotated.
3. The lock for opening the store (``store.Store``), held until the storage is set up and the
   journal of dead processes is stored.
4. The locks of the repository: the track's, then the session's own.

The small locks of ``LiveSessions``, ``RerunCheck``, ``Watcher`` and ``Assembly`` guard what each keeps;
only that of ``Assembly`` is held while something is opened. ``Store`` has another one, for making the ``Assembly``.
"""
