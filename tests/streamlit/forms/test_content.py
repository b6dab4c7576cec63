# SPDX-License-Identifier: Apache-2.0
"""What a form is filled in with is an object of the app's own class, or messages at its fields."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import Enum
from types import ModuleType
from typing import Any, Literal

import attrs
import pydantic
import pytest

from sessionkit_streamlit.forms.content import WHOLE, Content


class Color(Enum):
    """Colors of shirts."""

    RED = 1
    BLUE = 2


@attrs.define
class Shirt:
    """Has a field of each kind."""

    name: str
    size: int = 3
    price: float = 9.5
    new: bool = True
    day: date | None = None
    at: datetime | None = None
    open: time | None = None
    color: Color = Color.RED
    cut: Literal["slim", "wide"] = "slim"
    tags: list[Literal["a", "b"]] = attrs.field(factory=list)
    data: bytes = b""


@dataclass
class Stay:
    """Checks itself as a whole."""

    name: str
    first: int = 1
    last: int = 2
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what ends before it begins."""
        if self.last < self.first:
            msg = "It ends before it begins."
            raise ValueError(msg)


class Guest(pydantic.BaseModel):
    """Checks each field."""

    name: str
    age: int = pydantic.Field(default=18, ge=18)
    nick: str | None = None


def test_each_field_has_the_widget_of_its_type() -> None:
    """And what there is to choose from; what has none is drawn by the app."""
    fields = Content(Shirt, None).fields
    assert {name: one.widget for name, one in fields.items()} == {
        "name": "text_input",
        "size": "number_input",
        "price": "number_input",
        "new": "checkbox",
        "day": "date_input",
        "at": "datetime_input",
        "open": "time_input",
        "color": "selectbox",
        "cut": "selectbox",
        "tags": "multiselect",
        "data": None,
    }
    assert (fields["color"].options, fields["tags"].options) == (list(Color), ["a", "b"])
    assert (fields["name"].label, fields["day"].optional) == ("Name", True)


@pytest.mark.parametrize(
    ("cls", "values", "made"),
    [
        (Shirt, {"name": "a", "size": 1, "other": 2}, Shirt("a", 1)),
        (Stay, {"name": "a", "first": 2, "last": 3}, Stay("a", 2, 3)),
        (Guest, {"name": "a", "nick": "b"}, Guest(name="a", nick="b")),
        (None, {"name": "a"}, {"name": "a"}),
    ],
)
def test_what_is_right_is_an_object(cls: Any, values: dict[str, Any], made: object) -> None:
    """Of the class; what the class does not know is left out."""
    assert Content(cls, None).make(values) == (made, {})


@pytest.mark.parametrize(
    ("cls", "values", "errors"),
    [
        (Shirt, {"name": ""}, {"name": ["This field is required."]}),
        (Stay, {}, {"name": ["This field is required."]}),
        (
            Stay,
            {"name": "a", "first": 3, "last": 2},
            {WHOLE: ["It ends before it begins."]},
        ),
        (
            Guest,
            {"name": "a", "age": 7},
            {"age": ["Input should be greater than or equal to 18"]},
        ),
        (Guest, {"name": None}, {"name": ["This field is required."]}),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    cls: Any, values: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    """Or at the form as a whole."""
    assert Content(cls, None).make(values) == (None, errors)


def _even(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value % 2:
        msg = f"{attribute.name} is odd"
        raise ValueError(msg)


@attrs.define
class Pair:
    """Has two fields that may be wrong at once."""

    one: int = attrs.field(validator=_even)
    other: int = attrs.field(converter=int, validator=[_even, attrs.validators.ge(2)])


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Though the class stops at the first."""
    assert Content(Pair, None).make({"one": 1, "other": "3"}) == (
        None,
        {"one": ["one is odd"], "other": ["other is odd"]},
    )
    made, errors = Content(Pair, None).make({"one": 2, "other": "x"})
    assert (made, list(errors)) == (None, ["other"])
    assert Content(Pair, None).make({"one": 2, "other": "4"}) == (Pair(2, 4), {})


@pytest.mark.parametrize(
    ("told", "errors"),
    [
        (None, {}),
        ({}, {}),
        ({"name": "No."}, {"name": ["No."]}),
        ({"name": ["No.", "Never."], "size": []}, {"name": ["No.", "Never."]}),
    ],
)
def test_the_apps_own_check(told: Any, errors: dict[str, list[str]]) -> None:
    """One message or several; none is none."""
    value, found = Content(Shirt, lambda _: told).make({"name": "a"})
    assert found == errors
    assert (value is None) == bool(errors)


def test_what_is_no_such_class_is_refused() -> None:
    """With what would be right."""
    with pytest.raises(TypeError, match="an attrs class, a dataclass or a pydantic model"):
        Content(dict, None)


SCRIPT = """
from __future__ import annotations
from dataclasses import dataclass
from enum import Enum

class Color(Enum):
    RED = 1

@dataclass
class Shirt:
    color: Color = Color.RED

def fields():
    return Content(Shirt, None).fields
"""


def test_what_a_pages_class_names_is_looked_up_in_its_own_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run of another tab has begun since, and is the main module now."""
    run = {"__name__": "__main__", "Content": Content}
    exec(SCRIPT, run)  # noqa: S102 - our own script
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    (shown,) = run["fields"]().values()
    assert run["Color"] is shown.kind
