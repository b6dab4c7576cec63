# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""The storage suite catches storages that are broken on purpose: batches, heads, setting up, watching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Barrier, Lock, current_thread, main_thread
from typing import Any, Final

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import RejectedError, StorageError
from sessionkit.records import SessionHead, SessionWrite, StoredSession
from sessionkit.session.fields import micros_now
from sessionkit.testing import storage_abilities
from sessionkit.testing.storage_samples import RACERS

pytest_plugins = ["pytester"]

PATIENCE: Final = 2.0


class AHundredAtMost(MemoryStorage):
    """Writes are left out beyond one statement's size."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        return [*super().write_many(writes[:100]), *[None] * len(writes[100:])]


class BatchesCheckThenWrite(MemoryStorage):
    """Two batches pass the comparison before either writes."""

    def __init__(self) -> None:
        super().__init__()
        self._both = Barrier(2, timeout=PATIENCE)

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        if current_thread() is not main_thread():
            self._both.wait()
        for write in writes:
            stored = StoredSession(head=write.head, parts=dict(write.put))
            self._sessions[write.head.session_id] = stored
        return [None] * len(writes)


class HeadsOfTheDeleted(MemoryStorage):
    """A delete leaves the head."""

    def __init__(self) -> None:
        super().__init__()
        self._heads: dict[str, SessionHead] = {}

    def read_head(self, session_id: str) -> SessionHead | None:
        return self._heads.get(session_id)

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self._heads[write.head.session_id] = write.head


class HeadsFromACache(MemoryStorage):
    """A head that was read once is not read again."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, SessionHead] = {}

    def read_head(self, session_id: str) -> SessionHead | None:
        found = super().read_head(session_id)
        return None if found is None else self._seen.setdefault(session_id, found)


class HeadsWithoutRecent(MemoryStorage):
    """Only what is cheap to tell is told."""

    def read_head(self, session_id: str) -> SessionHead | None:
        found = super().read_head(session_id)
        return None if found is None else attrs.evolve(found, recent=())


class HeadsByFoldedId(MemoryStorage):
    """Ids that differ in case have one head."""

    def read_head(self, session_id: str) -> SessionHead | None:
        ids = [one for one in self._sessions if one.casefold() == session_id.casefold()]
        return self._sessions[min(ids)].head if ids else None


class HeadsOfTheLiving(MemoryStorage):
    """Tombstones have no head."""

    def read_head(self, session_id: str) -> SessionHead | None:
        found = super().read_head(session_id)
        return None if found is None or found.ended else found


class HeadsByTheClock(MemoryStorage):
    """Expired sessions have no head."""

    def read_head(self, session_id: str) -> SessionHead | None:
        found = super().read_head(session_id)
        ends = None if found is None else found.expires_at
        return None if ends is not None and ends < micros_now() else found


class Prepared(MemoryStorage):
    """Can be set up, and is right."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[str] = []
        self.passed = Barrier(RACERS, timeout=PATIENCE)
        self.creating = Lock()

    def setup(self) -> None:
        with self.creating:
            if not self.tables:
                self.tables.append("session")


class EmptiesAtSetup(Prepared):
    """Setting up begins with nothing."""

    def setup(self) -> None:
        self._sessions.clear()


class SetUpOnce(Prepared):
    """Setting up again is refused."""

    def setup(self) -> None:
        if self.tables:
            msg = "the table is there"
            raise RejectedError(msg)
        super().setup()


class ChecksThenCreates(Prepared):
    """All replicas find no table before one of them creates it."""

    def setup(self) -> None:
        missing = not self.tables
        if current_thread() is not main_thread():
            self.passed.wait()
        with self.creating:
            if missing and self.tables:
                msg = "the table is there"
                raise RejectedError(msg)
            self.tables.append("session")


class CopiesAside(Prepared):
    """Setting up puts back what it copied, over what was saved meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._copied, self._saved = (Barrier(2, timeout=PATIENCE) for _ in range(2))

    def setup(self) -> None:
        copied = dict(self._sessions)
        if current_thread() is not main_thread():
            self._copied.wait()
            self._saved.wait()
        self._sessions.clear()
        self._sessions.update(copied)

    def write(self, write: SessionWrite) -> None:
        meets = write.head.session_id == "s0" and current_thread() is not main_thread()
        if meets:
            self._copied.wait()
        super().write(write)
        if meets:
            self._saved.wait()


class Watched(MemoryStorage):
    """Tells of saves, and is right."""

    def __init__(self) -> None:
        super().__init__()
        self.callbacks: list[Callable[[str], None]] = []

    def watch(self, callback: Callable[[str], None]) -> Watching:
        self.callbacks.append(callback)
        return Watching(self.callbacks, callback)

    def write(self, write: SessionWrite) -> None:
        super().write(write)
        self.tell(write.head.session_id)

    def tell(self, session_id: str) -> None:
        for callback in list(self.callbacks):
            callback(session_id)


