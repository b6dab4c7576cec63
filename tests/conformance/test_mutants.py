# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import ConflictError
from sessionkit.records import SessionWrite, StoredSession

pytest_plugins = ["pytester"]


class NoGuard(MemoryStorage):
    """Takes every write."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        super().write(attrs.evolve(write, expected=stored and stored.head.save_id))


class BlindUpdate(MemoryStorage):
    """An update of nothing creates: a late save brings a deleted session back."""

    def write(self, write: SessionWrite) -> None:
        missing = self.read(write.head.session_id) is None
        super().write(attrs.evolve(write, expected=None) if missing else write)


class BlindCreate(MemoryStorage):
    """A create replaces what is there."""

    def write(self, write: SessionWrite) -> None:
        if write.expected is None:
            self.delete(write.head.session_id)
        super().write(write)


class PartsBeforeGuard(MemoryStorage):
    """A refused write has changed parts already."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is not None:
            parts = {**stored.parts, **write.put}
            self._sessions[write.head.session_id] = attrs.evolve(stored, parts=parts)
        super().write(write)


class SilentConflict(MemoryStorage):
    """Says that something else is stored, but not what."""

    def write(self, write: SessionWrite) -> None:
        try:
            super().write(write)
        except ConflictError as error:
            raise ConflictError(error.session_id) from error


class IgnoresOwnSave(MemoryStorage):
    """Its own write, sent again, is a conflict."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is not None and stored.head.save_id == write.head.save_id:
            raise ConflictError(write.head.session_id, stored.head)
        super().write(write)


class TakesAncestors(MemoryStorage):
    """A repeated write counts as stored, though a foreign one lies on top."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        if stored is None or write.head.save_id not in stored.head.recent:
            super().write(write)


class WritesActivityBack(MemoryStorage):
    """A late writer moves the activity back."""

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        stored = self._sessions[write.head.session_id]
        head = attrs.evolve(stored.head, last_activity=write.head.last_activity)
        self._sessions[write.head.session_id] = attrs.evolve(stored, head=head)


class ForgetsRemove(MemoryStorage):
    """Parts are never removed."""

    def write(self, write: SessionWrite) -> None:
        super().write(attrs.evolve(write, remove=()))


class ReplacesAllParts(MemoryStorage):
    """Parts that a write doesn't name are gone."""

    def write(self, write: SessionWrite) -> None:
        stored = self.read(write.head.session_id)
        super().write(attrs.evolve(write, remove=stored.parts if stored else ()))


class DropsEmptyParts(MemoryStorage):
    """An empty part is taken for none."""

    def write(self, write: SessionWrite) -> None:
        put = {name: data for name, data in write.put.items() if data}
        super().write(attrs.evolve(write, put=put))


class CutsParts(MemoryStorage):
    """A part ends at its first NUL byte."""

    def write(self, write: SessionWrite) -> None:
        put = {name: data.partition(b"\0")[0] for name, data in write.put.items()}
        super().write(attrs.evolve(write, put=put))


class RoundsTimes(MemoryStorage):
    """Times go through floating-point seconds."""

    def write(self, write: SessionWrite) -> None:
        rounded = int(float(write.head.created_at))
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, created_at=rounded)))


class ForgetsRecent(MemoryStorage):
    """The saves before are not kept."""

    def write(self, write: SessionWrite) -> None:
        super().write(attrs.evolve(write, head=attrs.evolve(write.head, recent=())))


class HidesExpired(MemoryStorage):
    """Has a clock of its own, and an opinion."""

    def read(self, session_id: str) -> StoredSession | None:
        stored = super().read(session_id)
        expiry = stored and stored.head.expires_at
        created = stored and stored.head.created_at
        return None if expiry and created and expiry < created else stored


CAUGHT: Final = {
    NoGuard: "test_other_expectation_is_a_conflict",
    BlindUpdate: "test_late_save_after_delete_is_a_conflict",
    BlindCreate: "test_other_expectation_is_a_conflict",
    PartsBeforeGuard: "test_other_expectation_is_a_conflict",
    SilentConflict: "test_handles_guard_against_each_other",
    IgnoresOwnSave: "test_repeated_update_succeeds",
    TakesAncestors: "test_own_save_under_a_foreign_one_is_a_conflict",
    WritesActivityBack: "test_activity_never_moves_back_by_a_write",
    ForgetsRemove: "test_parts_not_named_stay",
    ReplacesAllParts: "test_parts_not_named_stay",
    DropsEmptyParts: "test_any_bytes_come_back",
    CutsParts: "test_any_bytes_come_back",
    RoundsTimes: "test_every_field_of_a_head_comes_back",
    ForgetsRecent: "test_next_version_replaces",
    HidesExpired: "test_expired_sessions_are_read",
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


def test_the_suite_passes_what_is_not_broken(failing_clauses: Callable[..., set[str]]) -> None:
    """No clause fails for the storage that the mutants are made of."""
    assert set() == failing_clauses(MemoryStorage)
