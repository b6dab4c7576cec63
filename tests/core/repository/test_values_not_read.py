# SPDX-License-Identifier: Apache-2.0
"""Values that one process can't read: hidden from its app, and stored as they were, whatever it saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, StrEnum
from typing import Any

import attrs
import ormsgpack
import pytest
from session_harness.replicas import repository_over
from session_harness.stores import FaultyStore

from sessionkit.conflict import ConflictStrategy
from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import SessionCodec
from sessionkit.encoding.packing import PACKED, PLAIN, SPLIT_ABOVE, seal, unpack, unseal
from sessionkit.errors import NewerFormatError, PartlySavedError
from sessionkit.events import NewerFormat, SessionEvent, SessionQuarantined, ValueNotRead
from sessionkit.merge.strategies import LastWriteWins, Merge
from sessionkit.records import SessionWrite
from sessionkit.repository.repository import Repository
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot
from sessionkit.session.session import NavigationEntry
from sessionkit.testing.serializers import assert_same


class Size(Enum):
    """What the newer release knows."""

    LARGE = "l"
    SMALL = "s"


SERIALIZERS: dict[str, Any] = {"msgpack": MsgpackSerializer, "json": JsonSerializer}


class Role(StrEnum):
    """Texts of an app, in a release that others don't have."""

    ADMIN = "admin"
    EDITOR = "editor"


class Process:
    """One release of an app over the store: it knows the enum, or it does not."""

    def __init__(
        self,
        store: FaultyStore,
        serializer: str,
        enums: Sequence[type[Enum]] = (),
        strategy: ConflictStrategy | None = None,
    ) -> None:
        """Open the store."""
        self.events: list[SessionEvent] = []
        codec = SessionCodec(
            serializer=SERIALIZERS[serializer](enums=enums),
            name=serializer,
            others=lambda name: SERIALIZERS[name](enums=enums),
            max_bytes=2**24,
        )
        self.repository: Repository = repository_over(
            store, codec=codec, emit=self.events.append, strategy=strategy or Merge()
        )

    def load(self) -> UserSession:
        """Load the session."""
        session = self.repository.load("s")
        assert session is not None
        return session

    def not_read(self) -> list[str]:
        """Return the paths that were told."""
        return sorted(event.path for event in self.events if isinstance(event, ValueNotRead))


@pytest.fixture(name="serializer", params=sorted(SERIALIZERS))
def _serializer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(name="store")
def _store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture(name="knows")
def _knows(store: FaultyStore, serializer: str) -> Process:
    return Process(store, serializer, [Size])


@pytest.fixture(name="lacks")
def _lacks(store: FaultyStore, serializer: str) -> Process:
    return Process(store, serializer)


def full(words: int = 1) -> UserSession:
    """Return a session with a member of the enum wherever an app may put one."""
    session = UserSession(
        session_id="s",
        inputs={"a": 1, "size": Size.LARGE, "sizes": [1, (Size.SMALL,)], "text": "word " * words},
        roles={"editor"},
        navigation_history=[NavigationEntry(page="p", params={"size": Size.LARGE, "n": 1})],
        extensions={"whole": Size.LARGE, "x": {"deep": {"size": Size.LARGE, "fine": 1}}},
    )
    form = session.get_form_state("order")
    form.data.update({"item": "tea", "size": Size.LARGE})
    form.snapshot()
    form.data["item"] = "coffee"
    form.undo()
    return session


PATHS = [
    "extensions['whole']",
    "extensions['x']['deep']['size']",
    "form_states['order'].data['size']",
    "form_states['order'].redo_snapshots[0].data['size']",
    "form_states['order'].snapshots[0].data['size']",
    "inputs['size']",
    "inputs['sizes']",
    "navigation_history[0].params['size']",
]


@pytest.mark.parametrize("words", [1, SPLIT_ABOVE], ids=["one part", "many parts"])
def test_what_can_not_be_read_is_stored_as_it_was_whatever_is_saved(
    knows: Process, lacks: Process, words: int
) -> None:
    """Wherever it lies; the app doesn't see it, all else is there."""
    session = full(words)
    knows.repository.save(session)
    seen = lacks.load()
    assert {"a": 1, "text": "word " * words} == seen.inputs
    assert {"editor"} == seen.roles
    assert {"item": "tea"} == seen.form_states["order"].data
    assert {"x": {"deep": {"fine": 1}}} == seen.extensions
    assert {"n": 1} == seen.navigation_history[0].params
    assert PATHS == lacks.not_read()

    seen.inputs["a"] = session.inputs["a"] = 2
    seen.form_states["order"].data["item"] = session.form_states["order"].data["item"] = "cocoa"
    seen.extensions["x"]["deep"]["fine"] = session.extensions["x"]["deep"]["fine"] = 2
    seen.theme = session.theme = "dark"
    seen.navigation_history[0].params["n"] = session.navigation_history[0].params["n"] = 2
    lacks.repository.save(seen)

    back = knows.load()
    assert_same(session.to_dict() | _stored_now(back), back.to_dict())
    assert [] == knows.not_read()


