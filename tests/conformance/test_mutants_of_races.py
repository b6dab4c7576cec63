# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""
The storage suite catches storages that are broken on purpose: threads that meet.

A mutant waits at its weak point until another thread is where it does harm, so
that it is caught every time. What prepares a clause, on the main thread, waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Condition, current_thread, main_thread
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import ConflictError
from sessionkit.records import SessionPage, SessionWrite, StoredSession
from sessionkit.testing.storage_samples import RACERS

pytest_plugins = ["pytester"]


PATIENCE: Final = 2.0


class Meeting(MemoryStorage):
    """Lets threads wait for what others have done."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = Condition()
        self._seen: list[str] = []

    def _tell(self, what: str) -> None:
        with self._changed:
            self._seen.append(what)
            self._changed.notify_all()

    def _await(self, what: str, more_than: int = 0) -> None:
        """Wait until *what* was told more often than that."""
        if current_thread() is main_thread():
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._told(what) > more_than, PATIENCE):
                raise TimeoutError(what)

    def _told(self, what: str) -> int:
        return self._seen.count(what)

    def _fits(self, write: SessionWrite) -> bool:
        stored = self.read(write.head.session_id)
        return write.expected == (stored.head.save_id if stored else None)

    def _force(self, write: SessionWrite) -> None:
        stored = self._sessions.get(write.head.session_id)
        parts = {**(stored.parts if stored else {}), **write.put}
        self._sessions[write.head.session_id] = StoredSession(head=write.head, parts=parts)


class ChecksThenWrites(Meeting):
    """All racers pass the check before one of them writes."""

    def __init__(self) -> None:
        super().__init__()
        self._all_passed = Barrier(RACERS, timeout=PATIENCE)

    def write(self, write: SessionWrite) -> None:
        if not self._fits(write):
            raise ConflictError(write.head.session_id)
        if current_thread() is not main_thread():
            self._all_passed.wait()
        self._force(write)


class ChecksThenWritesUpdates(ChecksThenWrites):
    """Creates are guarded, updates are not."""

    def write(self, write: SessionWrite) -> None:
        if write.expected is None:
            MemoryStorage.write(self, write)
        else:
            super().write(write)


class TornRead(Meeting):
    """Reads the head, then, when a save has come between, the parts."""

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self._tell("written")

    def read(self, session_id: str) -> StoredSession | None:
        before, written = super().read(session_id), self._told("written")
        self._await("written", more_than=written)
        after = super().read(session_id)
        return after and before and attrs.evolve(after, head=before.head)


class TornWrite(Meeting):
    """Stores the head, then, when someone has read it, the parts."""

    def write(self, write: SessionWrite) -> None:
        super().write(attrs.evolve(write, put={}))
        self._tell("half")
        if self._told("half") > 1:
            self._await("read")
        self._force(write)

    def read(self, session_id: str) -> StoredSession | None:
        self._await("half", more_than=1)
        stored = super().read(session_id)
        self._tell("read")
        return stored


class TouchReadsThenWrites(Meeting):
    """A touch puts back the session that it read, though a save has come between."""

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self._tell("written")

    def touch(self, session_id: str, **moved: Any) -> bool:
        stored, written = self._sessions[session_id], self._told("written")
        self._await("written", more_than=written)
        head = attrs.evolve(stored.head, **moved)
        self._sessions[session_id] = attrs.evolve(stored, head=head)
        return True


class SavesOverADelete(Meeting):
    """A save that was checked is stored, though a delete has come between."""

    def write(self, write: SessionWrite) -> None:
        if not self._fits(write):
            raise ConflictError(write.head.session_id)
        if write.expected is not None:
            self._tell("checked")
            self._await("deleted")
        self._force(write)

    def delete(self, session_id: str) -> bool:
        self._await("checked")
        deleted = super().delete(session_id)
        self._tell("deleted")
        return deleted


class PurgesWhatWasDue(Meeting):
    """Purges what it has chosen, though a touch has come between."""

    def purge(self, *, expired_before: int, **_: Any) -> int:
        chosen = [head for head in self._living() if (head.expires_at or 0) < expired_before]
        self._tell("chosen")
        self._await("touched")
        for head in chosen:
            del self._sessions[head.session_id]
        return len(chosen)

    def touch(self, session_id: str, **moved: Any) -> bool:
        self._await("chosen")
        touched = super().touch(session_id, **moved)
        self._tell("touched")
        return touched


class OffsetPages(Meeting):
    """A cursor counts what was shown, though someone has come at the head meanwhile."""

    def write(self, write: SessionWrite) -> None:
        self._await("paged")
        if current_thread() is main_thread() or not self._told("written"):
            super().write(write)
        if current_thread() is not main_thread():
            self._tell("written")

    def delete(self, session_id: str) -> bool:
        return bool(session_id)

    def find(self, *, limit: int = 100, cursor: str | None = None, **user: Any) -> SessionPage:
        if cursor is not None:
            self._await("written")
        begin = int(cursor or 0)
        heads = super().find(limit=10_000, **user).heads
        end = begin + limit
        self._tell("paged")
        more = str(end) if end < len(heads) else None
        return SessionPage(heads=heads[begin:end], cursor=more)


CAUGHT: Final = {
    ChecksThenWrites: "test_one_of_many_creators_wins",
    ChecksThenWritesUpdates: "test_one_of_many_updaters_wins",
    TornRead: "test_reads_are_whole_while_others_write",
    TornWrite: "test_reads_are_whole_while_others_write",
    TouchReadsThenWrites: "test_touches_and_saves_undo_nothing_of_each_other",
    SavesOverADelete: "test_no_save_survives_a_delete",
    OffsetPages: "test_pages_while_others_write",
    PurgesWhatWasDue: "test_purge_spares_what_was_touched",
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
