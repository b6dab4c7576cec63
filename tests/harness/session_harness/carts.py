# SPDX-License-Identifier: Apache-2.0
"""One class of an app, three ways: what a shop keeps of a visitor, as attrs, dataclasses and pydantic have it."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

import attrs
import pydantic
from hypothesis import strategies as st


class Size(Enum):
    """A size that a line may have."""

    SMALL = "s"
    LARGE = "l"


class Line(Protocol):
    """A line of a cart."""

    sku: str
    amount: int
    size: Size


class Address(Protocol):
    """Where it goes."""

    city: str
    street: str


class Cart(Protocol):
    """A cart."""

    lines: list[Any]
    note: str
    address: Any
    marks: dict[str, Any]
    due: date | None
    price: Decimal
    tags: set[str]


@attrs.define
class AttrsLine:
    """As attrs has it."""

    sku: str = ""
    amount: int = 1
    size: Size = Size.SMALL


@attrs.define
class AttrsAddress:
    """As attrs has it."""

    city: str = "Ghent"
    street: str = ""


@attrs.define
class AttrsCart:
    """As attrs has it."""

    lines: list[AttrsLine] = attrs.field(factory=list)
    note: str = ""
    address: AttrsAddress = attrs.field(factory=AttrsAddress)
    marks: dict[str, AttrsLine] = attrs.field(factory=dict)
    due: date | None = None
    price: Decimal = Decimal("0.00")
    tags: set[str] = attrs.field(factory=set)


@dataclasses.dataclass
class DataLine:
    """As a dataclass has it."""

    sku: str = ""
    amount: int = 1
    size: Size = Size.SMALL


@dataclasses.dataclass
class DataAddress:
    """As a dataclass has it."""

    city: str = "Ghent"
    street: str = ""


@dataclasses.dataclass
class DataCart:
    """As a dataclass has it."""

    lines: list[DataLine] = dataclasses.field(default_factory=list)
    note: str = ""
    address: DataAddress = dataclasses.field(default_factory=DataAddress)
    marks: dict[str, DataLine] = dataclasses.field(default_factory=dict)
    due: date | None = None
    price: Decimal = Decimal("0.00")
    tags: set[str] = dataclasses.field(default_factory=set)


class ModelLine(pydantic.BaseModel):
    """As pydantic has it."""

    sku: str = ""
    amount: int = 1
    size: Size = Size.SMALL


class ModelAddress(pydantic.BaseModel):
    """As pydantic has it."""

    city: str = "Ghent"
    street: str = ""


class ModelCart(pydantic.BaseModel):
    """As pydantic has it."""

    lines: list[ModelLine] = []
    note: str = ""
    address: ModelAddress = ModelAddress()
    marks: dict[str, ModelLine] = {}
    due: date | None = None
    price: Decimal = Decimal("0.00")
    tags: set[str] = set()


CARTS = (AttrsCart, DataCart, ModelCart)
"""The class, each way."""

LINES: dict[type[Any], type[Any]] = {
    AttrsCart: AttrsLine,
    DataCart: DataLine,
    ModelCart: ModelLine,
}
"""Their lines."""

ADDRESSES: dict[type[Any], type[Any]] = {
    AttrsCart: AttrsAddress,
    DataCart: DataAddress,
    ModelCart: ModelAddress,
}
"""Their addresses."""

_TEXTS = st.text(max_size=5)


def lines(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return lines of a cart of this class."""
    return st.builds(
        LINES[cls], sku=_TEXTS, amount=st.integers(-9, 2**40), size=st.sampled_from(Size)
    )


def fields(cls: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return what each field of a cart of this class may hold."""
    return {
        "lines": st.lists(lines(cls), max_size=3),
        "note": _TEXTS,
        "address": st.builds(ADDRESSES[cls], city=_TEXTS, street=_TEXTS),
        "marks": st.dictionaries(_TEXTS, lines(cls), max_size=3),
        "due": st.none() | st.dates(),
        "price": st.decimals(allow_nan=False, allow_infinity=False),
        "tags": st.sets(_TEXTS, max_size=3),
    }


def carts(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return carts of this class."""
    return st.builds(cls, **fields(cls))