def _stored_now(session: UserSession) -> dict[str, Any]:
    plain = session.to_dict()
    return {name: plain[name] for name in ("version", "save_id", "last_activity")}


def test_a_save_that_changes_nothing_writes_nothing(
    knows: Process, lacks: Process, store: FaultyStore
) -> None:
    """What is put back is, to the byte, what was stored."""
    knows.repository.save(full())
    before = len(store.writes)
    lacks.repository.save(lacks.load())

    assert before == len(store.writes)


def test_what_the_app_sets_in_its_place_is_its_value(knows: Process, lacks: Process) -> None:
    """And when it removes that again, nothing comes back."""
    knows.repository.save(full())
    seen = lacks.load()
    seen.inputs["size"] = "XL"
    seen.extensions["whole"] = 1
    seen.extensions["x"] = {"other": 1}
    seen.form_states["order"].data["size"] = None
    lacks.repository.save(seen)
    back = knows.load()
    assert "XL" == back.inputs["size"]
    assert {"whole": 1, "x": {"other": 1}} == back.extensions
    assert {"item": "tea", "size": None} == back.form_states["order"].data

    del seen.inputs["size"]
    lacks.repository.save(seen)
    assert "size" not in knows.load().inputs


def test_what_the_app_removes_goes_with_what_lies_in_it(knows: Process, lacks: Process) -> None:
    """A form, a history, a dict of its own."""
    knows.repository.save(full())
    seen = lacks.load()
    del seen.form_states["order"], seen.extensions["x"]
    seen.navigation_history.clear()
    lacks.repository.save(seen)
    back = knows.load()

    assert {} == back.form_states
    assert {"whole": Size.LARGE} == back.extensions
    assert [] == back.navigation_history


def test_an_undo_brings_back_what_can_not_be_read(knows: Process, lacks: Process) -> None:
    """A step holds what the form held, seen or not."""
    session = full()
    form = session.get_form_state("order")
    form.snapshot()
    form.data["size"] = Size.SMALL
    form.data["item"] = "cake"
    knows.repository.save(session)
    seen = lacks.load()
    seen.form_states["order"].snapshot()
    assert seen.form_states["order"].undo()
    lacks.repository.save(seen)
    assert Size.LARGE is knows.load().form_states["order"].data["size"]

    assert seen.form_states["order"].redo()
    lacks.repository.save(seen)
    assert Size.SMALL is knows.load().form_states["order"].data["size"]


def test_both_writers_changes_are_merged(knows: Process, lacks: Process) -> None:
    """As they are: the one that can't read it has not changed it."""
    session = full()
    knows.repository.save(session)
    seen = lacks.load()
    seen.inputs["a"] = "theirs"
    session.inputs["size"] = Size.SMALL
    session.get_form_state("order").data["size"] = Size.SMALL
    knows.repository.save(session)
    lacks.repository.save(seen)

    back = knows.load()
    assert ("theirs", Size.SMALL) == (back.inputs["a"], back.inputs["size"])
    assert Size.SMALL is back.form_states["order"].data["size"]


def test_what_others_store_meanwhile_is_taken_over_unread(knows: Process, lacks: Process) -> None:
    """A live session loses what it saw of a value that becomes one that it can't read, and gets it back."""
    session = full()
    session.inputs["later"] = "text"
    knows.repository.save(session)
    seen = lacks.load()
    for value in (Size.LARGE, "text again"):
        session.inputs["later"] = value
        knows.repository.save(session)
        lacks.repository.refresh(seen)
        lacks.repository.absorb(seen)
        assert ("text again" if value == "text again" else None) == seen.inputs.get("later")
        seen.inputs["a"] = f"seen {value}"
        lacks.repository.save(seen)
        knows.repository.refresh(session)
        knows.repository.absorb(session)
        assert value == knows.load().inputs["later"]

    assert sorted([*PATHS, "inputs['later']"]) == lacks.not_read()


