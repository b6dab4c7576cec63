# SPDX-License-Identifier: Apache-2.0
"""Listing and counting: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sessionkit.records import SessionHead
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import DAY, NOW, SECOND, first, following, head, tombstone


def pages(
    storage: Storage, *, user_id: str | None = None, limit: int, cursor: str | None = None
) -> Iterator[list[SessionHead]]:
    """Yield page by page, from *cursor* on, until the cursor ends."""
    while True:
        page = storage.find(user_id=user_id, limit=limit, cursor=cursor)
        assert len(page.heads) <= limit
        yield list(page.heads)
        cursor = page.cursor
        if cursor is None:
            return


def every_id(storage: Storage, *, user_id: str | None = None, limit: int = 3) -> list[str]:
    """Return the ids on all pages."""
    found = pages(storage, user_id=user_id, limit=limit)
    return [listed.session_id for page in found for listed in page]


class FindClauses:
    """Pages of sessions."""

    def test_empty_store_has_one_empty_page(self, storage: Storage) -> None:
        """Nothing is found where nothing is stored."""
        assert [] == every_id(storage)
        assert [] == every_id(storage, user_id="u")

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    def test_pages_of_a_user(self, storage: Storage, limit: int) -> None:
        """All of a user's sessions come, each once, latest activity first, also where activities tie."""
        activities = [NOW, NOW - SECOND, NOW - SECOND, NOW - SECOND, NOW - 5, NOW - 5, NOW - DAY]
        for number, activity in enumerate(activities):
            storage.write(first(f"s{number}", user_id="u", last_activity=activity))
        storage.write(first("theirs", user_id="v"))
        storage.write(first("nobody's"))

        listed = [found for page in pages(storage, user_id="u", limit=limit) for found in page]

        assert sorted(activities, reverse=True) == [found.last_activity for found in listed]
        assert {f"s{number}" for number in range(7)} == {found.session_id for found in listed}

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    def test_pages_of_all(self, storage: Storage, limit: int) -> None:
        """Without a user all sessions come, each once, in the same order every time."""
        for number in range(7):
            storage.write(first(f"s{number}", user_id=f"u{number % 2}" if number else None))

        listed = every_id(storage, limit=limit)

        assert [f"s{number}" for number in range(7)] == sorted(listed)
        assert listed == every_id(storage, limit=limit)

    def test_whole_heads_are_listed(self, storage: Storage) -> None:
        """A page holds heads as they are stored, expired ones too."""
        storage.write(first("a", user_id="u", last_activity=NOW - 1))
        storage.write(following(2, "a", user_id="u", expires_at=NOW - SECOND))

        expected = head("a", version=2, user_id="u", expires_at=NOW - SECOND)
        assert [expected] == list(storage.find().heads)
        assert [expected] == list(storage.find(user_id="u").heads)

    def test_user_without_sessions_has_an_empty_page(self, storage: Storage) -> None:
        """A stranger's page is empty, and the last."""
        storage.write(first(user_id="u"))

        page = storage.find(user_id="v")

        assert ([], None) == (list(page.heads), page.cursor)

    def test_session_moves_to_its_new_owner(self, storage: Storage) -> None:
        """After a change of owner a session is found under the new one only."""
        storage.write(first(user_id="u"))
        storage.write(following(2, user_id="v"))

        assert [] == every_id(storage, user_id="u")
        assert ["s"] == every_id(storage, user_id="v")

    def test_tombstones_and_deleted_sessions_are_not_listed(self, storage: Storage) -> None:
        """What has ended is found neither by its user nor among all."""
        for session_id in ("ended", "deleted", "living"):
            storage.write(first(session_id, user_id="u"))
        storage.write(following(2, "ended", ended=True, user_id="u"))
        storage.delete("deleted")

        assert ["living"] == every_id(storage)
        assert ["living"] == every_id(storage, user_id="u")

    @pytest.mark.parametrize("user_id", [None, "u"])
    def test_changes_between_pages_lose_nobody(self, storage: Storage, user_id: str | None) -> None:
        """Sessions that stay as they are come exactly once, whatever is written between two pages."""
        for number in range(9):
            storage.write(first(f"s{number}", user_id="u", last_activity=NOW - number))
        changes = _changes_between_pages(storage)

        listed = []
        for page in pages(storage, user_id=user_id, limit=2):
            listed += [found.session_id for found in page]
            next(changes, lambda: None)()

        untouched = [f"s{number}" for number in (1, 2, 4, 5, 7, 8)]
        assert untouched == sorted(name for name in listed if name in untouched)

    @pytest.mark.parametrize("user_id", [None, "u"])
    @pytest.mark.parametrize("change", ["deleted", "ended", "touched", "given away"])
    def test_a_cursor_outlives_its_session(
        self, storage: Storage, user_id: str | None, change: str
    ) -> None:
        """The pages go on where they were, though the session that came last is gone or has moved."""
        for number in range(5):
            storage.write(first(f"s{number}", user_id="u", last_activity=NOW - number))
        page = storage.find(user_id=user_id, limit=2)
        *before, last = (found.session_id for found in page.heads)
        _change(storage, last, change)

        rest = pages(storage, user_id=user_id, limit=2, cursor=page.cursor)

        listed = before + [found.session_id for page in rest for found in page]
        untouched = {f"s{number}" for number in range(5)} - {last}
        assert sorted(untouched) == sorted(name for name in listed if name != last)


def _change(storage: Storage, session_id: str, change: str) -> None:
    later = NOW + SECOND
    if change == "deleted":
        storage.delete(session_id)
    elif change == "touched":
        storage.touch(session_id, last_activity=later, expires_at=None)
    else:
        ended, owner = (True, "u") if change == "ended" else (False, "v")
        write = following(2, session_id, last_activity=later, ended=ended, user_id=owner)
        storage.write(write)


def _changes_between_pages(storage: Storage) -> Iterator[Callable[[], object]]:
    yield lambda: storage.write(first("new", user_id="u", last_activity=NOW + SECOND))
    yield lambda: storage.delete("s0")
    yield lambda: storage.touch("s6", last_activity=NOW + SECOND, expires_at=None)
    yield lambda: storage.write(following(2, "s3", user_id="u", last_activity=NOW + SECOND))


class CountClauses:
    """Active sessions."""

    def test_count_begins_at_the_moment_itself(self, storage: Storage) -> None:
        """A session counts if it was active at the moment or later."""
        for number in range(3):
            storage.write(first(f"s{number}", last_activity=NOW + number))

        counts = [storage.count(active_since=NOW + number) for number in range(-1, 4)]

        assert [3, 3, 2, 1, 0] == counts

    def test_count_follows_touches_and_leaves_tombstones_out(self, storage: Storage) -> None:
        """A touched session counts as active; an ended or deleted one doesn't count."""
        for session_id in ("touched", "idle", "ended", "deleted"):
            storage.write(first(session_id))
        storage.touch("touched", last_activity=NOW + SECOND, expires_at=None)
        storage.write(tombstone(2, "ended"))
        storage.delete("deleted")

        counts = [storage.count(active_since=moment) for moment in (NOW, NOW + SECOND)]

        assert [2, 1] == counts
