# SPDX-License-Identifier: Apache-2.0
"""
What a storage may be able to do, as its suite declares it: clauses that are skipped where it is not.

Many saves in one call, heads without parts, setting up, watching; and what it says of a store that
is away, where the suite is given one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from threading import Condition
from typing import Any, ClassVar, Final, TypeAlias, cast

import attrs
import pytest

from sessionkit.errors import ConflictError, StorageError, UnavailableError
from sessionkit.records import SessionHead, SessionWrite, StoredSession
from sessionkit.storage import (
    BatchStorage,
    Closeable,
    HeadStorage,
    SetupStorage,
    Storage,
    WatchStorage,
)
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    RACERS,
    SECOND,
    Connect,
    first,
    following,
    head,
    race,
    tombstone,
)

_METHODS: Final = (
    ("batch", "write_many"),
    ("heads", "read_head"),
    ("setup", "setup"),
    ("watch", "watch"),
)

_LARGEST: Final = (1 << 63) - 1
_ATTEMPTS: Final = 5
_MANY: Final = 300
"""More than a store may take in one statement, or in one round trip."""

_IDS: Final = ("Ab", "ab", "{ab}")
_DEADLINE: Final = 10.0
_EACH: Final = 0.25
"""How long to wait before one more save, in seconds."""

_ID: Final = "{a}:Ab \u00e9*"
"""The id that is heard byte for byte."""

_CALLS: Final[Mapping[str, Callable[[Any], object]]] = {
    "read": lambda storage: storage.read("s"),
    "write": lambda storage: storage.write(first()),
    "touch": lambda storage: storage.touch("s", last_activity=NOW, expires_at=None),
    "delete": lambda storage: storage.delete("s"),
    "find": lambda storage: storage.find(),
    "count": lambda storage: storage.count(active_since=0),
    "purge": lambda storage: storage.purge(expired_before=NOW, limit=10),
    "read_head": lambda storage: storage.read_head("s"),
}


class AbilityClauses:
    """
    The optional abilities: one attribute each, False unless the subclass says True.

    Clauses about an ability that is declared absent are skipped.

    Attributes:
        batch: Whether the storage has ``write_many``.
        heads: Whether it has ``read_head``.
        setup: Whether it has ``setup``.
        watch: Whether it has ``watch``.
    """

    batch: ClassVar[bool] = False
    heads: ClassVar[bool] = False
    setup: ClassVar[bool] = False
    watch: ClassVar[bool] = False

    @pytest.mark.parametrize(("ability", "method"), _METHODS)
    def test_abilities_are_declared(self, storage: Storage, ability: str, method: str) -> None:
        """The attribute says whether the storage has the method: no ability goes untested."""
        declared = getattr(self, ability)
        there = callable(getattr(storage, method, None))

        assert declared == there, f"set {ability} = {there} in the class that runs the suite"


def need(*, declared: bool, method: str) -> None:
    """Skip the clause if the storage is declared to lack the method that it is about."""
    if not declared:
        pytest.skip(f"the storage is declared without {method}()")


# -- many saves in one call ------------------------------------------------------------


class BatchClauses(AbilityClauses):
    """What ``write_many`` does."""

    @pytest.fixture
    def batch_storage(self, storage: Storage) -> BatchStorage:
        """Return the first handle."""
        need(declared=self.batch, method="write_many")
        return cast("BatchStorage", storage)

    def test_empty_batch(self, batch_storage: BatchStorage) -> None:
        """No writes, no outcomes."""
        assert [] == list(batch_storage.write_many([]))

    def test_batch_stores_every_write(self, batch_storage: BatchStorage) -> None:
        """Creates and updates, parts put and removed: all as single writes would do it."""
        batch_storage.write(first("b", put={"kept": b"1", "removed": b"1"}))
        writes = [
            first("c", put={"a": b"c"}),
            following(2, "b", put={"a": b"b"}, remove=["removed"]),
            first("a"),
        ]

        assert [None, None, None] == list(batch_storage.write_many(writes))

        assert StoredSession(head=head("c"), parts={"a": b"c"}) == batch_storage.read("c")
        parts = {"a": b"b", "kept": b"1"}
        assert StoredSession(head=head("b", version=2), parts=parts) == batch_storage.read("b")
        assert StoredSession(head=head("a")) == batch_storage.read("a")

    def test_a_conflict_fails_no_other_write(self, batch_storage: BatchStorage) -> None:
        """Each write has its own outcome, in the order of the writes."""
        for session_id in ("taken", "stale", "fine"):
            batch_storage.write(first(session_id, put={"a": b"1"}))
        batch_storage.write(following(2, "stale"))
        writes = [
            following(2, "stale", save_id="f" * 16, put={"a": b"late"}),
            first("new"),
            following(2, "gone"),
            following(2, "fine", put={"a": b"2"}),
            first("taken", save_id="f" * 16, put={"a": b"late"}),
        ]

        outcomes = batch_storage.write_many(writes)

        expected = [head("stale", version=2), "stored", None, "stored", head("taken")]
        assert expected == [_outcome(outcome) for outcome in outcomes]
        ids = ("stale", "fine", "taken")
        sessions = [batch_storage.read(session_id) for session_id in ids]
        assert [b"1", b"2", b"1"] == [found.parts["a"] for found in sessions if found]
        assert batch_storage.read("new") is not None
        assert batch_storage.read("gone") is None

    def test_repeated_batch_succeeds(self, batch_storage: BatchStorage) -> None:
        """A batch whose answer was lost may be sent again."""
        batch_storage.write(first("b"))
        writes = [first("a", put={"a": b"1"}), following(2, "b", put={"a": b"2"})]
        batch_storage.write_many(writes)

        assert [None, None] == list(batch_storage.write_many(writes))

        for write in writes:
            stored = StoredSession(head=write.head, parts=write.put)
            assert stored == batch_storage.read(write.head.session_id)

    def test_large_batch(self, batch_storage: BatchStorage) -> None:
        """A batch has no bound that its caller knows of: hundreds of saves, each with its outcome."""
        taken = [first(f"s{number}") for number in range(0, _MANY, 10)]
        for write in taken:
            batch_storage.write(write)
        late = [
            first(f"s{number}", save_id="f" * 16, put={"a": b"%d" % number})
            for number in range(_MANY)
        ]

        outcomes = batch_storage.write_many(late)

        refused = {write.head.session_id: write.head for write in taken}
        expected = [refused.get(write.head.session_id, "stored") for write in late]
        assert expected == [_outcome(outcome) for outcome in outcomes]
        for write in late:
            stored = StoredSession(head=write.head, parts=write.put)
            is_stored = stored == batch_storage.read(write.head.session_id)
            assert is_stored == (write.head.session_id not in refused)

    @pytest.mark.usefixtures("_eager_switching")
    def test_batches_that_cross(self, batch_storage: BatchStorage, connect: Connect) -> None:
        """Of two batches that save the same sessions in opposite order, each session takes one."""
        other = cast("BatchStorage", connect())
        ids = [f"s{number}" for number in range(20)]
        for session_id in ids:
            batch_storage.write(first(session_id))
        ours, theirs = (
            {one: following(2, one, save_id=save, put={"a": save.encode()}) for one in ids}
            for save in ("a" * 16, "b" * 16)
        )

        we, they = race(
            [
                lambda: _write_until_settled(batch_storage, list(ours.values())),
                lambda: _write_until_settled(other, list(reversed(theirs.values()))),
            ]
        )

        for one in ids:
            assert {True, False} == {we[one] is None, they[one] is None}
            winner = (ours if we[one] is None else theirs)[one]
            assert StoredSession(head=winner.head, parts=winner.put) == batch_storage.read(one)

    def test_activity_never_moves_back_in_a_batch(self, batch_storage: BatchStorage) -> None:
        """The later ``last_activity`` stays, here too."""
        batch_storage.write(first(last_activity=NOW + SECOND))
        batch_storage.write_many([following(2, last_activity=NOW)])

        stored = batch_storage.read("s")

        assert stored is not None
        assert head(version=2, last_activity=NOW + SECOND) == stored.head

    def test_a_batch_takes_back_what_a_clock_ahead_wrote(self, batch_storage: BatchStorage) -> None:
        """What is more than a day ahead is not believed, here too."""
        for name in ("s", "t"):
            batch_storage.write(first(name, {"a": b"1"}, last_activity=NOW + 400 * DAY))
        batch_storage.write_many(
            [following(2, name, put={"a": b"2"}, last_activity=NOW) for name in ("s", "t")]
        )

        found = [batch_storage.read(name) for name in ("s", "t")]

        assert [NOW, NOW] == [one.head.last_activity for one in found if one is not None]


def _write_until_settled(
    storage: BatchStorage, writes: Sequence[SessionWrite]
) -> dict[str, StorageError | None]:
    """Send a batch, and again what met a busy store, and return the outcomes by session id."""
    settled: dict[str, StorageError | None] = {}
    waiting = list(writes)
    for _ in range(_ATTEMPTS):
        for write, outcome in zip(waiting, storage.write_many(waiting), strict=True):
            if not isinstance(outcome, UnavailableError):
                settled[write.head.session_id] = outcome
        waiting = [write for write in writes if write.head.session_id not in settled]
        if not waiting:
            break
    assert [] == waiting
    return settled


def _outcome(outcome: StorageError | None) -> object:
    """Return the head that a conflict tells of, or that there was none."""
    if outcome is None:
        return "stored"
    assert isinstance(outcome, ConflictError)
    return outcome.current


# -- heads without their parts ---------------------------------------------------------


ReadHead: TypeAlias = Callable[[Storage, str], SessionHead | None]
"""Reads a head through a handle."""


class HeadClauses(AbilityClauses):
    """What ``read_head`` does: what ``read`` does, but for the parts."""

    @pytest.fixture
    def read_head(self) -> ReadHead:
        """Return a function that reads a head."""
        need(declared=self.heads, method="read_head")
        return lambda storage, session_id: cast("HeadStorage", storage).read_head(session_id)

    def test_head_of_an_unknown_id(self, storage: Storage, read_head: ReadHead) -> None:
        """Of a session that was never written, or was deleted, there is no head."""
        storage.write(first("gone", put={"a": b"1"}))
        storage.delete("gone")

        assert (None, None) == (read_head(storage, "nobody"), read_head(storage, "gone"))

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_id": "https://issuer.example|subject", "expires_at": None},
            {"user_id": None, "created_at": 0, "recent": ()},
            {"version": _LARGEST, "recent": ("a" * 16, "b" * 16), "schema_version": 7},
        ],
    )
    def test_head_is_that_of_the_session(
        self, storage: Storage, read_head: ReadHead, fields: dict[str, Any]
    ) -> None:
        """No field is lost, rounded or changed in type, with parts or without."""
        for session_id in _IDS:
            written = attrs.evolve(head(session_id), **fields)
            storage.write(SessionWrite(head=written, put={"a": b"1", "b": b"2"}))

            found = read_head(storage, session_id)

            assert written == found
            assert repr(written) == repr(found)

    def test_heads_are_read_while_others_save(
        self, storage: Storage, connect: Connect, read_head: ReadHead
    ) -> None:
        """What another handle saves, touches or deletes is seen at the next look, also where it was read before."""
        other = connect()
        for write in (first(put={"a": b"1"}), following(2, put={"a": b"2"})):
            other.write(write)
            assert write.head == read_head(storage, "s")

        other.touch("s", last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)
        moved = head(version=2, last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)
        assert moved == read_head(storage, "s")

        other.delete("s")
        assert read_head(storage, "s") is None

    def test_heads_of_what_has_ended(self, storage: Storage, read_head: ReadHead) -> None:
        """Tombstones and expired sessions have heads like any other; who looks decides."""
        storage.write(first())
        storage.write(tombstone(2))
        storage.write(first("expired", expires_at=NOW - SECOND))

        assert head(version=2, ended=True) == read_head(storage, "s")
        assert head("expired", expires_at=NOW - SECOND) == read_head(storage, "expired")


# -- setting a store up ----------------------------------------------------------------


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


def _set_up(storage: Storage) -> Callable[[], None]:
    return cast("SetupStorage", storage).setup


# -- hearing of what others change -----------------------------------------------------


class WatchLog:
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


StartWatch: TypeAlias = Callable[[Storage], WatchLog]
"""Begins to watch through a handle."""


class WatchClauses(AbilityClauses):
    """What ``watch`` does."""

    @pytest.fixture
    def listen(self) -> Iterator[StartWatch]:
        """Return a function that begins to watch; what is still watched is closed after the test."""
        begun: list[WatchLog] = []

        def listen(storage: Storage) -> WatchLog:
            need(declared=self.watch, method="watch")
            begun.append(WatchLog(storage))
            return begun[-1]

        yield listen
        for heard in begun:
            heard.watching.close()

    def test_saves_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: StartWatch
    ) -> None:
        """A callback is called with the id of a session that another handle saves, and with no other."""
        heard, writes, other = listen(storage), _saves(_ID), connect()

        assert heard.hears(_ID, lambda: other.write(next(writes)))
        assert {_ID} == set(heard.ids)

    def test_batches_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: StartWatch
    ) -> None:
        """Each session of a batch is heard of."""
        need(declared=self.batch, method="write_many")
        heard, other = listen(storage), cast("BatchStorage", connect())
        batches = zip(_saves("a"), _saves("b"), strict=True)

        assert heard.hears("a", lambda: other.write_many(next(batches)))
        assert heard.hears("b", lambda: other.write_many(next(batches)))

    def test_nothing_is_heard_after_close(
        self, storage: Storage, connect: Connect, listen: StartWatch
    ) -> None:
        """Closing, also twice, ends the calls of that callback and of no other."""
        closed, kept, writes, other = listen(storage), listen(storage), _saves("s"), connect()
        closed.watching.close()
        closed.watching.close()

        assert kept.hears("s", lambda: other.write(next(writes)))
        assert [] == closed.ids


def _saves(session_id: str) -> Iterator[SessionWrite]:
    yield first(session_id, put={"a": b"1"})
    for version in count(2):
        yield following(version, session_id)


# -- a store that can't be reached -----------------------------------------------------


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

    @pytest.mark.parametrize("method", _CALLS)
    def test_a_store_that_is_away_is_unavailable(self, unreachable: Storage, method: str) -> None:
        """Each call raises UnavailableError, with the driver's error as its cause; none says that nothing is there."""
        if not callable(getattr(unreachable, method, None)):
            pytest.skip(f"the storage has no {method}()")

        with pytest.raises(UnavailableError) as caught:
            _CALLS[method](unreachable)

        assert isinstance(caught.value.__cause__, Exception)
