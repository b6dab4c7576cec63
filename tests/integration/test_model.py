# SPDX-License-Identifier: Apache-2.0
"""Several processes do anything in any order to one session, and each of them sees what an oracle says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from session_harness import valkeys
from session_harness.oracle import shown, values_of
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import HOST, needed
from session_harness.replicas import Replica
from session_harness.seats import Place, Seat, World, stored_stamp
from session_harness.stores import LANDED, LOST, FaultyStore

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.repository.tracks import Absence
from sessionkit.session import UserSession
from sessionkit.session.fields import to_micros, utc_now
from sessionkit.storage import Storage
from sessionkit_redis.storage import RedisStorage
from sessionkit_sqlite.storage import SqliteStorage, SqlStorage

Opener: TypeAlias = Callable[[], Storage]
Change: TypeAlias = Callable[[UserSession], None]

SKEWS = (timedelta(), timedelta(hours=1), timedelta(hours=-1))
"""By how much the clock of each process is wrong."""

SEATS = (0, 0, 1, 2)
"""The processes of the objects: two of them are in one process."""

LONG = timedelta(days=30)
IDLE = timedelta(days=20)
JUMPS = 8
"""How often so long a time passes: tombstones outlive all of it."""

seats = st.integers(0, len(SEATS) - 1)
values = st.sampled_from([0, 1, True, False, 1.0, None, "", "a", [1], [True], (1, 2), b"a"])
places = st.sampled_from(
    [
        ("inputs", "a"),
        ("inputs", "b"),
        ("inputs", "deep", "a"),
        ("inputs", "deep", "b"),
        ("inputs", "deep", "deeper", "a"),
        ("extensions", "plug", "a"),
        ("extensions", "plug", "deeper", "b"),
        ("form", "order", "a"),
        ("form", "order", "b"),
        ("form", "other", "a"),
    ]
)
names = st.sampled_from(["a", "b", "c"])
sets = st.sampled_from(["roles", "permissions", "dirty_forms", "cache_keys"])
orders = st.permutations(range(len(SEATS)))
lost = st.sampled_from([LANDED, LOST])
fates = st.none() | lost


def containers(session: UserSession, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the dict that a path ends in; it is made where it is not there."""
    root, *keys = path
    found = session.get_form_state(keys.pop(0)).data if root == "form" else getattr(session, root)
    for key in keys[:-1]:
        found = found.setdefault(key, {})
    return found


def put(path: tuple[str, ...], value: Any, session: UserSession) -> None:
    """Set a value, anywhere."""
    containers(session, path)[path[-1]] = value


def remove(path: tuple[str, ...], session: UserSession) -> None:
    """Remove a value, if it is there."""
    if path in dict(values_of(session)):
        containers(session, path).pop(path[-1])


def type_in(key: str, value: Any, session: UserSession) -> None:
    """Set an input by the session's own method, which counts."""
    session.set_input(key, value)


def prefer(field: str, value: str | None, session: UserSession) -> None:
    """Set a preference."""
    setattr(session, field, value)


def open_page(page: str, session: UserSession) -> None:
    """Open a page: a history entry and two counters."""
    session.add_navigation(page)


def grant(field: str, name: str, session: UserSession) -> None:
    """Add to a set."""
    getattr(session, field).add(name)


def revoke(field: str, name: str, session: UserSession) -> None:
    """Take from a set."""
    getattr(session, field).discard(name)


def keep(session: UserSession) -> None:
    """Keep a form as it is, to come back to."""
    form = session.get_form_state("order")
    if len(form.snapshots) < form.max_snapshots // len(SEATS):
        form.snapshot()


changes = st.one_of(
    st.builds(partial, st.just(put), places, values),
    st.builds(partial, st.just(remove), places),
    st.builds(partial, st.just(type_in), names, values),
    st.builds(partial, st.just(prefer), st.sampled_from(["theme", "language"]), st.none() | names),
    st.builds(partial, st.just(open_page), names),
    st.builds(partial, st.just(grant), sets, names),
    st.builds(partial, st.just(revoke), sets, names),
    st.just(keep),
)


