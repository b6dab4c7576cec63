# SPDX-License-Identifier: Apache-2.0
"""session.state in a store: two writers, two releases, two replicas; in memory and in SQLite."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session_harness.carts import ADDRESSES, CARTS, LINES, AttrsCart, AttrsLine, fields, lines
from session_harness.data import content
from session_harness.replicas import repository_over

from sessionkit import (
    PartlySavedError,
    SessionManager,
    Storage,
    UserSession,
    bootstrap_session,
    end_session,
    load_settings,
    rotate_session,
)
from sessionkit.conflict import Side
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.events import SessionEvent, ValueNotRead
from sessionkit.merge.merger import Merger
from sessionkit.merge.policies import read_policies
from sessionkit.testing.serializers import assert_same
from sessionkit_sqlite.storage import SqliteStorage

every_way = pytest.mark.parametrize("cls", CARTS)

FIELDS = ("lines", "note", "address", "marks", "due", "price", "tags")
SOME_FIELDS = st.lists(st.sampled_from(FIELDS), unique=True)


@pytest.fixture(name="storage", params=["memory", "sqlite"])
def _storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """Return an empty store."""
    if request.param == "memory":
        yield MemoryStorage()
        return
    storage = SqliteStorage.open(f"sqlite:///{tmp_path / 'sessions.db'}")
    storage.setup()
    yield storage
    storage.close()


class Writers:
    """Two processes that have one session, each its own repository and object."""

    def __init__(self, storage: Storage, **instead: Any) -> None:
        """Store the session."""
        self.events: list[SessionEvent] = []
        self.repositories = [
            repository_over(storage, **{"emit": self.events.append, **instead}) for _ in range(3)
        ]
        first = UserSession(session_id="s", inputs={"a": 1})
        self.repositories[0].save(first)
        self.sessions = [first, self.load(1)]

    def load(self, which: int = 2) -> UserSession:
        """Return what is stored, as a process has it that comes later."""
        session = self.repositories[which].load("s")
        assert session is not None
        return session

    def save(self, which: int) -> None:
        """Save what a writer has."""
        self.repositories[which].save(self.sessions[which])

    def meet(self, which: int) -> None:
        """Have a writer see what the other one has saved."""
        self.repositories[which].refresh(self.sessions[which])
        self.repositories[which].absorb(self.sessions[which])


# -- one process after another -------------------------------------------------


@every_way
def test_it_comes_back(storage: Storage, cls: type[Any]) -> None:
    """Equal and of the same types; a save that follows changes nothing."""
    writers = Writers(storage)
    cart = writers.sessions[0].state(cls)
    cart.lines.append(LINES[cls](sku="tea"))
    cart.tags.add("x")
    writers.save(0)
    before = storage.read("s")
    again = writers.load()

    assert cart == again.state(cls)
    writers.repositories[2].save(again)
    writers.save(0)
    assert before == storage.read("s")


def test_what_only_was_looked_at_is_no_change(storage: Storage) -> None:
    """Nothing is written for an object that nobody has changed."""
    writers = Writers(storage)
    before = storage.read("s")
    writers.sessions[0].state(AttrsCart)
    writers.save(0)

    assert before == storage.read("s")


# -- two writers ---------------------------------------------------------------


@every_way
@pytest.mark.parametrize("stored", [True, False], ids=["stored before", "new"])
def test_different_fields_of_two_writers_are_kept(
    storage: Storage, cls: type[Any], *, stored: bool
) -> None:
    """Also in an object in it, and where both began with nothing stored."""
    writers = Writers(storage)
    if stored:
        writers.sessions[0].state(cls).note = "before"
        writers.save(0)
        writers.meet(1)
    one, two = (session.state(cls) for session in writers.sessions)
    one.lines.append(LINES[cls](sku="tea"))
    one.address.city = "Bruges"
    one.marks["a"] = LINES[cls](sku="a")
    two.note = "after"
    two.address.street = "Veldstraat"
    two.marks["b"] = LINES[cls](sku="b")
    writers.save(0)
    writers.save(1)

    expected = cls(
        lines=[LINES[cls](sku="tea")],
        note="after",
        address=ADDRESSES[cls](city="Bruges", street="Veldstraat"),
        marks={"a": LINES[cls](sku="a"), "b": LINES[cls](sku="b")},
    )
    assert expected == writers.load().state(cls)
    for which in (0, 1):
        writers.meet(which)
    assert [expected, expected] == [one, two]
    assert [one, two] == [session.state(cls) for session in writers.sessions]


@every_way
def test_what_others_change_enters_the_very_object(storage: Storage, cls: type[Any]) -> None:
    """It, its dicts and the objects in it stay who they are, with what the app has changed meanwhile."""
    writers = Writers(storage)
    cart = writers.sessions[0].state(cls)
    cart.note = "x"
    writers.save(0)
    writers.meet(1)
    address, marks = cart.address, cart.marks
    other = writers.sessions[1].state(cls)
    other.address.city, other.marks["b"], other.note = "Bruges", LINES[cls](sku="b"), "theirs"
    other.tags.add("t")
    writers.save(1)
    cart.address.street = "Veldstraat"
    cart.marks["a"] = LINES[cls](sku="a")
    writers.save(0)
    writers.meet(0)

    assert writers.sessions[0].state(cls) is cart
    assert (address, marks) == (cart.address, cart.marks)
    assert cart.address is address
    assert cart.marks is marks
    assert ("Bruges", "Veldstraat", "theirs") == (address.city, address.street, cart.note)
    assert ({"a", "b"}, {"t"}) == (set(marks), cart.tags)
    writers.save(0)
    assert cart == writers.load().state(cls)


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
@every_way
def test_two_writers_on_different_fields_lose_nothing(cls: type[Any], data: st.DataObject) -> None:
    """Whatever they put there, whoever is first, and whatever was there before."""
    writers = Writers(MemoryStorage())
    values = fields(cls)
    for name in data.draw(SOME_FIELDS):
        setattr(writers.sessions[0].state(cls), name, data.draw(values[name]))
    writers.save(0)
    writers.meet(1)
    expected = copy.deepcopy(writers.sessions[0].state(cls))
    whose = {name: data.draw(st.sampled_from([0, 1, None])) for name in FIELDS}
    for name, which in whose.items():
        if which is not None:
            value = data.draw(values[name])
            setattr(expected, name, copy.deepcopy(value))
            setattr(writers.sessions[which].state(cls), name, value)
    order = data.draw(st.permutations([0, 1]))
    for which in order:
        writers.save(which)
    for which in (0, 1):
        writers.meet(which)

    found = [writers.load().state(cls), *(session.state(cls) for session in writers.sessions)]
    assert [expected] * 3 == found
    before = [content(session) for session in writers.sessions]
    for which in order:
        writers.save(which)
        writers.meet(which)
    assert before == [content(session) for session in writers.sessions]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_order_of_writers_ends_alike(data: st.DataObject) -> None:
    """Three of them that change what they like, saved and seen in any order."""
    cls = AttrsCart
    storage = MemoryStorage()
    repositories = [repository_over(storage) for _ in range(3)]
    repositories[0].save(UserSession(session_id="s"))
    loaded = [repository.load("s") for repository in repositories]
    sessions = [session for session in loaded if session is not None]
    for session in sessions:
        for name in data.draw(SOME_FIELDS):
            setattr(session.state(cls), name, data.draw(fields(cls)[name]))
    for which in data.draw(st.permutations(range(3))):
        repositories[which].save(sessions[which])
    for which in data.draw(st.permutations(range(3))):
        repositories[which].refresh(sessions[which])
        repositories[which].absorb(sessions[which])
        repositories[which].save(sessions[which])

    one, two, three = (session.state(cls) for session in sessions)
    assert one == two == three
    assert_same(*(content(session)["extensions"] for session in sessions[:2]))


def test_entries_that_others_add_are_in_their_order(storage: Storage) -> None:
    """The order of a dict is content: who has just seen what others did has nothing to store."""
    writers = Writers(storage)
    writers.save(0)
    writers.meet(1)
    writers.sessions[0].state(AttrsCart).marks["z"] = AttrsLine("z", 1)
    writers.save(0)
    writers.sessions[1].state(AttrsCart).marks["a"] = AttrsLine("a", 2)
    writers.save(1)
    stored = list(writers.load().state(AttrsCart).marks)
    for which in (0, 1):
        writers.meet(which)
        writers.save(which)
        assert stored == list(writers.sessions[which].state(AttrsCart).marks)
        assert stored == list(writers.load().state(AttrsCart).marks)


@given(st.lists(lines(AttrsCart), min_size=1, max_size=3), st.lists(lines(AttrsCart), max_size=3))
@settings(max_examples=20, deadline=None)
def test_a_policy_joins_lists(ours: list[Any], theirs: list[Any]) -> None:
    """A path names the class and the field."""
    writers = Writers(MemoryStorage(), **policies({"state.AttrsCart.lines": "union"}))
    writers.sessions[0].state(AttrsCart).lines = ours
    writers.sessions[1].state(AttrsCart).lines = theirs
    writers.save(0)
    writers.save(1)

    found = writers.load().state(AttrsCart).lines
    assert all(line in found for line in (*ours, *theirs))


def test_policies_go_into_objects_and_dicts(storage: Storage) -> None:
    """Numbers are added up where that is said, below any key."""
    writers = Writers(storage, **policies({"state.*.marks.*.amount": "sum"}))
    writers.sessions[0].state(AttrsCart).marks["a"] = AttrsLine("a", 10)
    writers.save(0)
    writers.meet(1)
    for session, more in zip(writers.sessions, (1, 2), strict=True):
        session.state(AttrsCart).marks["a"].amount += more
    writers.save(0)
    writers.save(1)

    assert 13 == writers.load().state(AttrsCart).marks["a"].amount


def policies(paths: dict[str, str]) -> dict[str, Any]:
    """Return what a repository takes for these."""
    return {"merger": Merger(read_policies(paths))}


# -- two releases --------------------------------------------------------------


@attrs.define
class OldCart:
    """As the release has it that ran before."""

    note: str = ""
    price: float = 0.0
    lines: list[AttrsLine] = attrs.field(factory=list)


@attrs.define
class NewLine:
    """A line with a field more."""

    sku: str = ""
    amount: int = 1
    gift: bool = False


@attrs.define
class NewCart:
    """One field more, one less, and one in its lines."""

    note: str = ""
    coupon: str = ""
    lines: list[NewLine] = attrs.field(factory=list)


def test_two_releases_side_by_side_keep_each_others_fields(storage: Storage) -> None:
    """What one doesn't know it neither shows nor loses."""
    writers = Writers(storage)
    old, new = (
        session.state(kind, name="cart")
        for session, kind in zip(writers.sessions, (OldCart, NewCart), strict=True)
    )
    new.coupon, new.lines = "X1", [NewLine("tea", 1, gift=True), NewLine("pie")]
    old.price = 2.5
    writers.save(1)
    writers.save(0)
    writers.meet(0)
    old.note = "hello"
    old.lines.insert(0, AttrsLine("new"))
    old.lines[1].amount = 1
    writers.save(0)
    writers.meet(1)

    assert (
        NewCart("hello", "X1", [NewLine("new"), NewLine("tea", 1, gift=True), NewLine("pie")])
        == new
    )
    again = writers.load().state(OldCart, name="cart")
    assert ("hello", 2.5) == (again.note, again.price)


