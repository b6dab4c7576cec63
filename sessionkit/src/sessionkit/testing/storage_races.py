# SPDX-License-Identifier: Apache-2.0
"""
Threads and processes that race on one store: clauses of the storage suite.

Threads start at a barrier and run until the other side has done its share, so
that both overlap on any machine. Nothing sleeps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Event
from typing import Final, TypeAlias

import attrs
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
    save_id,
)

_ROUNDS: Final = 5
_CALLS: Final = 40
_VISITORS: Final = 300


# -- threads ---------------------------------------------------------------------------


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


def _check_one_winner(handles: Sequence[Storage], writes: Sequence[SessionWrite]) -> None:
    def attempt(handle: Storage, write: SessionWrite) -> Callable[[], bool]:
        return lambda: is_stored(handle, write)

    outcomes = race([attempt(*pair) for pair in zip(handles, writes, strict=True)])

    assert 1 == outcomes.count(True)
    winner = writes[outcomes.index(True)]
    stored = handles[0].read(winner.head.session_id)
    assert stored is not None
    assert (winner.head.save_id, winner.put) == (stored.head.save_id, stored.parts)


# -- processes -------------------------------------------------------------------------


Opener: TypeAlias = Callable[[], Storage]
"""Opens one more handle on the same store, in any process."""

_PROCESSES: Final = 3
_INCREMENTS: Final = 25
_ACKNOWLEDGED: Final = 15
_PART_SIZE: Final = 200_000


class StorageProcessConformance:
    """
    What must hold when processes share one store and when one is killed.

    Subclass it beside ``StorageConformance`` for a store that outlives its
    process, and override the ``opener`` fixture.
    """

    @pytest.fixture
    def opener(self) -> Opener:
        """
        Return a function that opens one more handle on the same, empty store.

        It is pickled, so what it calls must be importable: a ``functools.partial``
        of your storage's class, say. The suite closes what it opens with it.
        """
        raise NotImplementedError

    def test_processes_lose_no_save(self, opener: Opener) -> None:
        """Processes that count up one session by compare-and-set count every step."""
        with closing(opener()) as storage:
            storage.write(first(put={"count": b"0"}))
            with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
                list(pool.map(count_up, [opener] * _PROCESSES, range(_PROCESSES)))
            stored = storage.read("s")

        assert stored is not None
        steps = _PROCESSES * _INCREMENTS
        assert (1 + steps, str(steps).encode()) == (stored.head.version, stored.parts["count"])

    def test_killed_process_leaves_whole_sessions(self, opener: Opener) -> None:
        """A process killed while it saves loses nothing that it was told is stored, and tears nothing."""
        acknowledged = _write_and_be_killed(opener)

        with closing(opener()) as storage:
            stored = storage.read("s")
            assert stored is not None
            version = stored.head.version
            storage.write(following(version + 1))

        assert acknowledged <= version
        assert save_id(version) == stored.head.save_id
        is_whole = _parts(version) == stored.parts  # their difference would take minutes to show
        assert is_whole


def count_up(opener: Opener, process: int) -> None:
    """Count the session up, again and again, by reading, adding one and compare-and-set."""
    storage = opener()
    for step in range(_INCREMENTS):
        # Never the id that the session began with: to be stored once more it would look untouched.
        while not _counted(storage, f"{process + 1:08x}{step:08x}"):
            pass
    storage.close()


def _counted(storage: Storage, new_save_id: str) -> bool:
    stored = storage.read("s")
    assert stored is not None
    write = SessionWrite(
        head=attrs.evolve(stored.head, version=stored.head.version + 1, save_id=new_save_id),
        expected=stored.head.save_id,
        put={"count": str(int(stored.parts["count"]) + 1).encode()},
    )
    try:
        storage.write(write)
    except ConflictError:
        return False
    return True


def write_for_ever(opener: Opener, told: Connection) -> None:
    """Save version after version and tell each that is stored."""
    storage = opener()
    version = 1
    storage.write(first(put=_parts(version)))
    while True:
        told.send(version)
        version += 1
        storage.write(following(version, put=_parts(version)))


def _write_and_be_killed(opener: Opener) -> int:
    """Kill a process in the midst of its saves and return the last version that it told."""
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=write_for_ever, args=(opener, there), daemon=True)
    process.start()
    there.close()
    version = 0
    while version < _ACKNOWLEDGED:
        version = here.recv()
    process.kill()
    process.join()
    here.close()
    process.close()
    return version


def _parts(version: int) -> dict[str, bytes]:
    text = save_id(version).encode()
    return {"a": text * (_PART_SIZE // len(text)), "b": text}