def over_a_name(field: str) -> tuple[Change, Change, Change]:
    """Return how a name is granted, and revoked while another one is granted."""
    return partial(grant, field, "a"), partial(revoke, field, "a"), partial(grant, field, "b")


def over_a_value(path: tuple[str, ...], value: Any, other: Any) -> tuple[Change, Change, Change]:
    """Return how a value is set, and removed while it is set to another one."""
    return partial(put, path, value), partial(remove, path), partial(put, path, other)


quarrels = st.builds(over_a_name, sets) | st.builds(over_a_value, places, values, values)


class Model(RuleBasedStateMachine):
    """Seats at one session; a test gives the store."""

    def __init__(self, storage: Storage) -> None:
        """Start the processes."""
        super().__init__()
        self.began = utc_now()
        self.passed = timedelta()
        self.jumps = 0
        self.storage = storage
        self.places = [Place() for _ in SKEWS]
        self.replicas = [
            Replica(store=FaultyStore(self.storage), now=partial(self.now, skew))  # type: ignore[arg-type]
            for skew in SKEWS
        ]
        self.ended: list[str] = []
        self.ghosts: list[Seat] = []
        self.seats: list[Seat | None] = [None for _ in SEATS]

    def now(self, skew: timedelta) -> datetime:
        """Return what the clock of a process shows."""
        return self.began + self.passed + skew

    def micros(self, seat: Seat) -> int:
        """Return the time that a seat gives stamps by."""
        return to_micros(self.now(SKEWS[self.replicas.index(seat.replica)]))

    def look(self, session_id: str) -> tuple[str, int]:
        """Return what is really stored of a session."""
        stored = self.storage.read(session_id)
        assert stored is not None
        assert not stored.head.ended
        return stored.head.save_id, stored.head.version

    # -- who is there ----------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Begin a session; its first save is stored."""
        self.world = World(token_urlsafe(12), self.look)
        session = UserSession(session_id=self.world.session_id)
        self.replicas[0].save(session)
        self.world.put(shown(session))
        self.places = [Place() for _ in SKEWS]
        self.places[0].seen = self.world.stored
        state = self.world.stored.state
        self.seats = [None for _ in SEATS]
        self.seats[0] = self.seated(0, session)
        assert state == shown(session)

    def seated(self, number: int, session: UserSession) -> Seat:
        """Return a seat whose session is just what is stored."""
        stored = self.world.stored
        return Seat(
            replica=self.replicas[SEATS[number]],
            place=self.places[SEATS[number]],
            world=self.world,
            session=session,
            base=stored.state,
            live=stored.state,
            known=stored,
        )

    def at(self, number: int) -> Seat:
        """Return a seat; its session is loaded when nobody sits there."""
        self.passed += timedelta(milliseconds=1)
        seat = self.seats[number]
        if seat is None:
            session = self.replicas[SEATS[number]].load(self.world.session_id)
            seat = self.seats[number] = self.seated(number, session)
            assert shown(session) == seat.live.shown
        return seat

    @rule(number=seats)
    def load_again(self, number: int) -> None:
        """Drop the object with what it had not saved, and load another one."""
        self.seats[number] = None
        self.at(number)

    # -- changes, saves and looks ----------------------------------------------

    @rule(number=seats, done=st.lists(changes, min_size=1, max_size=3))
    def change(self, number: int, done: list[Change]) -> None:
        """Change the session, and save nothing yet."""
        for one in done:
            one(self.at(number).session)

    @rule(number=seats, done=changes, fate=fates)
    def visit(self, number: int, done: Change, fate: str | None) -> None:
        """Change something and save; the answer may be lost."""
        seat = self.at(number)
        done(seat.session)
        seat.save(fate, self.micros(seat))

    @rule(done=changes, fate=fates, order=orders)
    def agree(self, done: Change, fate: str | None, order: list[int]) -> None:
        """All make the same change, then all save."""
        for number in order:
            done(self.at(number).session)
        for number in sorted(order):
            self.save(number, fate)

    @rule(path=places, clashing=st.lists(values, min_size=2, max_size=len(SEATS)), order=orders)
    def clash(self, path: tuple[str, ...], clashing: list[Any], order: list[int]) -> None:
        """Several change one place, each to something else, then all save in another order."""
        for number, value in zip(order, clashing, strict=False):
            put(path, value, self.at(number).session)
        for number in sorted(order):
            self.save(number, None)

    @rule(quarrel=quarrels, order=orders)
    def quarrel(self, quarrel: tuple[Change, Change, Change], order: list[int]) -> None:
        """All know the same; then one takes it away, while another one changes it."""
        common, one, other = quarrel
        for number in order:
            self.visit(number, common, None)
        for number in order:
            self.rerun(number)
        one(self.at(order[0]).session)
        other(self.at(order[1]).session)
        for number in sorted(order):
            self.save(number, None)

    @rule(
        done=st.lists(changes, min_size=3, max_size=3), looks=st.booleans(), order=orders, fate=lost
    )
    def stumble(self, done: list[Change], looks: bool, order: list[int], fate: str) -> None:  # noqa: FBT001 - a rule's own argument
        """An answer is lost; someone else may save, and more is changed, before it is tried again."""
        first, other = order[:2]
        if looks:
            self.visit(other, done[2], None)
            self.refresh(first)
        self.visit(first, done[0], fate)
        if not looks:
            self.visit(other, done[2], None)
        done[1](self.at(first).session)
        self.rerun(first)
        self.save(first, None)

    @rule(number=seats, fate=fates)
    def save(self, number: int, fate: str | None) -> None:
        """Save; the answer may be lost."""
        seat = self.at(number)
        seat.save(fate, self.micros(seat))

    @rule(number=seats)
    def save_many(self, number: int) -> None:
        """Save in a batch."""
        seat = self.at(number)
        seat.save(None, self.micros(seat), many=True)

    @rule(number=seats)
    def rerun(self, number: int) -> None:
        """Look at what others did and take it in, as a rerun does."""
        seat = self.at(number)
        seat.refresh()
        seat.absorb(self.micros(seat))

    @rule(number=seats)
    def refresh(self, number: int) -> None:
        """Look at what others did, and leave it there."""
        self.at(number).refresh()

    @rule(number=seats)
    def absorb(self, number: int) -> None:
        """Take in what was seen."""
        seat = self.at(number)
        seat.absorb(self.micros(seat))

    @rule(number=seats)
    def outage(self, number: int) -> None:
        """Nothing works while the store is down, and nothing is lost."""
        seat = self.at(number)
        seat.replica.store.down = True
        try:
            with pytest.raises(UnavailableError):
                seat.replica.repository.end(self.world.session_id)
            if seat.doubt is None:
                with pytest.raises(UnavailableError):
                    seat.replica.repository.refresh(seat.session)
            seat.save(LOST, self.micros(seat))
        finally:
            seat.replica.store.down = False

    # -- ends ------------------------------------------------------------------

    def leave(self) -> None:
        """Leave an id that is over: who still has an object of it is a ghost."""
        self.ghosts += [seat for seat in self.seats if seat is not None]
        self.ended.append(self.world.session_id)
        self.begin()

    @rule(number=seats, how=st.sampled_from(["end", "delete", "purge"]))
    def part(self, number: int, how: str) -> None:
        """The session is over, and another one begins."""
        getattr(self, how)(self.at(number))

    def end(self, seat: Seat) -> None:
        """Log out."""
        assert seat.replica.repository.end(self.world.session_id, seat.session)
        self.leave()

    def delete(self, seat: Seat) -> None:
        """Remove it."""
        assert seat.replica.repository.delete(self.world.session_id)
        self.leave()

    def purge(self, seat: Seat) -> None:
        """Let a long time pass, and clean up; nobody comes back, or the session would be stored again."""
        self.jumps += 1
        if self.jumps > JUMPS:
            return
        self.passed += LONG
        assert seat.replica.repository.purge(idle=IDLE)
        self.begin()

    @precondition(lambda self: self.ghosts)
    @rule(which=st.integers(0, 99), changed=st.booleans())
    def haunt(self, which: int, changed: bool) -> None:  # noqa: FBT001 - a rule's own argument
        """Save what belongs to an id that is over: it is gone, and stays so."""
        ghost = self.ghosts[which % len(self.ghosts)]
        if changed:
            ghost.session.add_navigation("late")
            with pytest.raises(SessionGoneError):
                ghost.replica.save(ghost.session)
        else:
            (error,) = ghost.replica.repository.save_many([ghost.session])
            assert error is None or isinstance(error, SessionGoneError)
        assert ghost.replica.repository.load(ghost.world.session_id) is None

    @rule(number=seats)
    def rotate(self, number: int) -> None:
        """Move to a fresh id: the session goes on there, with what others had stored."""
        seat, old_id = self.at(number), self.world.session_id
        self.world = seat.rotate(token_urlsafe(12), self.micros(seat))
        self.ended.append(old_id)
        self.ghosts += [one for one in self.seats if one is not None and one is not seat]
        self.places = [Place() for _ in SKEWS]
        self.places[SEATS[number]] = seat.place
        self.seats = [None for _ in SEATS]
        self.seats[number] = seat

    # -- what holds at any time ------------------------------------------------

    @invariant()
    def what_is_stored(self) -> None:
        """A process that knows nothing finds what the oracle says."""
        found = Replica(store=FaultyStore(self.storage)).load(self.world.session_id)  # type: ignore[arg-type]
        assert shown(found) == self.world.stored.state.shown

    @invariant()
    def when_it_was_changed(self) -> None:
        """Each stored value has the time that the oracle says: by that it wins or loses later on."""
        codec = self.replicas[0].repository._context.codec
        found = self.storage.read(self.world.session_id)
        assert found is not None
        parts = codec.open(found.parts)
        for path, (stamp, _) in self.world.stored.state.registers.items():
            assert stamp == stored_stamp(codec, parts, path), path

    @invariant()
    def what_is_over(self) -> None:
        """No id that was ended is alive, or free; all of them are looked at in the end."""
        self.over(self.ended[-3:])

    def over(self, ended: list[str]) -> None:
        """Look whether ids are over."""
        for session_id in ended:
            found = self.replicas[0].repository.load_result(session_id)
            assert Absence.ENDED is found.absence

    def teardown(self) -> None:
        """Let all save and look: they end alike."""
        for _ in range(2):
            for number in range(len(SEATS)):
                self.save(number, None)
                self.rerun(number)
        for seat in self.seats:
            assert seat is not None
            assert shown(seat.session) == self.world.stored.state.shown
        self.what_is_stored()
        self.over(self.ended)


def run(opener: Opener, examples: int) -> None:
    """Run the model over a store."""
    run_state_machine_as_test(
        lambda: Model(opener()),  # type: ignore[arg-type] # a function is called like the class
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_in_memory() -> None:
    """Each example has a store of its own."""
    run(MemoryStorage, 150)


def test_on_sqlite(tmp_path: Path) -> None:
    """On one file."""
    with closing(SqliteStorage.open(f"sqlite:///{tmp_path / 'sessions.db'}")) as storage:
        storage.setup()
        run(lambda: storage, 40)


def test_on_postgresql() -> None:
    """On a server."""
    with needed():
        server = PostgresqlServer()
    try:
        with closing(SqlStorage.open(server.url(server.new_database()))) as storage:
            storage.setup()
            run(lambda: storage, 10)
    finally:
        server.end()


def test_on_valkey() -> None:
    """On a server."""
    with (
        needed(),
        valkeys.alone(valkeys.valkey_binary()) as node,
        closing(RedisStorage.open(f"redis://{HOST}:{node.port}/0")) as storage,
    ):
        run(lambda: storage, 15)
