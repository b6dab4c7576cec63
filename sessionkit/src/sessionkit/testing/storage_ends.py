# SPDX-License-Identifier: Apache-2.0
"""Touches, deletes and tombstones: clauses of the storage suite."""

from __future__ import annotations

import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    SECOND,
    first,
    following,
    head,
    tombstone,
)


class TouchClauses:
    """Activity and expiry, moved on without a save."""

    def test_touch_moves_activity_and_expiry(self, storage: Storage) -> None:
        """Both move, nothing else does, and the next save meets no conflict."""
        storage.write(first(put={"a": b"1"}))

        assert storage.touch("s", last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)

        moved = head(last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)
        assert StoredSession(head=moved, parts={"a": b"1"}) == storage.read("s")
        storage.write(following(2))

    def test_touch_at_the_same_moment_sets_the_expiry(self, storage: Storage) -> None:
        """An equal ``last_activity`` is not older; ``expires_at`` may become None."""
        storage.write(first())

        assert storage.touch("s", last_activity=NOW, expires_at=None)

        assert StoredSession(head=head(expires_at=None)) == storage.read("s")

    def test_late_touch_changes_nothing(self, storage: Storage) -> None:
        """An older ``last_activity`` changes neither activity nor expiry; the session is there all the same."""
        storage.write(first(put={"a": b"1"}))

        assert storage.touch("s", last_activity=NOW - 1, expires_at=NOW + 2 * DAY)

        assert StoredSession(head=head(), parts={"a": b"1"}) == storage.read("s")

    def test_touch_creates_nothing(self, storage: Storage) -> None:
        """Touching an unknown or deleted session says False and stores nothing."""
        storage.write(first("gone"))
        storage.delete("gone")

        for session_id in ("nobody", "gone"):
            assert not storage.touch(session_id, last_activity=NOW, expires_at=None)
            assert storage.read(session_id) is None
        assert 0 == storage.count(active_since=0)

    def test_touch_leaves_a_tombstone_alone(self, storage: Storage) -> None:
        """A tombstone is no session: False, and unchanged."""
        storage.write(first())
        storage.write(tombstone(2))

        assert not storage.touch("s", last_activity=NOW + SECOND, expires_at=None)

        assert StoredSession(head=head(version=2, ended=True)) == storage.read("s")


class EndClauses:
    """Deletes and tombstones."""

    def test_delete_is_idempotent(self, storage: Storage) -> None:
        """Deleting says whether there was something; twice is the same as once."""
        storage.write(first(put={"a": b"1"}))
        storage.write(first("other", put={"a": b"other"}))

        assert storage.delete("s")
        assert not storage.delete("s")
        assert not storage.delete("nobody")

        assert storage.read("s") is None
        assert StoredSession(head=head("other"), parts={"a": b"other"}) == storage.read("other")

    def test_late_save_after_delete_is_a_conflict(self, storage: Storage) -> None:
        """A save by someone who has not heard of the delete brings nothing back."""
        storage.write(first(put={"a": b"1"}))
        storage.delete("s")

        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, put={"a": b"2"}))

        assert caught.value.current is None
        assert storage.read("s") is None

    def test_deleted_id_can_be_created_anew(self, storage: Storage) -> None:
        """After a delete an id is free, and no part of the old session comes back."""
        storage.write(first(put={"old": b"1"}))
        storage.delete("s")

        storage.write(first(put={"new": b"2"}))

        assert StoredSession(head=head(), parts={"new": b"2"}) == storage.read("s")

    def test_tombstone_takes_the_id_for_good(self, storage: Storage) -> None:
        """A tombstone is stored without parts, and refuses creates and late saves."""
        storage.write(first(put={"a": b"1", "b": b"1"}))
        storage.write(tombstone(2, remove=["a", "b"]))

        for write in (first(save_id="f" * 16), following(2, save_id="f" * 16)):
            with pytest.raises(ConflictError) as caught:
                storage.write(write)
            assert head(version=2, ended=True) == caught.value.current

        assert StoredSession(head=head(version=2, ended=True)) == storage.read("s")
