# SPDX-License-Identifier: Apache-2.0
"""session.state: one object of the app's class, and what is kept of it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.carts import ADDRESSES, CARTS, LINES, AttrsCart, AttrsLine, DataCart, carts
from session_harness.replicas import repository_over

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import PartlySavedError, SerializationError
from sessionkit.session import UserSession

every_way = pytest.mark.parametrize("cls", CARTS)


def kept(session: UserSession) -> dict[str, Any]:
    """Return what would be stored of the one object of a session."""
    session.capture_states()
    (key,) = session.extensions or {"": None}
    plain: dict[str, Any] = session.extensions.get(key, {})
    return plain


def again(session: UserSession) -> UserSession:
    """Return the session as another process has it."""
    return UserSession.from_dict(session.to_dict())


def refused(session: UserSession) -> dict[str, str]:
    """Return what can't be kept, by place."""
    errors: list[SerializationError] = []
    session.capture_states(errors.append)
    return {error.path: error.reason for error in errors}


# -- the object ----------------------------------------------------------------


@every_way
def test_each_call_returns_the_same_object(cls: type[Any]) -> None:
    """A session has one, and it is one of the class."""
    session = UserSession()
    cart = session.state(cls)

    assert cls() == cart
    assert session.state(cls) is cart
    assert session.state(cls, name="another") is not cart


@every_way
def test_what_nobody_has_changed_is_not_stored(cls: type[Any]) -> None:
    """A visitor who has only looked leaves nothing, and a new release's defaults hold."""
    session = UserSession()
    session.state(cls)

    assert {} == kept(session)


@every_way
def test_nested_changes_are_found(cls: type[Any]) -> None:
    """In lists, dicts, sets and objects, without a word of the app; only what was changed is stored."""
    session = UserSession()
    cart = session.state(cls)
    cart.lines.append(LINES[cls](sku="tea"))
    cart.address.street = "Veldstraat"
    cart.marks["b"] = LINES[cls](sku="pie", amount=2)
    cart.tags.add("new")
    first = kept(session)
    cart.lines[0].amount = 5
    cart.marks["b"].amount = 3
    second = kept(session)

    line = {"sku": "tea", "amount": 1, "size": "s"}
    assert [line] == first["lines"]
    assert {"street": "Veldstraat"} == first["address"]
    assert {"lines", "address", "marks", "tags"} == set(first)
    assert [{**line, "amount": 5}] == second["lines"]
    assert 3 == second["marks"]["b"]["amount"]


@settings(max_examples=25)
@given(st.data())
@every_way
def test_a_round_trip(cls: type[Any], data: st.DataObject) -> None:
    """What was put in comes back equal, whatever came before it."""
    session = UserSession()
    cart = session.state(cls)
    for _ in range(2):
        wanted = data.draw(carts(cls))
        for name in ("lines", "note", "address", "marks", "due", "price", "tags"):
            setattr(cart, name, getattr(wanted, name))
        session = again(session)
        cart = session.state(cls)

        assert wanted == cart
        assert type(wanted.price) is type(cart.price)


@every_way
def test_an_object_in_it_keeps_the_defaults_that_its_holder_gives(cls: type[Any]) -> None:
    """One changed field is stored; the others are as in a new object."""
    session = UserSession()
    session.state(cls).address.street = "Veldstraat"

    assert ADDRESSES[cls](city="Ghent", street="Veldstraat") == again(session).state(cls).address


def test_what_is_made_for_it_is_stored_with_the_first_change() -> None:
    """An id that a factory makes stays the object's own."""
    session = UserSession()
    basket = session.state(Basket)
    assert {} == kept(session)
    basket.note = "x"

    assert basket.key == again(session).state(Basket).key


@attrs.define
class Basket:
    """What is made anew for each object."""

    key: uuid.UUID = attrs.field(factory=uuid.uuid4)
    note: str = ""


# -- classes that can't be kept ------------------------------------------------


@attrs.define
class Needy:
    """It can't be made without arguments."""

    sku: str
    amount: int
    note: str = ""


