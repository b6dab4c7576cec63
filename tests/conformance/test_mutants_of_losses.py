# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: lost answers, wrong clocks, large parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import ConflictError
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession
from sessionkit.session.fields import micros_now

pytest_plugins = ["pytester"]

LARGE: Final = 1000


class Landed(MemoryStorage):
    """Tells whether a write has landed already."""

    def _landed(self, write: SessionWrite) -> bool:
        stored = self.read(write.head.session_id)
        return stored is not None and stored.head.save_id == write.head.save_id

    def _force(self, head: SessionHead) -> None:
        stored = self._sessions[head.session_id]
        self._sessions[head.session_id] = attrs.evolve(stored, head=head)


class WritesAgain(Landed):
    """A write that has landed is written again, over what was touched since."""

    def write(self, write: SessionWrite) -> None:
        landed = self._landed(write)
        super().write(write)
        if landed:
            self._force(write.head)


class LandsAgain(MemoryStorage):
    """Nothing is taken for the state before the write."""

    def write(self, write: SessionWrite) -> None:
        gone = self.read(write.head.session_id) is None
        super().write(attrs.evolve(write, expected=None) if gone else write)


class ComparesVersions(MemoryStorage):
    """Whatever is one version older is taken for what was expected."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is not None and stored.head.version == write.head.version - 1:
            write = attrs.evolve(write, expected=stored.head.save_id)
        super().write(write)


class WantsTheNextVersion(Landed):
    """A version may not be left out."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        version = write.head.version
        if stored is not None and not self._landed(write) and version != stored.head.version + 1:
            raise ConflictError(write.head.session_id, stored.head)
        super().write(write)


class WantsALaterVersion(Landed):
    """A version may not go back."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        version = write.head.version
        if stored is not None and not self._landed(write) and version <= stored.head.version:
            raise ConflictError(write.head.session_id, stored.head)
        super().write(write)


class TakesAnyTime(Landed):
    """The last writer's clock is right."""

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self._force(write.head)


class ListsWhatWasWritten(MemoryStorage):
    """The index that lists, counts and purges go by holds what the last save said."""

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self.__dict__.setdefault("index", {})[write.head.session_id] = write.head.last_activity

    def count(self, *, active_since: int) -> int:
        return sum(activity >= active_since for activity in self.__dict__["index"].values())


class DoubtsTheFuture(MemoryStorage):
    """Has a clock, and believes it."""

    def write(self, write: SessionWrite) -> None:
        activity = min(write.head.last_activity, micros_now())
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, last_activity=activity)))


class BelievesEveryClock(MemoryStorage):
    """Never moves an activity back, however far ahead it lies."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        stored = self.read(session_id)
        if stored is not None and stored.head.last_activity > last_activity:
            return not stored.head.ended
        return super().touch(session_id, last_activity=last_activity, expires_at=expires_at)

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        latest = max(write.head.last_activity, stored.head.last_activity if stored else 0)
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, last_activity=latest)))


class BelievesEveryClockOfSaves(BelievesEveryClock):
    """The same, looked at by its saves."""


class TakesBackEveryTime(MemoryStorage):
    """Believes nothing that lies ahead."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        stored = self.read(session_id)
        if stored is None or stored.head.ended:
            return False
        head = attrs.evolve(stored.head, last_activity=last_activity, expires_at=expires_at)
        self._sessions[session_id] = attrs.evolve(stored, head=head)
        return True


class KeepsTails(Landed):
    """A shorter part is written over the beginning of a longer one."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        old = stored.parts if stored else {}
        put = {name: data + old.get(name, b"")[len(data) :] for name, data in write.put.items()}
        super().write(attrs.evolve(write, put=put))


class LargePartsAhead(MemoryStorage):
    """Large parts are sent before the save is compared."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is not None:
            large = {name: data for name, data in write.put.items() if len(data) > LARGE}
            ahead = StoredSession(head=stored.head, parts={**stored.parts, **large})
            self._sessions[write.head.session_id] = ahead
        super().write(write)


class CursorNamesASession(MemoryStorage):
    """A page begins behind the session that came last, or not at all when that one is gone."""

    def find(self, *, limit: int = 100, cursor: str | None = None, **user: Any) -> SessionPage:
        heads = list(super().find(limit=10_000, **user).heads)
        ids = [head.session_id for head in heads]
        begin = 0
        if cursor is not None:
            begin = ids.index(cursor) + 1 if cursor in ids else len(ids)
        shown = heads[begin : begin + limit]
        more = shown[-1].session_id if len(heads) > begin + limit else None
        return SessionPage(heads=shown, cursor=more)


CAUGHT: Final = {
    WritesAgain: "test_lost_answer_after_a_touch",
    LandsAgain: "test_lost_answer_of_a_deleted_session",
    ComparesVersions: "test_another_session_under_the_id",
    WantsTheNextVersion: "test_store_that_went_back",
    WantsALaterVersion: "test_version_may_be_lower_than_the_stored_one",
    TakesAnyTime: "test_a_clock_behind_moves_nothing_back",
    ListsWhatWasWritten: "test_lists_go_by_the_activity_that_is_kept",
    DoubtsTheFuture: "test_a_clock_ahead",
    BelievesEveryClock: "test_a_touch_takes_back_what_a_clock_ahead_wrote",
    BelievesEveryClockOfSaves: "test_a_save_takes_back_what_a_clock_ahead_wrote",
    TakesBackEveryTime: "test_a_day_ahead_is_believed",
    KeepsTails: "test_parts_grow_and_shrink",
    LargePartsAhead: "test_a_refused_save_leaves_no_large_part",
    CursorNamesASession: "test_a_cursor_outlives_its_session",
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
