# SPDX-License-Identifier: Apache-2.0
"""Answers that were lost, saves that were lost, writers whose clock is wrong: clauses of the storage suite."""

from __future__ import annotations

import attrs
import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import StoredSession
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


class LossClauses:
    """A writer who has seen what the store does not hold, or not any more."""

    def test_lost_answer_after_a_touch(self, storage: Storage, connect: Connect) -> None:
        """A save that is sent again, after someone else touched the session, is still one's own."""
        write = following(2, put={"a": b"2"})
        storage.write(first())
        storage.write(write)
        connect().touch("s", last_activity=NOW + SECOND, expires_at=NOW + DAY)

        storage.write(write)

        moved = attrs.evolve(write.head, last_activity=NOW + SECOND)
        assert StoredSession(head=moved, parts=write.put) == storage.read("s")

    def test_lost_answer_of_a_deleted_session(self, storage: Storage, connect: Connect) -> None:
        """A save that landed, and was deleted by someone else, does not land again."""
        write = following(2, put={"a": b"2"})
        storage.write(first())
        storage.write(write)
        connect().delete("s")

        with pytest.raises(ConflictError) as caught:
            storage.write(write)

        assert caught.value.current is None
        assert storage.read("s") is None

    def test_store_that_went_back(self, storage: Storage) -> None:
        """
        A store that lost its last saves tells what it holds, and takes a save on top of that.

        The version that is written then need not be the next one.
        """
        back = first(put={"a": b"1", "b": b"1"})
        storage.write(back)

        with pytest.raises(ConflictError) as caught:
            storage.write(following(5, put={"a": b"5"}))

        assert back.head == caught.value.current
        again = following(6, put={"a": b"6"}, remove=["b"])
        storage.write(attrs.evolve(again, expected=save_id(1)))
        assert StoredSession(head=again.head, parts=again.put) == storage.read("s")

    def test_version_may_be_lower_than_the_stored_one(self, storage: Storage) -> None:
        """What is compared is the ``save_id``: a session that begins anew on a known save is taken."""
        storage.write(first())
        storage.write(following(2))
        anew = attrs.evolve(first(save_id="f" * 16, created_at=NOW + SECOND), expected=save_id(2))

        storage.write(anew)

        assert StoredSession(head=anew.head) == storage.read("s")

    def test_another_session_under_the_id(self, storage: Storage) -> None:
        """A late save meets whoever was created under a deleted id, and changes nothing of it."""
        storage.write(first(put={"a": b"1"}))
        storage.delete("s")
        other = first(save_id="f" * 16, created_at=NOW + SECOND, put={"a": b"other"})
        storage.write(other)

        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, put={"a": b"late"}))

        assert other.head == caught.value.current
        assert StoredSession(head=other.head, parts=other.put) == storage.read("s")


class SkewClauses:
    """Writers whose clocks differ."""

    def test_a_clock_behind_moves_nothing_back(self, storage: Storage, connect: Connect) -> None:
        """Saves and touches of a writer whose clock is a day behind are taken, and their time is not."""
        behind = connect()
        storage.write(first(last_activity=NOW))

        behind.write(following(2, last_activity=NOW - DAY, put={"a": b"2"}))
        behind.touch("s", last_activity=NOW - DAY + SECOND, expires_at=NOW)
        behind.write(following(3, last_activity=NOW - DAY, put={"a": b"3"}))

        assert StoredSession(head=head(version=3), parts={"a": b"3"}) == storage.read("s")

    def test_lists_go_by_the_activity_that_is_kept(self, storage: Storage) -> None:
        """After a save by a clock behind, pages, counts and purges see the later activity, too."""
        storage.write(first("s", user_id="u", last_activity=NOW + 2))
        storage.write(first("other", user_id="u", last_activity=NOW + 1))

        storage.write(following(2, "s", user_id="u", last_activity=NOW))

        page = storage.find(user_id="u")
        assert ["s", "other"] == [found.session_id for found in page.heads]
        assert [NOW + 2, NOW + 1] == [found.last_activity for found in page.heads]
        assert 1 == storage.count(active_since=NOW + 2)
        assert 1 == storage.purge(expired_before=0, idle_before=NOW + 2, limit=10)
        assert storage.read("s") is not None

    def test_a_clock_ahead(self, storage: Storage) -> None:
        """An activity in the future counts as active, stays, and lists its session first."""
        storage.write(first("s", user_id="u"))
        storage.write(first("ahead", user_id="u", last_activity=NOW + 400 * DAY))

        storage.touch("ahead", last_activity=NOW + SECOND, expires_at=None)

        assert ["ahead", "s"] == [found.session_id for found in storage.find(user_id="u").heads]
        assert 1 == storage.count(active_since=NOW + 399 * DAY)
        assert 0 == storage.purge(expired_before=0, idle_before=NOW, limit=10)