@dataclasses.dataclass
class NeedyData:
    """The same."""

    sku: str
    amount: int
    note: str = ""


class NeedyModel(pydantic.BaseModel):
    """The same."""

    sku: str
    amount: int
    note: str = ""


@pytest.mark.parametrize("cls", [Needy, NeedyData, NeedyModel])
def test_a_class_without_defaults_is_an_error_that_names_the_fields(cls: type[Any]) -> None:
    """It says which have none, and what to do."""
    with pytest.raises(TypeError, match=r"sku, amount have no default.*give each field of it one"):
        UserSession().state(cls)


@attrs.frozen
class Frozen:
    """Nothing changes in it."""

    note: str = ""


@dataclasses.dataclass(frozen=True)
class FrozenData:
    """Nothing changes in it."""

    note: str = ""


class FrozenModel(pydantic.BaseModel, frozen=True):
    """Nothing changes in it."""

    note: str = ""


@pytest.mark.parametrize("cls", [Frozen, FrozenData, FrozenModel])
def test_a_frozen_class_is_an_error(cls: type[Any]) -> None:
    """Its one object would stay as it is for good."""
    with pytest.raises(TypeError, match="is frozen"):
        UserSession().state(cls)


@pytest.mark.parametrize("cls", [dict, int, "Cart", None])
def test_what_is_no_such_class_is_an_error(cls: Any) -> None:
    """Inputs are for plain values."""
    with pytest.raises(TypeError, match="attrs class, a dataclass or a pydantic model"):
        UserSession().state(cls)


def test_two_classes_of_one_name_are_an_error() -> None:
    """It names both, and what to do."""
    session = UserSession()
    session.state(AttrsCart, name="cart")

    with pytest.raises(
        ValueError, match=r"AttrsCart and .*DataCart; give one of them another name"
    ):
        session.state(DataCart, name="cart")


@pytest.mark.parametrize("name", ["", "a:b", "x" * 101, 5])
def test_a_name_that_can_not_be_one_is_an_error(name: Any) -> None:
    """The message says what can."""
    with pytest.raises(ValueError, match="a text of 1 to 100 characters without a colon"):
        UserSession().state(AttrsCart, name=name)


@pytest.mark.parametrize("version", [0, -1, True, 1.0])
def test_a_version_that_can_not_be_one_is_an_error(version: Any) -> None:
    """Versions are counted."""
    with pytest.raises(ValueError, match="a whole number from 1 on"):
        UserSession().state(AttrsCart, version=version)


# -- what does not fit ---------------------------------------------------------


@every_way
def test_a_stored_value_of_the_wrong_type_stays_and_its_field_has_its_default(
    cls: type[Any],
) -> None:
    """Deep down as well; what fits beside it is there, and it is told once."""
    wrong = {"note": 5, "price": "12", "address": {"city": ["x"], "street": "Veldstraat"}}
    if cls is CARTS[2]:
        wrong["price"] = "no number"
    stored = {**wrong, "due": None, "tags": {"a"}}
    session = UserSession(extensions={f"state:{cls.__qualname__}": stored})
    cart = session.state(cls)

    assert cls(address=ADDRESSES[cls](street="Veldstraat"), tags={"a"}) == cart
    assert session.states is not None
    name = cls.__qualname__
    places = {
        f"state['{name}']" + field for field in ("['note']", "['price']", "['address']['city']")
    }
    assert places == set(session.states.take_not_read())
    cart.tags.add("b")
    assert {**wrong, "due": None, "tags": {"a", "b"}} == kept(session)
    assert {} == session.states.take_not_read()


@every_way
def test_an_item_that_does_not_fit_takes_no_other_field_with_it(cls: type[Any]) -> None:
    """The field of the item has its default."""
    lines = [{"sku": "tea", "amount": "many", "size": "s"}, {"sku": "pie", "size": "no size"}]
    session = UserSession(extensions={f"state:{cls.__qualname__}": {"lines": lines, "note": "x"}})
    cart = session.state(cls)

    assert cls(lines=[LINES[cls](sku="tea"), LINES[cls](sku="pie")], note="x") == cart


