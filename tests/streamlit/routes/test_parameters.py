# SPDX-License-Identifier: Apache-2.0
"""What stands in an address is what a page's function takes, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit_streamlit.routes.parameters import AddressError, Parameters
from sessionkit_streamlit.routes.route import Route


class Size(Enum):
    """Sizes of shirts."""

    SMALL = "s"
    LARGE = 2


def shop(  # noqa: PLR0913, PLR0917 - each kind once
    number: int,
    text: str = "",
    price: float = 0.0,
    exact: Decimal = Decimal(0),
    open: bool = True,  # noqa: A002, FBT001, FBT002 - as an app may call it
    day: date | None = None,
    at: datetime | None = None,
    ident: UUID | None = None,
    size: Size = Size.SMALL,
    tab: Literal["lines", "notes", 3] = "lines",
    tags: list[str] = [],  # noqa: B006 - not changed
    any=None,  # noqa: A002, ANN001 - not annotated
) -> None:
    """Be a page with parameters."""


SHOP = Parameters.of(shop)


@given(
    st.fixed_dictionaries(
        {"number": st.integers()},
        optional={
            "text": st.text(),
            "price": st.floats(allow_nan=False, allow_infinity=False),
            "exact": st.decimals(allow_nan=False, allow_infinity=False),
            "open": st.booleans(),
            "day": st.dates(),
            "at": st.datetimes(timezones=st.sampled_from([UTC, None])),
            "ident": st.uuids(),
            "size": st.sampled_from(Size),
            "tab": st.sampled_from(["lines", "notes", 3]),
            "tags": st.lists(st.text()),
            "any": st.text(),
        },
    )
)
def test_what_is_written_is_read(arguments: dict[str, Any]) -> None:
    """As its own type; what an address does not say is the default."""
    texts = SHOP.write(arguments)
    lists = {name: [text] if isinstance(text, str) else text for name, text in texts.items()}
    read = SHOP.read(lists)
    for name, value in arguments.items():
        assert read[name] == value
        assert type(read[name]) is type(value)


def test_what_is_the_default_stands_in_no_address() -> None:
    """An address says what is particular."""
    assert SHOP.write({"number": 7, "open": True, "tab": "lines"}) == {"number": "7"}


@pytest.mark.parametrize(
    ("query", "name", "expected", "found"),
    [
        ({}, "number", "a whole number", None),
        ({"number": ["x"]}, "number", "a whole number", "x"),
        ({"number": ["1.5"]}, "number", "a whole number", "1.5"),
        ({"number": ["1"], "price": ["nan"]}, "price", "a number", "nan"),
        ({"number": ["1"], "exact": ["inf"]}, "exact", "a number", "inf"),
        ({"number": ["1"], "open": ["maybe"]}, "open", "true or false", "maybe"),
        ({"number": ["1"], "day": ["31.1.26"]}, "day", "a date such as 2026-01-31", "31.1.26"),
        ({"number": ["1"], "size": ["m"]}, "size", "one of s, 2", "m"),
        ({"number": ["1"], "tab": ["4"]}, "tab", "one of lines, notes, 3", "4"),
    ],
)
def test_what_is_wrong_is_named(
    query: dict[str, list[str]], name: str, expected: str, found: str | None
) -> None:
    """Which parameter, what it has to be, and what stands there."""
    with pytest.raises(AddressError) as raised:
        SHOP.read(query)
    assert (raised.value.name, raised.value.expected, raised.value.found) == (name, expected, found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs 'number'"),
        ({"number": 1, "color": "red"}, "takes no 'color'"),
        ({"number": "seven"}, "'number' has to be a whole number, not 'seven'"),
        ({"number": 1, "day": "today"}, "'day' has to be a date such as 2026-01-31, not 'today'"),
        ({"number": 1, "tab": "top"}, "'tab' has to be one of lines, notes, 3, not 'top'"),
        ({"number": 1, "price": float("nan")}, "'price' has to be a number, not nan"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error_of_the_app(
    arguments: dict[str, Any], words: str
) -> None:
    """Where it is made, not where it is clicked."""
    with pytest.raises(TypeError, match=words):
        SHOP.write(arguments)


def _any_number(*numbers: int) -> None:
    """Be a page that takes any number of parameters."""


def _of_bytes(data: bytes) -> None:
    """Be a page that takes what no address can hold."""


@pytest.mark.parametrize(
    ("page", "words"), [(_any_number, "named parameters only"), (_of_bytes, "'data' of type")]
)
def test_a_page_that_no_address_can_open_is_refused(
    page: Callable[..., object], words: str
) -> None:
    """With what would be right."""
    with pytest.raises(TypeError, match=words):
        Parameters.of(page)


def test_arguments_in_their_order_are_those_of_the_function() -> None:
    """As in a call, and each once."""
    assert Route(shop).texts([7, "tea"], {"tags": ["a", "b"]}) == {
        "number": "7",
        "text": "tea",
        "tags": ["a", "b"],
    }
    with pytest.raises(TypeError, match="each once"):
        Route(shop).texts([7], {"number": 8})


def test_roles_are_a_list() -> None:
    """One text would be a role for each letter of it."""
    with pytest.raises(TypeError, match=r"\['admin'\]"):
        Route(shop, roles="admin")
