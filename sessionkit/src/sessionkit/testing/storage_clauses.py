# SPDX-License-Identifier: Apache-2.0
"""Reading and compare-and-set, through one handle and several: clauses of the storage suite."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    SECOND,
    Connect,
    first,
    following,
    head,
    save_id,
)

_LARGEST: Final = (1 << 63) - 1


class WriteClauses:
    """Reading, and compare-and-set."""

    def test_unknown_id_reads_as_none(self, storage: Storage) -> None:
        """A session that was never written reads as None."""
        assert storage.read("nobody") is None

    def test_reads_what_was_written(self, storage: Storage) -> None:
        """Head and parts come back as they went in."""
        write = first(put={"profile": b"\x00\xff", "inputs": b"{}"})
        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_id": "https://issuer.example|subject", "expires_at": None},
            {"user_id": None, "created_at": 0, "recent": ()},
            {"created_at": 253_402_300_799_999_999, "schema_version": 7},
            {"version": _LARGEST, "recent": ("a" * 16, "b" * 16), "ended": True},
        ],
    )
    def test_every_field_of_a_head_comes_back(
        self, storage: Storage, fields: dict[str, Any]
    ) -> None:
        """No field of a head is lost, rounded or changed in type."""
        written = attrs.evolve(head("s"), **fields)
        storage.write(SessionWrite(head=written))

        stored = storage.read("s")

        assert stored is not None
        assert written == stored.head
        assert repr(written) == repr(stored.head)

    def test_next_version_replaces(self, storage: Storage) -> None:
        """A writer who has seen what is stored may replace it."""
        storage.write(first())
        storage.write(following(2))

        assert StoredSession(head=head(version=2)) == storage.read("s")

    @pytest.mark.parametrize("expected", [None, save_id(1), save_id(3), save_id(9)])
    def test_other_expectation_is_a_conflict(self, storage: Storage, expected: str | None) -> None:
        """None, a stale or an unknown ``expected`` is refused with the stored head, and changes nothing."""
        storage.write(first(put={"a": b"1", "b": b"1"}))
        storage.write(following(2, put={"a": b"2"}))
        late = SessionWrite(
            head=head(version=3, save_id="f" * 16, last_activity=NOW + SECOND),
            expected=expected,
            put={"a": b"late", "c": b"late"},
            remove=["b"],
        )

        with pytest.raises(ConflictError) as caught:
            storage.write(late)

        assert head(version=2) == caught.value.current
        assert "s" == caught.value.session_id
        assert StoredSession(head=head(version=2), parts={"a": b"2", "b": b"1"}) == storage.read(
            "s"
        )

    def test_update_of_nothing_is_a_conflict(self, storage: Storage) -> None:
        """A write that expects a save is refused when nothing is stored, and creates nothing."""
        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, put={"a": b"1"}))

        assert caught.value.current is None
        assert storage.read("s") is None

    def test_repeated_create_succeeds(self, storage: Storage) -> None:
        """A create whose answer was lost may be sent again."""
        write = first(put={"a": b"1"})
        storage.write(write)

        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    def test_repeated_update_succeeds(self, storage: Storage) -> None:
        """An update whose answer was lost may be sent again, though its ``expected`` is stale by then."""
        write = following(2, put={"a": b"2"}, remove=["b"])
        storage.write(first(put={"b": b"1"}))
        storage.write(write)

        storage.write(write)

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")

    def test_own_save_under_a_foreign_one_is_a_conflict(self, storage: Storage) -> None:
        """With a foreign save on top, a repeated write is refused, and ``recent`` tells the writer."""
        mine, foreign = following(2), following(3, put={"a": b"theirs"})
        for write in (first(), mine, foreign):
            storage.write(write)

        with pytest.raises(ConflictError) as caught:
            storage.write(mine)

        assert caught.value.current is not None
        assert mine.head.save_id in caught.value.current.recent
        assert StoredSession(head=foreign.head, parts=foreign.put) == storage.read("s")

    def test_activity_never_moves_back_by_a_write(self, storage: Storage) -> None:
        """The later ``last_activity`` stays; all else of the head is as written."""
        storage.write(first(last_activity=NOW + SECOND))
        storage.write(following(2, last_activity=NOW))

        stored = storage.read("s")

        assert stored is not None
        assert head(version=2, last_activity=NOW + SECOND) == stored.head

    def test_expired_sessions_are_read(self, storage: Storage) -> None:
        """A storage has no clock: what has expired is read, and guarded, like anything else."""
        write = first(put={"a": b"1"}, expires_at=NOW - SECOND)
        storage.write(write)

        with pytest.raises(ConflictError):
            storage.write(first(save_id="f" * 16))

        assert StoredSession(head=write.head, parts=write.put) == storage.read("s")


class HandleClauses:
    """Several handles on one store, as several replicas have them."""

    def test_other_handles_see_every_change(self, storage: Storage, connect: Connect) -> None:
        """What one handle writes, touches and deletes is there for all at once, also where it was read before."""
        handles = [storage, connect()]
        saved, moved = (
            StoredSession(head=head(), parts={"a": b"1"}),
            head(last_activity=NOW + SECOND),
        )

        storage.write(first(put=saved.parts))
        assert [saved, saved] == [handle.read("s") for handle in handles]

        handles[1].touch("s", last_activity=NOW + SECOND, expires_at=NOW + DAY)
        assert [moved, moved] == [handle.find().heads[0] for handle in handles]

        storage.write(following(2, put={"a": b"2"}))
        later = StoredSession(head=head(version=2, last_activity=NOW + SECOND), parts={"a": b"2"})
        assert [later, later] == [handle.read("s") for handle in handles]

        handles[1].delete("s")
        assert [None, None] == [handle.read("s") for handle in handles]

    def test_handles_guard_against_each_other(self, storage: Storage, connect: Connect) -> None:
        """A handle that missed another's save meets a conflict."""
        other = connect()
        storage.write(first())
        other.write(following(2))

        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, save_id="f" * 16))

        assert head(version=2) == caught.value.current

    def test_close_twice(self, storage: Storage, connect: Connect) -> None:
        """Closing again is fine, and closes no other handle."""
        other = connect()
        storage.write(first())

        other.close()
        other.close()

        assert StoredSession(head=head()) == storage.read("s")