@pytest.mark.parametrize("cls", CARTS[:2])
def test_a_value_that_does_not_fit_is_not_stored(cls: type[Any]) -> None:
    """It could not be read again: the last one that fitted stays, and the place is named."""
    session = UserSession()
    cart = session.state(cls)
    cart.note, cart.address.city = "good", "Bruges"
    before = kept(session)
    cart.note, cart.lines, cart.address.city = 5, "no list", None
    cart.price += 1
    where = f"state['{cls.__qualname__}']"

    assert {
        f"{where}['note']": "str is needed, not int",
        f"{where}['lines']": "list is needed, not str",
        f"{where}['address']['city']": "str is needed, not NoneType",
    } == refused(session)
    assert before == {name: kept(session)[name] for name in ("note", "address")}
    assert 1 == kept(session)["price"]
    cart.note = "better"
    assert "better" == kept(session)["note"]


def test_what_holds_itself_is_not_stored() -> None:
    """It says so, and all else is kept."""
    session = UserSession()
    loose = session.state(Loose)
    loose.anything = [1]
    kept(session)
    loose.links.append(loose)
    loose.note = "x"

    assert ["state['Loose']['links']"] == list(refused(session))
    assert {"anything": [1], "note": "x"} == kept(session)


@pytest.mark.parametrize("endless", [lambda x: x.append(x), lambda x: x.extend([x, x])])
def test_what_holds_itself_in_a_field_of_any_type_is_named(endless: Callable[[Any], None]) -> None:
    """As in an input; all else is kept, and found again when it changes."""
    session = UserSession()
    loose = session.state(Loose)
    loose.anything = []
    endless(loose.anything)
    loose.note = "x"
    storage = MemoryStorage()
    with pytest.raises(PartlySavedError, match=r"^state\['Loose'\]\['anything'\]"):
        repository_over(storage).save(session)
    stored = repository_over(storage).load(session.session_id)
    assert stored is not None

    assert ("x", None) == (stored.state(Loose).note, stored.state(Loose).anything)
    loose.anything, loose.note = [1], "y"
    assert {"anything": [1], "note": "y"} == kept(session)


def test_tables_that_change_in_place_are_found() -> None:
    """A DataFrame and an array are compared by what they hold."""
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    session = UserSession()
    loose = session.state(Loose)
    loose.anything = [pandas.DataFrame({"a": [1, 2]}), numpy.zeros(2)]
    kept(session)
    loose.anything[0].loc[0, "a"] = 5
    loose.anything[1][1] = 7.0
    frame, array = again(session).state(Loose).anything

    assert [5, 2] == list(frame["a"])
    assert [0.0, 7.0] == list(array)


@attrs.define(eq=False)
class Loose:
    """Says little of what it holds."""

    anything: Any = None
    links: list[Loose] = attrs.field(factory=list)
    note: str = ""


def test_what_is_changed_inside_of_anything_is_found() -> None:
    """A field of no type is compared as an input is."""
    session = UserSession()
    loose = session.state(Loose)
    loose.anything = {"a": [1]}
    kept(session)
    loose.anything["a"].append(2)

    assert {"a": [1, 2]} == kept(session)["anything"]
    assert {"a": [1, 2]} == again(session).state(Loose).anything


# -- what other releases store -------------------------------------------------


@every_way
def test_fields_of_another_release_stay(cls: type[Any]) -> None:
    """In the object, in objects in it, and in the items of its lists, moved or changed."""
    stored = {
        "note": "x",
        "gift": True,
        "address": {"city": "Ghent", "floor": 3},
        "lines": [{"sku": sku, "amount": 1, "size": "s", "gift": sku} for sku in "abc"],
        "marks": {"m": {"sku": "m", "amount": 1, "size": "s", "gift": "m"}},
    }
    session = UserSession(extensions={f"state:{cls.__qualname__}": stored})
    cart = session.state(cls)
    cart.note, cart.address.city, cart.marks["m"].amount = "y", "Bruges", 2
    del cart.lines[0]
    plain = kept(session)
    cart.lines[1].amount = 7
    cart.lines.reverse()
    cart.lines.append(LINES[cls](sku="d"))
    moved = kept(session)

    assert (True, 3) == (plain["gift"], plain["address"]["floor"])
    assert "m" == plain["marks"]["m"]["gift"]
    assert ["b", "c"] == [line["gift"] for line in plain["lines"]]
    assert ("Bruges", 2) == (plain["address"]["city"], plain["marks"]["m"]["amount"])
    assert [("c", 7), ("b", 1), ("d", 1)] == [
        (line["sku"], line["amount"]) for line in moved["lines"]
    ]
    assert "b" == moved["lines"][1]["gift"]