@attrs.define
class Watching:
    """Stops the calls of one callback."""

    callbacks: list[Callable[[str], None]]
    callback: Callable[[str], None]

    def close(self) -> None:
        if self.callback in self.callbacks:
            self.callbacks.remove(self.callback)


class WatchingOnce(Watching):
    """Can be closed once."""

    def close(self) -> None:
        self.callbacks.remove(self.callback)


class Deaf(Watched):
    """Tells nobody."""

    def tell(self, session_id: str) -> None:
        pass


class TellsOthers(Watched):
    """Tells of sessions that nobody saved."""

    def tell(self, session_id: str) -> None:
        super().tell(session_id)
        super().tell(session_id.casefold())


class DeafToBatches(Watched):
    """Tells of the first session of a batch."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        for write in writes:
            MemoryStorage.write(self, write)
        self.tell(writes[0].head.session_id)
        return [None] * len(writes)


class NeverEnds(Watched):
    """Calls on after the watch was closed."""

    def watch(self, callback: Callable[[str], None]) -> Any:
        super().watch(callback)
        return Watching([], callback)


class ClosesOnce(Watched):
    """Closing again is an error."""

    def watch(self, callback: Callable[[str], None]) -> Any:
        super().watch(callback)
        return WatchingOnce(self.callbacks, callback)


class EndsAll(Watched):
    """Closing one watch ends the others."""

    def watch(self, callback: Callable[[str], None]) -> Any:
        super().watch(callback)
        return self

    def close(self) -> None:
        self.callbacks.clear()


CAUGHT: Final = {
    AHundredAtMost: "test_large_batch",
    BatchesCheckThenWrite: "test_batches_that_cross",
    HeadsOfTheDeleted: "test_head_of_an_unknown_id",
    HeadsFromACache: "test_heads_are_read_while_others_save",
    HeadsWithoutRecent: "test_head_is_that_of_the_session",
    HeadsByFoldedId: "test_head_is_that_of_the_session",
    HeadsOfTheLiving: "test_heads_of_what_has_ended",
    HeadsByTheClock: "test_heads_of_what_has_ended",
    EmptiesAtSetup: "test_setup_twice",
    SetUpOnce: "test_setup_twice",
    ChecksThenCreates: "test_setup_by_many_at_once",
    CopiesAside: "test_setup_while_others_save",
    Deaf: "test_saves_of_others_are_heard",
    TellsOthers: "test_saves_of_others_are_heard",
    DeafToBatches: "test_batches_of_others_are_heard",
    NeverEnds: "test_nothing_is_heard_after_close",
    ClosesOnce: "test_nothing_is_heard_after_close",
    EndsAll: "test_nothing_is_heard_after_close",
}


def _declared(mutant: type[MemoryStorage]) -> dict[str, bool]:
    return {"setup": issubclass(mutant, Prepared), "watch": issubclass(mutant, Watched)}


@pytest.mark.parametrize(
    ("mutant", "clause"),
    [pytest.param(mutant, clause, id=mutant.__name__) for mutant, clause in CAUGHT.items()],
)
def test_the_suite_catches(
    mutant: type[MemoryStorage],
    clause: str,
    failing_clauses: Callable[..., set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clause that is about the defect fails."""
    monkeypatch.setattr(storage_abilities, "_DEADLINE", 0.3)

    assert {clause} == failing_clauses(mutant, [clause], **_declared(mutant))


@pytest.mark.parametrize("right", [Prepared, Watched])
def test_the_suite_passes_what_is_not_broken(
    right: type[MemoryStorage], failing_clauses: Callable[..., set[str]]
) -> None:
    """No clause fails for the storages that these mutants are made of."""
    assert set() == failing_clauses(right, **_declared(right))


@pytest.mark.parametrize("ability", ["batch", "heads", "setup", "watch"])
def test_an_ability_that_is_not_declared_is_noticed(
    ability: str, failing_clauses: Callable[..., set[str]]
) -> None:
    """And one that is declared and not there, too."""

    class Able(Prepared, Watched):
        """Can do everything."""

    clause = "test_abilities_are_declared"
    able = {"batch": True, "heads": True, "setup": True, "watch": True}

    assert set() == failing_clauses(Able, [clause], **able)
    assert {clause} == failing_clauses(Able, [clause], **{**able, ability: False})
    if ability not in {"batch", "heads"}:
        assert {clause} == failing_clauses(MemoryStorage, [clause], **{ability: True})