@attrs.define
class Cents:
    """The second version: another unit."""

    cents: int = 0
    note: str = ""
    coupon: str = ""


def in_cents(old: dict[str, Any], _: int) -> dict[str, Any]:
    """Make the second version's fields of the first one's."""
    return {**old, "cents": round(old.get("price", 0) * 100)}


def test_two_versions_side_by_side_lose_nothing(storage: Storage) -> None:
    """Each has its own fields; what the older one changes comes to the newer one, in the object that it has."""
    writers = Writers(storage)
    old = writers.sessions[0].state(OldCart, name="cart")
    old.price = 1.5
    writers.save(0)
    writers.meet(1)
    new = writers.sessions[1].state(Cents, name="cart", version=2, migrate=in_cents)
    assert Cents(150) == new
    new.coupon = "X1"
    writers.save(1)
    old.note, old.price = "hello", 2.5
    writers.save(0)
    writers.meet(1)
    assert Cents(250, "hello", "X1") == new
    writers.save(1)
    writers.meet(0)

    assert OldCart("hello", 2.5) == old
    assert Cents(250, "hello", "X1") == writers.load().state(
        Cents, name="cart", version=2, migrate=in_cents
    )


def test_a_migration_that_fails_later_ends_no_page(storage: Storage) -> None:
    """What the older release changed waits, and an event tells."""

    def strict(old: dict[str, Any], _: int) -> dict[str, Any]:
        return {"cents": {1.5: 150}[old["price"]]}

    writers = Writers(storage)
    old = writers.sessions[0].state(OldCart, name="cart")
    old.price = 1.5
    writers.save(0)
    writers.meet(1)
    new = writers.sessions[1].state(Cents, name="cart", version=2, migrate=strict)
    writers.save(1)
    old.price = 2.5
    writers.save(0)
    writers.meet(1)
    writers.save(1)

    assert Cents(150) == new
    (event,) = told(writers)
    assert ("state['cart']", "migrate has failed: 2.5") == (event.path, event.reason)


