# SPDX-License-Identifier: Apache-2.0
"""
Threads that race: clauses of the storage suite.

Threads start at a barrier and run until the other side has done its share, so
that both overlap on any machine. Nothing sleeps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Condition, Event
from typing import Any, Final, TypeAlias, cast

import attrs
import pytest

from sessionkit.errors import ConflictError, UnavailableError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.storage import BatchStorage, Closeable, SetupStorage, Storage, WatchStorage
from sessionkit.testing.storage_lists import every_id
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    RACERS,
    SECOND,
    AbilityClauses,
    Connect,
    first,
    following,
    head,
    need,
    race,
    save_id,
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


# Processes that share a store: clauses of the storage suite.

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


# Hearing of what others change: clauses of the storage suite.

_DEADLINE: Final = 10.0
_EACH: Final = 0.25
"""How long to wait before one more save, in seconds."""

_ID: Final = "{a}:Ab \u00e9*"
"""The id that is heard byte for byte."""


class Heard:
    """Notes what a callback is told."""

    def __init__(self, storage: Storage) -> None:
        """Begin to watch."""
        self._changed = Condition()
        self.ids: list[str] = []
        self.watching: Closeable = cast("WatchStorage", storage).watch(self._take)

    def _take(self, session_id: str) -> None:
        with self._changed:
            self.ids.append(session_id)
            self._changed.notify_all()

    def hears(self, session_id: str, change: Callable[[], object]) -> bool:
        """Make the change again and again until it is heard; False when the deadline has passed."""
        ends = time.monotonic() + _DEADLINE
        while time.monotonic() < ends:
            change()
            with self._changed:
                if self._changed.wait_for(lambda: session_id in self.ids, _EACH):
                    return True
        return False


Listen: TypeAlias = Callable[[Storage], Heard]
"""Begins to watch through a handle."""


def _saves(session_id: str) -> Iterator[SessionWrite]:
    yield first(session_id, put={"a": b"1"})
    for version in count(2):
        yield following(version, session_id)


class WatchClauses(AbilityClauses):
    """What ``watch`` does."""

    @pytest.fixture
    def listen(self) -> Iterator[Listen]:
        """Return a function that begins to watch; what is still watched is closed after the test."""
        begun: list[Heard] = []

        def listen(storage: Storage) -> Heard:
            need(declared=self.watch, method="watch")
            begun.append(Heard(storage))
            return begun[-1]

        yield listen
        for heard in begun:
            heard.watching.close()

    def test_saves_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """A callback is called with the id of a session that another handle saves, and with no other."""
        heard, writes, other = listen(storage), _saves(_ID), connect()

        assert heard.hears(_ID, lambda: other.write(next(writes)))
        assert {_ID} == set(heard.ids)

    def test_batches_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """Each session of a batch is heard of."""
        need(declared=self.batch, method="write_many")
        heard, other = listen(storage), cast("BatchStorage", connect())
        batches = zip(_saves("a"), _saves("b"), strict=True)

        assert heard.hears("a", lambda: other.write_many(next(batches)))
        assert heard.hears("b", lambda: other.write_many(next(batches)))

    def test_nothing_is_heard_after_close(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """Closing, also twice, ends the calls of that callback and of no other."""
        closed, kept, writes, other = listen(storage), listen(storage), _saves("s"), connect()
        closed.watching.close()
        closed.watching.close()

        assert kept.hears("s", lambda: other.write(next(writes)))
        assert [] == closed.ids


# Setting a store up: clauses of the storage suite.


def _set_up(storage: Storage) -> Callable[[], None]:
    return cast("SetupStorage", storage).setup


class SetupClauses(AbilityClauses):
    """What ``setup`` does."""

    @pytest.fixture
    def connect_unprepared(self, connect: Connect) -> Connect:
        """
        Return a function that opens handles on one store that nobody has set up.

        Override it where ``connect`` hands out a store that is set up already.
        """
        need(declared=self.setup, method="setup")
        return connect

    def test_setup_twice(self, storage: Storage) -> None:
        """Setting up again is fine and loses nothing."""
        need(declared=self.setup, method="setup")
        set_up = _set_up(storage)
        set_up()
        storage.write(first(put={"a": b"1"}))

        set_up()

        assert StoredSession(head=head(), parts={"a": b"1"}) == storage.read("s")
        storage.write(following(2))

    def test_setup_by_many_at_once(self, connect_unprepared: Connect) -> None:
        """Eight replicas that start together set one store up, and each can use it."""
        need(declared=self.setup, method="setup")
        handles = [connect_unprepared() for _ in range(RACERS)]

        race([_set_up(handle) for handle in handles])

        for number, handle in enumerate(handles):
            handle.write(first(f"s{number}"))
        listed = {found.session_id for found in handles[0].find().heads}
        assert {f"s{number}" for number in range(RACERS)} == listed

    def test_setup_while_others_save(self, storage: Storage, connect: Connect) -> None:
        """A replica that starts sets up beneath the saves of another, and none of them is lost."""
        need(declared=self.setup, method="setup")
        _set_up(storage)()
        writes = [first(f"s{number}", put={"a": b"1"}) for number in range(20)]

        def save() -> None:
            for write in writes:
                storage.write(write)

        race([save, _set_up(connect())])

        for write in writes:
            stored = StoredSession(head=write.head, parts=write.put)
            assert stored == storage.read(write.head.session_id)


# A store that can't be reached: clauses of the storage suite.

_CALLS_storage_outages: Final[Mapping[str, Callable[[Any], object]]] = {
    "read": lambda storage: storage.read("s"),
    "write": lambda storage: storage.write(first()),
    "touch": lambda storage: storage.touch("s", last_activity=NOW, expires_at=None),
    "delete": lambda storage: storage.delete("s"),
    "find": lambda storage: storage.find(),
    "count": lambda storage: storage.count(active_since=0),
    "purge": lambda storage: storage.purge(expired_before=NOW, limit=10),
    "read_head": lambda storage: storage.read_head("s"),
}


class OutageClauses:
    """What a storage says while its store is away: what is saved then is tried again, and not lost."""

    @pytest.fixture
    def unreachable(self) -> Storage:
        """
        Return a handle whose store can't be reached.

        Override it with one whose server is stopped, whose port nobody listens at, whose folder was
        moved; a store that is always there has none.
        """
        pytest.skip("the suite was given no unreachable store: override the fixture of that name")

    @pytest.mark.parametrize("method", _CALLS_storage_outages)
    def test_a_store_that_is_away_is_unavailable(self, unreachable: Storage, method: str) -> None:
        """Each call raises UnavailableError, with the driver's error as its cause; none says that nothing is there."""
        if not callable(getattr(unreachable, method, None)):
            pytest.skip(f"the storage has no {method}()")

        with pytest.raises(UnavailableError) as caught:
            _CALLS_storage_outages[method](unreachable)

        assert isinstance(caught.value.__cause__, Exception)
