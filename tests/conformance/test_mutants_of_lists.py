# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: pages, counts and purges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession

pytest_plugins = ["pytester"]


class FindsTombstones(MemoryStorage):
    """What has ended is listed and counted."""

    def _living(self) -> list[SessionHead]:
        return [stored.head for stored in self._sessions.values()]


class OldestFirst(MemoryStorage):
    """A user's sessions come in the wrong order."""

    def find(self, **page: Any) -> SessionPage:
        found = super().find(**page)
        return attrs.evolve(found, heads=list(reversed(found.heads)))


class EndlessPages(MemoryStorage):
    """The last page gives a cursor that begins anew."""

    def find(self, *, cursor: str | None = None, **page: Any) -> SessionPage:
        found = super().find(**page)
        return attrs.evolve(found, cursor=None if cursor else "0:")


class OffsetPages(MemoryStorage):
    """A cursor counts the sessions that were shown."""

    def find(self, *, limit: int = 100, cursor: str | None = None, **user: Any) -> SessionPage:
        heads = super().find(limit=10_000, **user).heads
        begin = int(cursor or 0)
        end = begin + limit
        shown = heads[begin:end]
        return SessionPage(heads=shown, cursor=str(end) if end < len(heads) else None)


class TiesLost(MemoryStorage):
    """A cursor holds an activity and no id."""

    def find(self, **page: Any) -> SessionPage:
        found = super().find(**page)
        if page.get("user_id") is None or found.cursor is None:
            return found
        return attrs.evolve(found, cursor=found.cursor.partition(":")[0] + ":~")


class LateCount(MemoryStorage):
    """The moment itself doesn't count."""

    def count(self, *, active_since: int) -> int:
        return super().count(active_since=active_since + 1)


class EagerPurge(MemoryStorage):
    """What expires at the moment itself goes, too."""

    def purge(self, *, expired_before: int, **batch: Any) -> int:
        return super().purge(expired_before=expired_before + 1, **batch)


class EagerIdlePurge(MemoryStorage):
    """What was active at the moment itself goes, too."""

    def purge(self, *, idle_before: int | None = None, **batch: Any) -> int:
        return super().purge(idle_before=idle_before and idle_before + 1, **batch)


class PurgesWhatNeverExpires(MemoryStorage):
    """None counts as long ago."""

    def write(self, write: SessionWrite) -> None:
        expiry = write.head.expires_at or 0
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, expires_at=expiry)))


class PurgesIdleTombstones(MemoryStorage):
    """A tombstone goes when it is idle, and its id is free too early."""

    def purge(self, *, idle_before: int | None = None, **batch: Any) -> int:
        for session_id, stored in list(self._sessions.items()):
            if idle_before and stored.head.ended and stored.head.last_activity < idle_before:
                del self._sessions[session_id]
        return super().purge(idle_before=idle_before, **batch)


class KeepsTombstones(MemoryStorage):
    """A tombstone stays for ever."""

    def purge(self, **batch: Any) -> int:
        ended = {key: kept for key, kept in self._sessions.items() if kept.head.ended}
        removed = super().purge(**batch)
        self._sessions.update(ended)
        return removed


class PurgesAll(MemoryStorage):
    """One call removes all that is due."""

    def purge(self, *, limit: int, **due: Any) -> int:
        return super().purge(limit=limit * 1000, **due)


class CountsTwice(MemoryStorage):
    """What is expired and idle is counted for both."""

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        idle = [head for head in self._living() if head.last_activity < (idle_before or 0)]
        return len(idle) + super().purge(expired_before=expired_before, limit=limit)


class PurgeForgetsTouches(MemoryStorage):
    """Expiry is what the last save said."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        stored = self.read(session_id)
        kept = stored.head.expires_at if stored else expires_at
        return super().touch(session_id, last_activity=last_activity, expires_at=kept)


class PurgeKeepsParts(MemoryStorage):
    """Parts outlive a purged session."""

    def __init__(self) -> None:
        super().__init__()
        self._graves: dict[str, StoredSession] = {}

    def purge(self, **batch: Any) -> int:
        self._graves.update(self._sessions)
        return super().purge(**batch)

    def write(self, write: SessionWrite) -> None:
        risen = self._graves.pop(write.head.session_id, None)
        parts = risen.parts if risen else {}
        super().write(attrs.evolve(write, put={**parts, **write.put}))


CAUGHT: Final = {
    FindsTombstones: "test_tombstones_and_deleted_sessions_are_not_listed",
    OldestFirst: "test_pages_of_a_user",
    EndlessPages: "test_pages_of_all",
    OffsetPages: "test_changes_between_pages_lose_nobody",
    TiesLost: "test_pages_of_a_user",
    LateCount: "test_count_begins_at_the_moment_itself",
    EagerPurge: "test_purge_removes_what_expired_before",
    EagerIdlePurge: "test_purge_removes_what_is_idle",
    PurgesWhatNeverExpires: "test_purge_removes_what_expired_before",
    PurgesIdleTombstones: "test_purge_removes_what_is_idle",
    KeepsTombstones: "test_purge_removes_expired_tombstones",
    PurgesAll: "test_purge_is_bounded",
    CountsTwice: "test_expired_and_idle_counts_once",
    PurgeForgetsTouches: "test_touched_sessions_are_not_purged",
    PurgeKeepsParts: "test_parts_go_with_their_session",
}


@pytest.mark.parametrize(
    ("mutant", "clause"),
    [pytest.param(mutant, clause, id=mutant.__name__) for mutant, clause in CAUGHT.items()],
)
def test_the_suite_catches(
    mutant: type[MemoryStorage], clause: str, failing_clauses: Callable[..., set[str]]
) -> None:
    """The clause that is about the defect fails."""
    assert {clause} == failing_clauses(mutant, [clause])
