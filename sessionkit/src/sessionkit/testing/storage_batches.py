# SPDX-License-Identifier: Apache-2.0
"""Many saves in one call: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import pytest

from sessionkit.errors import ConflictError, StorageError, UnavailableError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.storage import BatchStorage, Storage
from sessionkit.testing.storage_abilities import AbilityClauses, need
from sessionkit.testing.storage_samples import NOW, SECOND, Connect, first, following, head, race

_ATTEMPTS: Final = 5
_MANY: Final = 300
"""More than a store may take in one statement, or in one round trip."""


class BatchClauses(AbilityClauses):
    """What ``write_many`` does."""

    @pytest.fixture
    def batch_storage(self, storage: Storage) -> BatchStorage:
        """Return the first handle."""
        need(declared=self.batch, method="write_many")
        return cast("BatchStorage", storage)

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

    def test_large_batch(self, batch_storage: BatchStorage) -> None:
        """A batch has no bound that its caller knows of: hundreds of saves, each with its outcome."""
        taken = [first(f"s{number}") for number in range(0, _MANY, 10)]
        for write in taken:
            batch_storage.write(write)
        late = [
            first(f"s{number}", save_id="f" * 16, put={"a": b"%d" % number})
            for number in range(_MANY)
        ]

        outcomes = batch_storage.write_many(late)

        refused = {write.head.session_id: write.head for write in taken}
        expected = [refused.get(write.head.session_id, "stored") for write in late]
        assert expected == [_told(outcome) for outcome in outcomes]
        for write in late:
            stored = StoredSession(head=write.head, parts=write.put)
            is_stored = stored == batch_storage.read(write.head.session_id)
            assert is_stored == (write.head.session_id not in refused)

    @pytest.mark.usefixtures("_eager_switching")
    def test_batches_that_cross(self, batch_storage: BatchStorage, connect: Connect) -> None:
        """Of two batches that save the same sessions in opposite order, each session takes one."""
        other = cast("BatchStorage", connect())
        ids = [f"s{number}" for number in range(20)]
        for session_id in ids:
            batch_storage.write(first(session_id))
        ours, theirs = (
            {one: following(2, one, save_id=save, put={"a": save.encode()}) for one in ids}
            for save in ("a" * 16, "b" * 16)
        )

        we, they = race(
            [
                lambda: _settled(batch_storage, list(ours.values())),
                lambda: _settled(other, list(reversed(theirs.values()))),
            ]
        )

        for one in ids:
            assert {True, False} == {we[one] is None, they[one] is None}
            winner = (ours if we[one] is None else theirs)[one]
            assert StoredSession(head=winner.head, parts=winner.put) == batch_storage.read(one)

    def test_activity_never_moves_back_in_a_batch(self, batch_storage: BatchStorage) -> None:
        """The later ``last_activity`` stays, here too."""
        batch_storage.write(first(last_activity=NOW + SECOND))
        batch_storage.write_many([following(2, last_activity=NOW)])

        stored = batch_storage.read("s")

        assert stored is not None
        assert head(version=2, last_activity=NOW + SECOND) == stored.head


def _settled(
    storage: BatchStorage, writes: Sequence[SessionWrite]
) -> dict[str, StorageError | None]:
    """Send a batch, and again what met a busy store, and return the outcomes by session id."""
    settled: dict[str, StorageError | None] = {}
    waiting = list(writes)
    for _ in range(_ATTEMPTS):
        for write, outcome in zip(waiting, storage.write_many(waiting), strict=True):
            if not isinstance(outcome, UnavailableError):
                settled[write.head.session_id] = outcome
        waiting = [write for write in writes if write.head.session_id not in settled]
        if not waiting:
            break
    assert [] == waiting
    return settled


def _told(outcome: StorageError | None) -> object:
    """Return the head that a conflict tells of, or that there was none."""
    if outcome is None:
        return "stored"
    assert isinstance(outcome, ConflictError)
    return outcome.current