def test_a_model_that_forbids_more_reads_what_another_release_stores() -> None:
    """That is no value of the wrong type, and is not told as one."""
    session = UserSession(extensions={"state:Strict": {"note": "x", "gift": True}})

    assert "x" == session.state(Strict).note
    assert session.states is not None
    assert {} == session.states.take_not_read()


class Strict(pydantic.BaseModel, extra="forbid"):
    """Takes no other fields."""

    note: str = ""


def test_a_model_that_takes_more_keeps_it() -> None:
    """The fields that an app adds are its own."""
    session = UserSession()
    session.state(Open).extra = 5  # type: ignore[attr-defined]  # what it is for

    assert {"extra": 5} == again(session).state(Open).model_extra


class Open(pydantic.BaseModel, extra="allow"):
    """Takes any fields."""

    note: str = ""


def test_a_model_is_kept_under_the_names_of_its_fields() -> None:
    """Aliases are for others, and what is computed is not stored."""
    session = UserSession()
    session.state(Aliased).shown = 5

    assert {"shown": 5} == kept(session)
    assert 5 == again(session).state(Aliased).shown


class Aliased(pydantic.BaseModel):
    """A field has another name outside, another one is computed."""

    shown: int = pydantic.Field(1, alias="theName")

    @pydantic.computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation has it
    @property
    def twice(self) -> int:
        """Return twice as much."""
        return 2 * self.shown


# -- classes that a page defines anew ------------------------------------------

PAGE = """
from dataclasses import dataclass, field
from pydantic import BaseModel
from attrs import define, field as attrs_field

@define
class AttrsItem:
    sku: str = ""

@define
class AttrsPage:
    items: list[AttrsItem] = attrs_field(factory=list)
    note: str = ""

@dataclass
class DataItem:
    sku: str = ""

@dataclass
class DataPage:
    items: list[DataItem] = field(default_factory=list)
    note: str = ""

class ModelItem(BaseModel):
    sku: str = ""

class ModelPage(BaseModel):
    items: list[ModelItem] = []
    note: str = ""
"""


