# SPDX-License-Identifier: Apache-2.0
"""Many saves in one call: clauses of the storage suite."""

from __future__ import annotations

import pytest

from sessionkit.errors import ConflictError, StorageError
from sessionkit.records import StoredSession
from sessionkit.storage import BatchStorage, Storage
from sessionkit.testing.storage_samples import NOW, SECOND, first, following, head


class BatchClauses:
    """
    What ``write_many`` does.

    Attributes:
        batch: Whether the storage has ``write_many``; say False if not.
    """

    batch: bool = True

    @pytest.fixture
    def batch_storage(self, storage: Storage) -> BatchStorage:
        """Return the first handle."""
        if not self.batch:
            pytest.skip("the storage declares batch = False: it has no write_many")
        assert isinstance(storage, BatchStorage)
        return storage

    def test_batch_is_declared(self, storage: Storage) -> None:
        """``batch`` says whether there is a ``write_many``."""
        assert self.batch == isinstance(storage, BatchStorage)

    def test_empty_batch(self, batch_storage: BatchStorage) -> None:
        """No writes, no outcomes."""
        assert [] == list(batch_storage.write_many([]))

    def test_batch_stores_every_write(self, batch_storage: BatchStorage) -> None:
        """Creates and updates, parts put and removed: all as single writes would do it."""
        batch_storage.write(first("b", put={"kept": b"1", "removed": b"1"}))
        writes = [
            first("c", put={"a": b"c"}),
            following(2, "b", put={"a": b"b"}, remove=["removed"]),
            first("a"),
        ]

        assert [None, None, None] == list(batch_storage.write_many(writes))

        assert StoredSession(head=head("c"), parts={"a": b"c"}) == batch_storage.read("c")
        parts = {"a": b"b", "kept": b"1"}
        assert StoredSession(head=head("b", version=2), parts=parts) == batch_storage.read("b")
        assert StoredSession(head=head("a")) == batch_storage.read("a")

    def test_a_conflict_fails_no_other_write(self, batch_storage: BatchStorage) -> None:
        """Each write has its own outcome, in the order of the writes."""
        for session_id in ("taken", "stale", "fine"):
            batch_storage.write(first(session_id, put={"a": b"1"}))
        batch_storage.write(following(2, "stale"))
        writes = [
            following(2, "stale", save_id="f" * 16, put={"a": b"late"}),
            first("new"),
            following(2, "gone"),
            following(2, "fine", put={"a": b"2"}),
            first("taken", save_id="f" * 16, put={"a": b"late"}),
        ]

        outcomes = batch_storage.write_many(writes)

        expected = [head("stale", version=2), "stored", None, "stored", head("taken")]
        assert expected == [_told(outcome) for outcome in outcomes]
        ids = ("stale", "fine", "taken")
        sessions = [batch_storage.read(session_id) for session_id in ids]
        assert [b"1", b"2", b"1"] == [found.parts["a"] for found in sessions if found]
        assert batch_storage.read("new") is not None
        assert batch_storage.read("gone") is None

    def test_repeated_batch_succeeds(self, batch_storage: BatchStorage) -> None:
        """A batch whose answer was lost may be sent again."""
        batch_storage.write(first("b"))
        writes = [first("a", put={"a": b"1"}), following(2, "b", put={"a": b"2"})]
        batch_storage.write_many(writes)

        assert [None, None] == list(batch_storage.write_many(writes))

        for write in writes:
            stored = StoredSession(head=write.head, parts=write.put)
            assert stored == batch_storage.read(write.head.session_id)

    def test_activity_never_moves_back_in_a_batch(self, batch_storage: BatchStorage) -> None:
        """The later ``last_activity`` stays, here too."""
        batch_storage.write(first(last_activity=NOW + SECOND))
        batch_storage.write_many([following(2, last_activity=NOW)])

        stored = batch_storage.read("s")

        assert stored is not None
        assert head(version=2, last_activity=NOW + SECOND) == stored.head


def _told(outcome: StorageError | None) -> object:
    """Return the head that a conflict tells of, or that there was none."""
    if outcome is None:
        return "stored"
    assert isinstance(outcome, ConflictError)
    return outcome.current