def test_a_strategy_that_decides_loses_nothing(
    knows: Process, store: FaultyStore, serializer: str
) -> None:
    """It sees sessions without it; what it returns has it."""
    lacks = Process(store, serializer, strategy=LastWriteWins())
    session = full()
    knows.repository.save(session)
    seen = lacks.load()
    session.inputs["a"] = "first"
    knows.repository.save(session)
    seen.inputs["a"] = "last"
    lacks.repository.save(seen)
    back = knows.load()

    assert ("last", Size.LARGE) == (back.inputs["a"], back.inputs["size"])


def test_a_round_trip_through_plain_data_loses_nothing(knows: Process, lacks: Process) -> None:
    """As a dict, and as JSON text."""
    knows.repository.save(full())
    for again in (
        UserSession.from_dict(lacks.load().to_dict()),
        UserSession.from_json(lacks.load().to_json()),
    ):
        assert {"a", "text"} == again.inputs.keys()
        again.inputs["a"] = again.inputs["a"] + 1
        lacks.repository.save(again)

        assert Size.LARGE is knows.load().inputs["size"]


def test_a_session_with_something_unread_is_told_at_each_load_once(
    knows: Process, lacks: Process
) -> None:
    """Not at each look of a live session."""
    session = full()
    knows.repository.save(session)
    seen = lacks.load()
    for number in range(3):
        session.inputs["a"] = number
        knows.repository.save(session)
        lacks.repository.refresh(seen)
        lacks.repository.absorb(seen)

    assert PATHS == lacks.not_read()


# -- after the serializer was changed --------------------------------------------


def test_another_serializer_carries_what_it_can_not_read(store: FaultyStore) -> None:
    """A process without the enum writes the session anew, in the other format."""
    for before, after in (("msgpack", "json"), ("json", "msgpack")):
        session = full()
        session.session_id = "s"
        store.memory.delete("s")
        Process(store, before, [Size]).repository.save(session)
        lacks = Process(store, after)
        seen = lacks.load()
        seen.inputs["a"] = 2
        lacks.repository.save(seen)

        assert Size.LARGE is Process(store, after, [Size]).load().inputs["size"]


def test_what_the_serializer_has_no_place_for_is_a_newer_releases(store: FaultyStore) -> None:
    """It is neither replaced nor set aside: the session waits for that release."""
    writer = Process(store, "json")
    writer.repository.save(UserSession(session_id="s", inputs={"a": "VALUE"}))
    found = store.stored("s")
    parts = unpack({PACKED: unseal(found.parts[PACKED]).payload})
    parts["inputs"] = parts["inputs"].replace(b'"VALUE"', b'{"$t":"matrix","v":[1]}')
    store.memory._sessions["s"] = _with_parts(found, {PACKED: seal(ormsgpack.packb(parts), "json")})
    assert {} == Process(store, "json").load().inputs

    reader = Process(store, "msgpack")
    with pytest.raises(NewerFormatError, match="kind 'matrix' has no extension code"):
        reader.repository.load("s")
    assert [NewerFormat] == [type(event) for event in reader.events]


# -- what is really damaged ------------------------------------------------------


def _with_parts(found: Any, parts: dict[str, bytes]) -> Any:
    return type(found)(head=found.head, parts=parts)


def _damage(store: FaultyStore, name: str, data: bytes) -> bytes:
    """Put other bytes in the place of one part, behind everybody's back; return what it is sealed as."""
    found = store.stored("s")
    if PACKED not in found.parts:
        parts = dict(found.parts)
        sealed = parts[name] = seal(data, unseal(parts[name]).serializer)
    else:
        opened = unseal(found.parts[PACKED])
        inner = unpack({PACKED: opened.payload}) | {name: data}
        parts = {PACKED: seal(ormsgpack.packb(inner), opened.serializer)}
        sealed = seal(data, opened.serializer)
    store.memory._sessions["s"] = _with_parts(found, parts)
    return sealed


DAMAGED = pytest.mark.parametrize(
    "damage", [b"\xc1", b"\x93\x01", b'{"inputs": 5}', b"\x81\xa6inputs\x05"], ids=repr
)
LAYOUTS = pytest.mark.parametrize("words", [1, SPLIT_ABOVE], ids=["one part", "many parts"])


