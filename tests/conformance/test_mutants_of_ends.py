# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: touches, deletes, handles and batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import ConflictError, StorageError
from sessionkit.records import SessionHead, SessionWrite, StoredSession

pytest_plugins = ["pytester"]


class TouchCreates(MemoryStorage):
    """A touch is an upsert."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        if super().touch(session_id, last_activity=last_activity, expires_at=expires_at):
            return True
        write = SessionWrite(
            head=SessionHead(
                session_id=session_id,
                version=1,
                save_id="touched",
                created_at=0,
                last_activity=last_activity,
            )
        )
        return self.read(session_id) is None and self.write(write) is None


class TouchMovesBack(MemoryStorage):
    """The last touch wins, however late it comes."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        return self._touched(session_id, last_activity=last_activity, expires_at=expires_at)

    def _touched(self, session_id: str, **fields: Any) -> bool:
        stored = self.read(session_id)
        if stored is None or stored.head.ended:
            return False
        head = attrs.evolve(stored.head, **fields)
        self._sessions[session_id] = attrs.evolve(stored, head=head)
        return True


class TouchIsASave(TouchMovesBack):
    """A touch makes a new version, and conflicts for all who are at work."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        touched = super().touch(session_id, last_activity=last_activity, expires_at=expires_at)
        return touched and self._touched(session_id, save_id="touched")


class TouchWakesTheDead(TouchMovesBack):
    """A tombstone is touched like anything else."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        stored = self.read(session_id)
        if stored is not None:
            head = attrs.evolve(stored.head, last_activity=last_activity, expires_at=expires_at)
            self._sessions[session_id] = attrs.evolve(stored, head=head)
        return stored is not None


class DeleteOnce(MemoryStorage):
    """Deleting what is not there is an error."""

    def delete(self, session_id: str) -> bool:
        del self._sessions[session_id]
        return True


class DeleteKeepsParts(MemoryStorage):
    """Parts outlive their session and come back with the next one of its id."""

    def __init__(self) -> None:
        super().__init__()
        self._graves: dict[str, Any] = {}

    def delete(self, session_id: str) -> bool:
        stored = self.read(session_id)
        self._graves[session_id] = stored.parts if stored else {}
        return super().delete(session_id)

    def write(self, write: SessionWrite) -> None:
        risen = self._graves.pop(write.head.session_id, {})
        super().write(attrs.evolve(write, put={**risen, **write.put}))


class BeginsAtOne(MemoryStorage):
    """What is created has the first version, whatever the write says."""

    def write(self, write: SessionWrite) -> None:
        if write.expected is None:
            write = attrs.evolve(write, head=attrs.evolve(write.head, version=1, recent=()))
        super().write(write)


class RemembersTheDeleted(MemoryStorage):
    """An id that was deleted takes no save but a first one."""

    def __init__(self) -> None:
        super().__init__()
        self._deleted: set[str] = set()

    def delete(self, session_id: str) -> bool:
        self._deleted.add(session_id)
        return super().delete(session_id)

    def write(self, write: SessionWrite) -> None:
        if write.head.session_id in self._deleted and write.head.version > 1:
            raise ConflictError(write.head.session_id, None)
        super().write(write)


class FreesTombstones(MemoryStorage):
    """An ended session may be created again."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is not None and stored.head.ended and write.expected is None:
            self.delete(write.head.session_id)
        super().write(write)


class CachesReads(MemoryStorage):
    """A handle remembers what it read."""

    def handle(self) -> MemoryStorage:
        other = super().handle()
        other._seen = {}
        return other

    def read(self, session_id: str) -> StoredSession | None:
        stored = super().read(session_id)
        return self._seen.setdefault(session_id, stored) if stored else None


class ClosesForAll(MemoryStorage):
    """Closing one handle ends the store."""

    def close(self) -> None:
        self._sessions.clear()


class AllOrNothing(MemoryStorage):
    """One conflict fails the batch."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        before = dict(self._sessions)
        outcomes = super().write_many(writes)
        failed = next(filter(None, outcomes), None)
        if failed is None:
            return outcomes
        self._sessions.clear()
        self._sessions.update(before)
        return [failed] * len(writes)


class SortedOutcomes(MemoryStorage):
    """Outcomes come in the order of the ids."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        return super().write_many(sorted(writes, key=lambda write: write.head.session_id))


class StopsAtTheFirst(MemoryStorage):
    """A conflict ends the batch."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        for number, write in enumerate(writes):
            (outcome,) = super().write_many([write])
            if outcome is not None:
                return [None] * number + [outcome] * (len(writes) - number)
        return [None] * len(writes)


class NoBatch(MemoryStorage):
    """Has no ``write_many`` and doesn't say so."""

    write_many = None


CAUGHT: Final = {
    TouchCreates: "test_touch_creates_nothing",
    TouchMovesBack: "test_late_touch_changes_nothing",
    TouchIsASave: "test_touch_moves_activity_and_expiry",
    TouchWakesTheDead: "test_touch_leaves_a_tombstone_alone",
    DeleteOnce: "test_delete_is_idempotent",
    DeleteKeepsParts: "test_deleted_id_can_be_created_anew",
    BeginsAtOne: "test_lost_record_is_stored_again_as_it_was",
    RemembersTheDeleted: "test_lost_record_is_stored_again_as_it_was",
    FreesTombstones: "test_tombstone_takes_the_id_for_good",
    CachesReads: "test_other_handles_see_every_change",
    ClosesForAll: "test_close_twice",
    AllOrNothing: "test_a_conflict_fails_no_other_write",
    SortedOutcomes: "test_a_conflict_fails_no_other_write",
    StopsAtTheFirst: "test_a_conflict_fails_no_other_write",
    NoBatch: "test_abilities_are_declared",
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