def told(writers: Writers) -> list[ValueNotRead]:
    """Return the events of values that could not be read."""
    return [event for event in writers.events if isinstance(event, ValueNotRead)]


def test_a_stored_value_of_the_wrong_type_is_told_and_stays(storage: Storage) -> None:
    """The release that stored it reads it again."""
    writers = Writers(storage)
    writers.sessions[0].extensions["state:cart"] = {"note": 5}
    writers.save(0)
    again = writers.load()
    assert "" == again.state(NewCart, name="cart").note
    again.state(NewCart, name="cart").coupon = "X1"
    writers.repositories[2].save(again)

    assert ["state['cart']['note']"] == [event.path for event in told(writers)]
    assert {"note": 5, "coupon": "X1"} == writers.load().extensions["state:cart"]


# -- what holds for inputs -----------------------------------------------------


@attrs.define
class Account:
    """It has what is never stored."""

    name: str = ""
    password: str = ""
    keys: dict[str, Any] = attrs.field(factory=dict)


def test_what_is_never_stored_is_not(storage: Storage) -> None:
    """By the names of fields and of keys; the object goes on holding it."""
    writers = Writers(storage)
    account = writers.sessions[0].state(Account)
    account.name, account.password, account.keys = "ada", "canary-1", {"api_key": "canary-2"}
    writers.save(0)
    stored = storage.read("s")
    assert stored is not None
    writers.meet(0)

    assert not any(b"canary" in part for part in stored.parts.values())
    assert "canary" not in writers.sessions[0].to_json()
    assert Account("ada") == writers.load().state(Account)
    assert ("canary-1", {"api_key": "canary-2"}) == (account.password, account.keys)


