# SPDX-License-Identifier: Apache-2.0
"""
Threads that race: clauses of the storage suite.

Threads start at a barrier and run until the other side has done its share, so
that both overlap on any machine. Nothing sleeps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Final

import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_lists import every_id
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    RACERS,
    SECOND,
    Connect,
    first,
    following,
    race,
)

_ROUNDS: Final = 5
_CALLS: Final = 40
_VISITORS: Final = 300


def is_stored(storage: Storage, write: SessionWrite) -> bool:
    """Try *write* and return whether it met no conflict."""
    try:
        storage.write(write)
    except ConflictError:
        return False
    return True


def write_until(done: Event, storage: Storage) -> int:
    """Save version after version, with parts that name it, and return the last one."""
    version = 1
    while not done.is_set() or version == 1:
        version += 1
        name = str(version).encode()
        storage.write(following(version, put={"a": name, "b": name}))
    return version


def come_and_go_until(done: Event, storage: Storage) -> None:
    """Create session after session, later than all others, and delete each when the next is there."""
    for number in range(_VISITORS):  # with an end, or a listing in their order could have none
        storage.write(first(f"a{number}", user_id="u", last_activity=NOW + number + 1))
        storage.delete(f"a{number - 1}")
        if done.is_set():
            return


class RaceClauses:
    """What must hold when threads meet."""

    @pytest.fixture(params=["shared", "own"])
    def handles(
        self, request: pytest.FixtureRequest, storage: Storage, connect: Connect
    ) -> list[Storage]:
        """Return a handle for each racer: one for all, or one each."""
        if request.param == "shared":
            return [storage] * RACERS
        return [connect() for _ in range(RACERS)]

    @pytest.fixture
    def _eager_switching(self) -> Iterator[None]:
        """Let threads take turns as often as the interpreter can."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(interval)

    @pytest.mark.usefixtures("_eager_switching")
    def test_one_of_many_creators_wins(self, handles: list[Storage]) -> None:
        """Of eight threads that create one session, one succeeds, and its parts are stored."""
        for session_id in map(str, range(_ROUNDS)):
            writes = [
                first(session_id, put={"a": bytes([number])}, save_id=f"{number:016x}")
                for number in range(RACERS)
            ]
            _check_one_winner(handles, writes)

    @pytest.mark.usefixtures("_eager_switching")
    def test_one_of_many_updaters_wins(self, handles: list[Storage]) -> None:
        """Of eight threads that save the next version, one succeeds, and its parts are stored."""
        for session_id in map(str, range(_ROUNDS)):
            handles[0].write(first(session_id, save_id=f"{1:016x}"))
            writes = [
                following(2, session_id, put={"a": bytes([number])}, save_id=f"f{number:015x}")
                for number in range(RACERS)
            ]
            _check_one_winner(handles, writes)

    @pytest.mark.usefixtures("_eager_switching")
    def test_reads_are_whole_while_others_write(self, storage: Storage, connect: Connect) -> None:
        """A read never pairs the head of one save with parts of another."""
        storage.write(first(put={"a": b"1", "b": b"1"}))
        done, reader = Event(), connect()

        def read() -> list[StoredSession | None]:
            try:
                return [reader.read("s") for _ in range(_CALLS)]
            finally:
                done.set()

        _, seen = race([lambda: write_until(done, storage), read])

        assert isinstance(seen, list)
        for stored in seen:
            assert stored is not None
            version = str(stored.head.version).encode()
            assert {"a": version, "b": version} == dict(stored.parts)

    @pytest.mark.usefixtures("_eager_switching")
    def test_touches_and_saves_undo_nothing_of_each_other(
        self, storage: Storage, connect: Connect
    ) -> None:
        """A touch never brings an older save back, a save never an older activity."""
        storage.write(first())
        done, toucher = Event(), connect()

        def touch() -> int:
            try:
                for number in range(1, _CALLS + 1):
                    moment = NOW + number * SECOND
                    assert toucher.touch("s", last_activity=moment, expires_at=moment + DAY)
            finally:
                done.set()
            return moment

        version, activity = race([lambda: write_until(done, storage), touch])

        stored = storage.read("s")
        assert stored is not None
        assert (version, activity) == (stored.head.version, stored.head.last_activity)
        assert str(version).encode() == stored.parts["a"]

    @pytest.mark.usefixtures("_eager_switching")
    def test_no_save_survives_a_delete(self, storage: Storage, connect: Connect) -> None:
        """A writer who is at it when a session is deleted meets a conflict, and it stays deleted."""
        storage.write(first())
        deleted, other = Event(), connect()

        def delete() -> object:
            try:
                return other.delete("s")
            finally:
                deleted.set()

        def write() -> object:
            for version in range(2, sys.maxsize):
                was_deleted = deleted.is_set()
                if not is_stored(storage, following(version, put={"a": b"1"})):
                    return None
                assert not was_deleted
            return None

        race([write, delete])

        assert storage.read("s") is None

    @pytest.mark.usefixtures("_eager_switching")
    def test_purge_spares_what_was_touched(self, storage: Storage, connect: Connect) -> None:
        """Touch and purge meet: the touch says True exactly if the session is still there."""
        other = connect()
        for session_id in map(str, range(_CALLS)):
            storage.write(first(session_id, expires_at=NOW - SECOND))

            touched, purged = race(
                [
                    lambda: storage.touch(session_id, last_activity=NOW, expires_at=NOW + DAY),  # noqa: B023 - runs at once
                    lambda: other.purge(expired_before=NOW, limit=1),
                ]
            )

            assert {touched, bool(purged)} == {True, False}
            assert touched == (storage.read(session_id) is not None)

    @pytest.mark.usefixtures("_eager_switching")
    @pytest.mark.parametrize("user_id", [None, "u"])
    def test_pages_while_others_write(
        self, storage: Storage, connect: Connect, user_id: str | None
    ) -> None:
        """A listing shows what stays as it is exactly once, while others come and go."""
        staying = [f"s{number}" for number in range(10)]
        for number, session_id in enumerate(staying):
            storage.write(first(session_id, user_id="u", last_activity=NOW - number))
        done, reader = Event(), connect()

        def read() -> list[list[str]]:
            try:
                return [every_id(reader, user_id=user_id) for _ in range(_ROUNDS)]
            finally:
                done.set()

        _, listings = race([lambda: come_and_go_until(done, storage), read])

        assert isinstance(listings, list)
        for listed in listings:
            assert staying == sorted(name for name in listed if name in staying)


def _check_one_winner(handles: Sequence[Storage], writes: Sequence[SessionWrite]) -> None:
    def attempt(handle: Storage, write: SessionWrite) -> Callable[[], bool]:
        return lambda: is_stored(handle, write)

    outcomes = race([attempt(*pair) for pair in zip(handles, writes, strict=True)])

    assert 1 == outcomes.count(True)
    winner = writes[outcomes.index(True)]
    stored = handles[0].read(winner.head.session_id)
    assert stored is not None
    assert (winner.head.save_id, winner.put) == (stored.head.save_id, stored.parts)