@DAMAGED
@LAYOUTS
def test_of_a_damaged_part_only_that_part_is_kept_aside(
    lacks: Process, store: FaultyStore, words: int, damage: bytes
) -> None:
    """All other parts are there, and the next save keeps them; an event names the part."""
    session = UserSession(session_id="s", inputs={"a": 1}, theme="dark", roles={"editor"})
    session.get_form_state("order").data["text"] = "word " * words
    lacks.repository.save(session)
    sealed = _damage(store, "inputs", damage)
    seen = lacks.load()

    assert ({}, "dark", {"editor"}) == (seen.inputs, seen.theme, seen.roles)
    assert session.form_states["order"].data == seen.form_states["order"].data
    [told] = [event for event in lacks.events if isinstance(event, SessionQuarantined)]
    assert ("inputs",) == told.parts
    assert {"inputs": sealed} == store.keep()[told.quarantine_id].parts

    seen.language = "en"
    lacks.repository.save(seen)
    seen = lacks.load()
    assert ({}, "dark", "en") == (seen.inputs, seen.theme, seen.language)
    assert 1 == len([event for event in lacks.events if isinstance(event, SessionQuarantined)])


@LAYOUTS
def test_a_part_that_was_damaged_under_a_live_session_is_stored_again(
    lacks: Process, store: FaultyStore, words: int
) -> None:
    """The live object has it, also when someone else has saved since."""
    session = UserSession(session_id="s", inputs={"a": 1})
    session.get_form_state("order").data["text"] = "word " * words
    lacks.repository.save(session)
    other = lacks.load()
    other.theme = "dark"
    lacks.repository.save(other)
    _damage(store, "inputs", b"\xc1")
    lacks.repository.refresh(session)
    lacks.repository.absorb(session)
    assert ({"a": 1}, "dark") == (session.inputs, session.theme)

    session.language = "en"
    lacks.repository.save(session)
    seen = lacks.load()
    assert ({"a": 1}, "dark", "en") == (seen.inputs, seen.theme, seen.language)


def test_without_the_part_that_says_whose_it_is_nothing_is_given_to_anyone(
    lacks: Process, store: FaultyStore
) -> None:
    """A user's inputs in a session of nobody would be the next visitor's."""
    lacks.repository.save(UserSession(session_id="s", user_id="ada", inputs={"a": 1}))
    _damage(store, "profile", b"\xc1")

    assert lacks.repository.load("s") is None
    [told] = [event for event in lacks.events if isinstance(event, SessionQuarantined)]
    assert () == told.parts


# -- fields that are texts, in which an app put a member of an enum ------------


def of_roles() -> UserSession:
    """Return a session with a member of a StrEnum in the place of each text."""
    session = UserSession(
        session_id="s",
        user_id="ada",
        theme=Role.EDITOR,
        roles={Role.ADMIN, "guest"},
        permissions={Role.EDITOR},
        page_views={Role.ADMIN: 2, "home": 1},
        navigation_history=[
            NavigationEntry(page=Role.ADMIN, params={"n": 1}, entry_id="1"),
            NavigationEntry(page="home", entry_id="2"),
        ],
        inputs={"name": "Ada"},
    )
    form = session.get_form_state("order")
    form.errors = {Role.ADMIN: [Role.EDITOR], "item": ["missing"]}
    form.snapshots = [
        FormSnapshot(form_id="order", data={"a": 1}, description=Role.ADMIN, snapshot_id="1")
    ]
    return session


@pytest.mark.parametrize("enums", [[Role], []], ids=["registered", "not registered"])
def test_a_text_of_an_enum_is_stored_as_the_text_that_it_is(
    store: FaultyStore, serializer: str, lacks: Process, enums: list[type[Enum]]
) -> None:
    """Another process need not know the enum, nor need this one have registered it."""
    process = Process(store, serializer, enums)
    session = of_roles()
    process.repository.save(session)
    writes = len(store.writes)
    process.repository.save(session)
    assert writes == len(store.writes)
    seen = lacks.load()

    assert session.to_dict() == seen.to_dict()
    assert {str} == {*map(type, seen.roles), type(seen.theme), *map(type, seen.page_views)}
    assert [] == lacks.events


def store_members(process: Process, store: FaultyStore, session: UserSession) -> None:
    """Store a session with members of enums as an earlier release did."""
    process.repository.save(session)
    codec, stored = process.repository.codec, store.stored("s")
    parts = dict(codec.open(stored.parts))
    for name, fields in EARLIER.items():
        part = codec.decode_part(name, parts[name])
        parts[name] = codec.serializer.dumps({**part, **fields(part)})
    sealed = codec.seal(parts, {}, dict.fromkeys(stored.parts, PLAIN))
    head = attrs.evolve(stored.head, save_id="earlier", version=2)
    write = SessionWrite(head=head, expected=stored.head.save_id, put=sealed.put)
    store.memory.write(write)