def test_what_can_not_be_kept_is_named(storage: Storage) -> None:
    """All else is stored, and the error has the place as the app knows it."""
    writers = Writers(storage)
    account = writers.sessions[0].state(Account)
    account.name, account.keys = "ada", {"file": object(), "good": 1}

    with pytest.raises(
        PartlySavedError, match=r"state\['Account'\]\['keys'\]\['file'\]: .*object can't"
    ):
        writers.save(0)
    assert Account("ada", keys={"good": 1}) == writers.load().state(Account)


@pytest.fixture(name="manager")
def _manager() -> Iterator[SessionManager]:
    """Have a manager of our own in force."""
    with SessionManager(load_settings(storage="memory")) as manager:
        yield manager


def test_a_rotated_session_has_it_in_another_object(manager: SessionManager) -> None:
    """Unsaved changes too; the object that was has nothing any more."""
    cart = bootstrap_session().state(AttrsCart)
    cart.lines.append(AttrsLine("tea"))
    held = cart.address
    held.city = "Bruges"
    moved = rotate_session().state(AttrsCart)

    assert ([AttrsLine("tea")], "Bruges") == (moved.lines, moved.address.city)
    assert moved is not cart
    assert AttrsCart() == cart
    assert manager.flush()


def test_an_ended_session_holds_nothing(manager: SessionManager) -> None:
    """Whoever still has the object reads no more of it, and what they write is not stored."""
    session = bootstrap_session()
    cart = session.state(AttrsCart)
    cart.note = "x"
    assert manager.flush()
    end_session()
    assert AttrsCart() == cart
    session.state(AttrsCart).note = "late"
    assert AttrsCart() == bootstrap_session().state(AttrsCart)
    assert manager.flush()
    assert all(
        b"late" not in part
        for head in manager.repository.heads()
        for part in stored_parts(manager.storage, head.session_id)
    )