def run(way: str, source: str = PAGE) -> tuple[Any, Any]:
    """Run a page; return the classes that it has defined."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, "page.py", "exec", dont_inherit=True), names)  # noqa: S102 - as Streamlit runs a page
    return names[f"{way}Page"], names[f"{way}Item"]


@pytest.mark.parametrize("way", ["Data", "Model"])
def test_a_class_that_a_rerun_defines_anew_has_the_same_object(way: str) -> None:
    """It is one of the new class, with all that it holds, and so are those that come later."""
    session = UserSession()
    page_class, item = run(way)
    page = session.state(page_class)
    page.items.append(item(sku="a"))
    page_class, item = run(way)

    assert session.state(page_class) is page
    assert page_class(items=[item(sku="a")]) == page
    page.items.append(item(sku="b"))
    page_class, item = run(way)
    both = page_class(items=[item(sku="a"), item(sku="b")])
    assert both == session.state(page_class)
    assert both == again(session).state(page_class)


def test_an_object_with_slots_stays_the_same_too() -> None:
    """Python gives it no other class, so it stays of the one that is defined alike."""
    session = UserSession()
    page_class, item = run("Attrs")
    page = session.state(page_class)
    page.items.append(item("a"))
    page_class, item = run("Attrs")

    assert session.state(page_class) is page
    page.items.append(item("b"))
    assert {"items": [{"sku": "a"}, {"sku": "b"}]} == kept(session)
    assert ["a", "b"] == [one.sku for one in again(session).state(page_class).items]


@pytest.mark.parametrize("way", ["Attrs", "Data", "Model"])
def test_a_page_that_was_edited_goes_on_with_what_was_kept(way: str) -> None:
    """A field that is new has its default, and one that is gone stays stored."""
    session = UserSession()
    page_class, item = run(way)
    page = session.state(page_class)
    page.note, page.items = "x", [item(sku="a")]
    page_class, item = run(way, PAGE.replace('    note: str = ""', "    amount: int = 3"))
    after = session.state(page_class)

    assert page_class(items=[item(sku="a")], amount=3) == after
    after.amount = 4
    assert {"items": [{"sku": "a"}], "note": "x", "amount": 4} == kept(session)


@pytest.mark.parametrize("way", ["Attrs", "Data", "Model"])
def test_a_type_that_was_edited_holds(way: str) -> None:
    """Also in a class of what it holds."""
    session = UserSession()
    page_class, item = run(way)
    session.state(page_class).items.append(item(sku="a"))
    page_class, item = run(way, PAGE.replace("    sku: str", "    sku: str | int"))
    page = session.state(page_class)
    page.items.append(item(sku=5))

    assert {"items": [{"sku": "a"}, {"sku": 5}]} == kept(session)
    assert {} == refused(session)


# -- versions ------------------------------------------------------------------


@attrs.define
class Priced:
    """The second version of it."""

    cents: int = 0
    note: str = ""


def in_cents(old: dict[str, Any], version: int) -> dict[str, Any]:
    """Make the second version's fields of the first one's."""
    assert 1 == version
    return {**old, "cents": int(old.get("price", 0) * 100)}


def test_an_older_versions_fields_are_migrated() -> None:
    """They stay stored for the older release, and what the newer one changes lies beside them."""
    session = UserSession(extensions={"state:cart": {"price": 1.5, "note": "x"}})
    cart = session.state(Priced, name="cart", version=2, migrate=in_cents)
    assert Priced(150, "x") == cart
    cart.cents = 175
    data = session.to_dict()["extensions"]

    assert {"price": 1.5, "note": "x"} == data["state:cart"]
    assert 175 == data["state:cart:2"]["cents"]
    assert Priced(175, "x") == again(session).state(
        Priced, name="cart", version=2, migrate=in_cents
    )


def test_what_the_older_release_changes_later_comes_along() -> None:
    """Field by field: what the newer one has changed meanwhile stays."""
    session = UserSession(extensions={"state:cart": {"price": 1.5, "note": "x"}})
    session.state(Priced, name="cart", version=2, migrate=in_cents).note = "new"
    session = again(session)
    session.extensions["state:cart"] = {"price": 2.5, "note": "x"}

    cart = again(session).state(Priced, name="cart", version=2, migrate=in_cents)

    assert Priced(250, "new") == cart


def test_an_error_of_migrate_is_the_apps() -> None:
    """It is raised where the object is asked for, and nothing is half migrated."""

    def fail(_: dict[str, Any], __: int) -> dict[str, Any]:
        msg = "no such price"
        raise KeyError(msg)

    session = UserSession(extensions={"state:cart": {"price": 1.5}})

    with pytest.raises(KeyError, match="no such price"):
        session.state(Priced, name="cart", version=2, migrate=fail)
    with pytest.raises(TypeError, match="migrate returns the fields of cart as a dict"):
        session.state(Priced, name="cart", version=2, migrate=lambda *_: None)  # type: ignore[arg-type,return-value]  # the error
    assert {"state:cart": {"price": 1.5}} == session.extensions
    assert Priced(150) == session.state(Priced, name="cart", version=2, migrate=in_cents)


def test_exported_text_reads_back() -> None:
    """JSON has it as all else."""
    session = UserSession()
    session.state(AttrsCart).lines.append(AttrsLine("tea"))

    assert [AttrsLine("tea")] == UserSession.from_json(session.to_json()).state(AttrsCart).lines