EARLIER: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "profile": lambda _: {"theme": Role.EDITOR},
    "access": lambda _: {"roles": [Role.ADMIN, "guest"], "permissions": [Role.EDITOR]},
    "navigation": lambda part: {
        "page_views": {Role.ADMIN: 2, "home": 1},
        "navigation_history": [
            {**part["navigation_history"][0], "page": Role.ADMIN},
            part["navigation_history"][1],
        ],
    },
    "form:order": lambda _: {"errors": {Role.ADMIN: [Role.EDITOR], "item": ["missing"]}},
    "undo:order": lambda part: {"snapshots": [{**part["snapshots"][0], "description": Role.ADMIN}]},
}


def test_a_text_of_an_enum_that_is_unknown_here_costs_nothing(
    store: FaultyStore, serializer: str, lacks: Process
) -> None:
    """What an earlier release stored as a member is left out for the app, told, and stored again as it was."""
    knows = Process(store, serializer, [Role])
    store_members(knows, store, of_roles())
    seen = lacks.load()
    assert ("ada", None, {"guest"}, set()) == (
        *(seen.user_id, seen.theme, seen.roles, seen.permissions),
    )
    assert ({"home": 1}, ["home"]) == (
        seen.page_views,
        [entry.page for entry in seen.navigation_history],
    )
    assert {"item": ["missing"]} == seen.form_states["order"].errors
    assert [] == seen.form_states["order"].snapshots
    assert 7 == len(lacks.not_read())
    assert [] == [event for event in lacks.events if isinstance(event, SessionQuarantined)]

    seen.roles.add("late")
    seen.language = "en"
    seen.page_views["home"] = 2
    seen.get_form_state("order").errors["item"] = ["wrong"]
    lacks.repository.save(seen)
    again = knows.load()

    assert (Role.EDITOR, "en") == (again.theme, again.language)
    assert ({Role.ADMIN, "guest", "late"}, {Role.EDITOR}) == (again.roles, again.permissions)
    assert {Role.ADMIN: 2, "home": 2} == again.page_views
    assert [Role.ADMIN, "home"] == [entry.page for entry in again.navigation_history]
    form = again.form_states["order"]
    assert {Role.ADMIN: [Role.EDITOR], "item": ["wrong"]} == form.errors
    assert [Role.ADMIN] == [snapshot.description for snapshot in form.snapshots]


def test_what_the_app_sets_in_the_place_of_such_a_text_is_its_value(
    store: FaultyStore, serializer: str, lacks: Process
) -> None:
    """From then on; and an export of the session can be read again."""
    knows = Process(store, serializer, [Role])
    store_members(knows, store, of_roles())
    seen = lacks.load()
    seen.theme = "dark"
    assert {"guest"} == UserSession.from_json(seen.to_json()).roles
    lacks.repository.save(seen)

    assert "dark" == knows.load().theme == lacks.load().theme


def test_what_does_not_belong_beside_such_a_text_is_told(
    store: FaultyStore, serializer: str, lacks: Process
) -> None:
    """And the rest is saved: nothing is lost of what was there."""
    knows = Process(store, serializer, [Role])
    store_members(knows, store, of_roles())
    seen = lacks.load()
    wrong: Any = [[1], "page"]
    seen.navigation_history += wrong
    seen.roles.add(wrong[1])
    seen.inputs["name"] = "Grace"
    with pytest.raises(PartlySavedError, match="navigation_history"):
        lacks.repository.save(seen)
    again = knows.load()

    assert ({"name": "Grace"}, {Role.ADMIN, "guest", "page"}) == (again.inputs, again.roles)
    assert [Role.ADMIN, "home"] == [entry.page for entry in again.navigation_history]


def test_two_who_merge_keep_what_one_can_not_read(
    store: FaultyStore, serializer: str, lacks: Process
) -> None:
    """Roles that both changed are merged one by one."""
    knows = Process(store, serializer, [Role])
    store_members(knows, store, of_roles())
    ours, theirs = lacks.load(), knows.load()
    theirs.roles.add("theirs")
    knows.repository.save(theirs)
    ours.roles |= {"ours"}
    ours.roles.discard("guest")
    lacks.repository.save(ours)

    assert {Role.ADMIN, "ours", "theirs"} == knows.load().roles