def stored_parts(storage: Storage, session_id: str) -> list[bytes]:
    """Return what is stored of a session."""
    stored = storage.read(session_id)
    return [] if stored is None else list(stored.parts.values())


def test_a_change_makes_a_used_session(manager: SessionManager) -> None:
    """What was begun before a login goes along as inputs do, and what was only looked at does not."""
    session = bootstrap_session()
    session.state(AttrsCart)
    manager.schedule_save(session)
    assert manager.flush()
    session.state(AttrsCart).note = "x"
    manager.schedule_save(session)
    assert manager.flush()

    stored = manager.repository.load(session.session_id)
    assert stored is not None
    assert "x" == stored.state(AttrsCart).note


@pytest.mark.parametrize(
    ("strategy", "note"), [("last_write_wins", "ours"), ("first_write_wins", "theirs")]
)
def test_strategies_decide_as_for_inputs(storage: Storage, strategy: str, note: str) -> None:
    """The object shows what was decided."""
    with SessionManager(load_settings(storage=storage, conflict_strategy=strategy)) as manager:
        decide = manager.assembly.parts(storage)["strategy"]
    writers = Writers(storage, strategy=decide)
    carts = [session.state(AttrsCart) for session in writers.sessions]
    carts[0].note, carts[1].note = "theirs", "ours"
    writers.save(0)
    writers.save(1)
    writers.meet(1)

    assert note == writers.load().state(AttrsCart).note
    assert note == carts[1].note


@pytest.mark.parametrize(("take", "note"), [("ours", "ours"), ("theirs", "theirs")])
def test_who_is_asked_finds_the_field_and_chooses(storage: Storage, take: Side, note: str) -> None:
    """The question names the place as the app knows it, and the choice enters the object."""
    with SessionManager(load_settings(storage=storage, conflict_strategy="ask")) as manager:
        decide = manager.assembly.parts(storage)["strategy"]
    writers = Writers(storage, strategy=decide)
    carts = [session.state(AttrsCart) for session in writers.sessions]
    carts[0].address.city, carts[1].address.city = "theirs", "ours"
    writers.save(0)
    writers.save(1)
    writers.meet(1)
    repository, session = writers.repositories[1], writers.sessions[1]
    (question,) = repository.decisions(session)
    repository.settle(session, question, take)
    writers.save(1)

    assert "state['AttrsCart']['address']['city']" == question.path
    assert note == carts[1].address.city
    assert note == writers.load().state(AttrsCart).address.city


def test_a_process_that_knows_no_typed_state_carries_it(storage: Storage) -> None:
    """It merges the fields, too: a save of its own, of a state from before, undoes nothing."""
    writers = Writers(storage)
    writers.sessions[0].state(AttrsCart).note = "x"
    writers.save(0)
    writers.sessions[1].inputs["b"] = 2
    writers.save(1)
    writers.meet(1)
    writers.sessions[0].state(AttrsCart).tags.add("t")
    writers.save(0)
    writers.sessions[1].inputs["b"] = 3
    writers.save(1)

    assert AttrsCart(note="x", tags={"t"}) == writers.load().state(AttrsCart)
    assert {"a": 1, "b": 3} == writers.load().inputs


def test_threads_that_change_it_while_it_is_saved_lose_nothing() -> None:
    """A save that meets a dict in the middle of a change looks again."""
    writers = Writers(MemoryStorage())
    cart = writers.sessions[0].state(AttrsCart)
    stop = Event()

    def work() -> None:
        for number in range(3000):
            cart.marks[f"m{number}"] = AttrsLine(str(number))
            cart.lines.append(AttrsLine(str(number)))
        stop.set()

    thread = Thread(target=work)
    thread.start()
    while not stop.is_set():
        writers.save(0)
    thread.join()
    writers.save(0)

    assert cart == writers.load().state(AttrsCart)
    assert 3000 == len(cart.marks) == len(cart.lines)
