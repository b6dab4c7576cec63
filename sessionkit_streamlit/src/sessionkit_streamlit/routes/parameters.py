# SPDX-License-Identifier: Apache-2.0
"""The parameters in a page's address, as the signature of the page's function names and types them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

Texts = dict[str, str | list[str]]
"""Parameters as an address has them, by name."""

_REQUIRED: Final = inspect.Parameter.empty
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}


class AddressError(ValueError):
    """
    An address does not say what its page needs.

    Attributes:
        name: The parameter.
        expected: What it has to be, such as ``"a whole number"``.
        found: What the address has instead, or None where it has nothing.
    """

    def __init__(self, name: str, expected: str, found: str | None) -> None:
        """Describe the parameter."""
        has = "is missing" if found is None else f"is {found!r}"
        super().__init__(f"the parameter {name!r} {has}; it has to be {expected}")
        self.name, self.expected, self.found = name, expected, found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


@attrs.frozen
class _Kind:
    """
    What a parameter may be.

    Attributes:
        expected: In words.
        read: Makes a value of a text; raises ValueError, KeyError or InvalidOperation for any other text.
        write: Makes the text of a value.
    """

    expected: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


_KINDS: Final[Mapping[Any, _Kind]] = MappingProxyType(
    {
        str: _Kind("a text", str),
        int: _Kind("a whole number", int),
        float: _Kind("a number", _finite, repr),
        Decimal: _Kind("a number", _decimal),
        bool: _Kind(
            "true or false",
            lambda text: _BOOLS[text.lower()],
            lambda value: "true" if value else "false",
        ),
        date: _Kind("a date such as 2026-01-31", date.fromisoformat, date.isoformat),
        datetime: _Kind(
            "a moment such as 2026-01-31T10:30", datetime.fromisoformat, datetime.isoformat
        ),
        UUID: _Kind("a UUID", UUID),
    }
)


def _kind_of(hint: Any) -> _Kind | None:  # noqa: ANN401 - any annotation
    if get_origin(hint) is Literal:
        return _choice({str(option): option for option in get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice({str(option.value): option for option in hint})
    return _KINDS.get(hint)


def _choice(options: Mapping[str, Any]) -> _Kind:
    texts = {option: text for text, option in options.items()}
    return _Kind(f"one of {', '.join(options)}", options.__getitem__, texts.__getitem__)


@attrs.frozen
class Parameter:
    """
    One parameter.

    Attributes:
        name: Its name.
        kind: What it, or each one of several, may be.
        several: Whether it is a list: its name may stand in the address any number of times.
        default: What it is where the address does not say it; ``inspect.Parameter.empty`` where it has to.
    """

    name: str
    kind: _Kind
    several: bool
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether the address has to say it."""
        return self.default is _REQUIRED

    def read(self, texts: list[str]) -> Any:  # noqa: ANN401 - any value
        """
        Return the value that texts of an address stand for.

        Raises:
            AddressError: If one of them stands for none, or there is none and there has to be one.
        """
        if not texts:
            if self.is_required:
                raise AddressError(self.name, self.kind.expected, None)
            return self.default
        values = [self._value(text) for text in texts]
        return values if self.several else values[-1]

    def _value(self, text: str) -> Any:  # noqa: ANN401 - any value
        try:
            return self.kind.read(text)
        except (ValueError, KeyError, InvalidOperation):
            raise AddressError(self.name, self.kind.expected, text) from None

    def write(self, value: Any) -> str | list[str]:  # noqa: ANN401 - any value
        """
        Return a value as an address has it.

        Raises:
            TypeError: If the parameter can't have that value.
        """
        several: list[Any] = list(value) if self.several else [value]
        try:
            texts = [self.kind.write(one) for one in several]
            same = several == [self.kind.read(text) for text in texts]
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
            same = False
        if not same:
            msg = f"the parameter {self.name!r} has to be {self.kind.expected}, not {value!r}"
            raise TypeError(msg)
        return texts if self.several else texts[0]


@attrs.frozen
class Parameters:
    """
    All parameters of a page.

    Attributes:
        by_name: They, in the order of the signature.
    """

    by_name: Mapping[str, Parameter]

    @classmethod
    def of(cls, page: Callable[..., object]) -> Parameters:
        """
        Return the parameters that a page's function takes.

        Args:
            page: The function. What is not annotated is a text.

        Raises:
            TypeError: If an address can't hold one of them.
        """
        taken = inspect.signature(page).parameters.values()
        hints = get_type_hints(page) if taken else {}
        return cls({one.name: _parameter(page, one, hints.get(one.name, str)) for one in taken})

    @property
    def are_required(self) -> bool:
        """Whether the page can't be opened without some."""
        return any(one.is_required for one in self.by_name.values())

    def read(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """
        Return what a page's function is called with.

        Args:
            query: All texts that an address has, by name; names that the page does not take are passed over.

        Raises:
            AddressError: If one is missing or wrong.
        """
        return {name: one.read(query.get(name, [])) for name, one in self.by_name.items()}

    def write(self, arguments: Mapping[str, Any]) -> Texts:
        """
        Return arguments of the page's function as an address has them; those that are the default are left out.

        Raises:
            TypeError: If one is unknown, missing or of the wrong type.
        """
        strange = arguments.keys() - self.by_name
        missing = [
            one.name
            for one in self.by_name.values()
            if one.is_required and one.name not in arguments
        ]
        if strange or missing:
            which = f"takes no {min(strange)!r}" if strange else f"needs {missing[0]!r}"
            msg = f"the page {which}; its parameters are {list(self.by_name)}"
            raise TypeError(msg)
        return {
            name: one.write(arguments[name])
            for name, one in self.by_name.items()
            if name in arguments and (one.is_required or arguments[name] != one.default)
        }


def _parameter(page: Callable[..., object], one: inspect.Parameter, hint: Any) -> Parameter:  # noqa: ANN401 - any annotation
    name = getattr(page, "__name__", repr(page))
    if one.kind not in _NAMED:
        msg = f"the page {name!r} takes {one}: an address has named parameters only"
        raise TypeError(msg)
    if get_origin(hint) in {Union, UnionType}:  # X | None: None is what stands in no address
        hints = [option for option in get_args(hint) if option is not NoneType]
        hint = hints[0] if len(hints) == 1 else hint
    several = get_origin(hint) is list
    kind = _kind_of(get_args(hint)[0] if several else hint)
    if kind is None:
        names = ", ".join(kind.__name__ for kind in _KINDS)
        msg = (
            f"the page {name!r} has a parameter {one.name!r} of type {hint!r}, which no address "
            f"can hold: use {names}, an Enum, Literal[...], or a list of one of them"
        )
        raise TypeError(msg)
    return Parameter(one.name, kind, several, one.default)
