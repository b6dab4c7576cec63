# SPDX-License-Identifier: Apache-2.0
"""Purging: clauses of the storage suite."""

from __future__ import annotations

import pytest

from sessionkit.records import StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_lists import every_id
from sessionkit.testing.storage_samples import DAY, NOW, SECOND, first, following, head


class PurgeClauses:
    """Removing what has expired."""

    def test_purge_removes_what_expired_before(self, storage: Storage) -> None:
        """``expires_at`` lies strictly before the moment, or the session stays; None stays for ever."""
        for session_id, expiry in {"past": -1, "now": 0, "later": 1}.items():
            storage.write(first(session_id, expires_at=NOW + expiry))
        storage.write(first("never", expires_at=None))

        assert 1 == storage.purge(expired_before=NOW, limit=10)
        assert 0 == storage.purge(expired_before=NOW, limit=10)

        assert ["later", "never", "now"] == sorted(every_id(storage))
        assert storage.read("past") is None

    def test_purge_removes_what_is_idle(self, storage: Storage) -> None:
        """With ``idle_before``, ``last_activity`` strictly before it is enough, but not for tombstones."""
        for session_id, activity in {"idle": -1, "active": 0}.items():
            storage.write(first(session_id, last_activity=NOW + activity, expires_at=None))
        storage.write(first("ended", last_activity=NOW - 1))
        storage.write(following(2, "ended", last_activity=NOW - 1, ended=True))

        assert 0 == storage.purge(expired_before=0, limit=10)
        assert 1 == storage.purge(expired_before=0, idle_before=NOW, limit=10)

        assert storage.read("idle") is None
        assert storage.read("active") is not None
        assert storage.read("ended") is not None

    def test_purge_removes_expired_tombstones(self, storage: Storage) -> None:
        """A tombstone ends when it expires."""
        storage.write(first())
        storage.write(following(2, ended=True, expires_at=NOW - SECOND))

        assert 1 == storage.purge(expired_before=NOW, limit=10)
        assert storage.read("s") is None

    def test_expired_and_idle_counts_once(self, storage: Storage) -> None:
        """A session that is due twice is removed, and counted, once."""
        storage.write(first(last_activity=NOW - DAY, expires_at=NOW - SECOND))

        assert 1 == storage.purge(expired_before=NOW, idle_before=NOW, limit=10)

    @pytest.mark.parametrize("idle_before", [None, NOW])
    def test_purge_is_bounded(self, storage: Storage, idle_before: int | None) -> None:
        """A call removes at most ``limit``; fewer means that none is left."""
        for number in range(5):
            due = first(f"s{number}", last_activity=NOW - DAY, expires_at=NOW - SECOND)
            storage.write(due)

        removed = [
            storage.purge(expired_before=NOW, idle_before=idle_before, limit=2) for _ in range(4)
        ]

        assert [2, 2, 1, 0] == removed

    def test_touched_sessions_are_not_purged(self, storage: Storage) -> None:
        """A touch that moved the expiry on saves a session."""
        storage.write(first(expires_at=NOW - SECOND))
        storage.touch("s", last_activity=NOW + 1, expires_at=NOW + DAY)

        assert 0 == storage.purge(expired_before=NOW, idle_before=NOW, limit=10)

    def test_parts_go_with_their_session(self, storage: Storage) -> None:
        """A purged id is free, and no part of the old session comes back."""
        storage.write(first(put={"old": b"1"}, user_id="u", expires_at=NOW - SECOND))
        storage.purge(expired_before=NOW, limit=10)

        storage.write(first(put={"new": b"2"}))

        assert StoredSession(head=head(), parts={"new": b"2"}) == storage.read("s")
        assert [] == every_id(storage, user_id="u")
