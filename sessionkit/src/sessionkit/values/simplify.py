# SPDX-License-Identifier: Apache-2.0
"""The walk from any value to what an encoder takes, and why a value can't be kept."""

from __future__ import annotations

import io
import sys
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, Final
from uuid import UUID

from sessionkit.errors import SerializationError
from sessionkit.values.dicts import kept_factories
from sessionkit.values.extent import MOST, holds_too_much, too_much
from sessionkit.values.kind import Kind
from sessionkit.values.kinds import DICT, Kinds
from sessionkit.values.opaque import Opaque

MAX_DEPTH: Final = 100
"""How deeply values may lie in one another."""

_ALWAYS_PLAIN: Final = frozenset({bool, NoneType})
_SHOWN: Final = 60
_LONGEST_PATH: Final = 200
_INT_FROM: Final = -(2**63)
_INT_TO: Final = 2**64
_SCALARS: Final = (bool, int, float, complex, str, bytes, date, datetime, time, timedelta)
_CODE: Final = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)

# A datetime is a date and a Counter is a dict: the narrower type comes first.
_KEPT: Final = (
    *(Counter, OrderedDict, defaultdict),
    *(str, int, float, complex, bytes, tuple, list, dict, set, frozenset),
    *(datetime, date, time, timedelta, Decimal, UUID),
)


class Simplifier(ABC):
    """
    Copies a value into plain data and tagged simpler data.

    The value is copied container by container, each in one step, so another
    thread may change it meanwhile.
    """

    def __init__(self, kinds: Kinds) -> None:
        """Take the table of what can be kept."""
        self._kinds = kinds

    def __call__(self, value: Any) -> Any:  # noqa: ANN401 - any value
        """
        Return *value* as the encoder takes it.

        Raises:
            SerializationError: If a value can't be kept; ``path`` says which.
            RuntimeError: If another thread changed a container in the middle of its copy.
        """
        if holds_too_much(value):
            raise too_much(MOST)
        try:
            return self.simplify(value, 0)
        except RecursionError as error:
            raise too_deep() from error

    @abstractmethod
    def takes(self, value: int | float | bytes) -> bool:  # noqa: PYI041 - each is meant, exactly
        """Return whether the format has this number, or bytes, itself."""

    @abstractmethod
    def tag(self, kind: Kind, simple: Any) -> Any:  # noqa: ANN401 - plain data
        """Return plain data that say their kind."""

    @abstractmethod
    def tag_opaque(self, value: Opaque, simple: Any) -> Any:  # noqa: ANN401 - plain data
        """
        Return plain data that say their kind, for a value that could not be read here.

        Raises:
            SerializationError: If the format has no place for its kind.
        """

    @abstractmethod
    def order(self, simple: Any) -> Any:  # noqa: ANN401 - plain data
        """Return what the members of a set are sorted by."""

    def simplify(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - any value
        """Return *value*, which lies *depth* levels deep, as the encoder takes it."""
        if depth > MAX_DEPTH:
            raise too_deep()
        cls = type(value)
        if cls is str:
            return _encodable(value)
        if cls is list:
            return self.copy_list(list(value), depth)
        if cls is dict:
            return self._dict(list(value.items()), depth)
        if cls in _ALWAYS_PLAIN or (cls in (int, float, bytes) and self.takes(value)):
            return value
        return self._tagged(value, depth)

    def is_plain(self, keys: list[Any]) -> bool:
        """Return whether a dict with these keys needs no tag."""
        return {*map(type, keys)} <= {str}

    def copy_list(self, items: list[Any], depth: int) -> Any:  # noqa: ANN401 - plain data
        """Return a list as the encoder takes it."""
        return [self.at(index, item, depth) for index, item in enumerate(items)]

    def copy_dict(self, items: list[tuple[Any, Any]], depth: int) -> Any:  # noqa: ANN401 - plain data
        """Return a dict that needs no tag as the encoder takes it."""
        return {self.at(key, key, depth): self.at(key, item, depth) for key, item in items}

    def at(self, key: Any, value: Any, depth: int) -> Any:  # noqa: ANN401 - any value
        """Return *value*, to which *key* leads from *depth* levels deep, as the encoder takes it."""
        cls = type(value)
        if cls in _ALWAYS_PLAIN or (cls is str and value.isascii()):
            return value  # most values are: no need to go down to find out
        try:
            return self.simplify(value, depth + 1)
        except SerializationError as error:
            raise within(key, error) from error.__cause__

    def _dict(self, items: list[tuple[Any, Any]], depth: int) -> Any:  # noqa: ANN401 - plain data
        if self.is_plain([key for key, _ in items]):
            return self.copy_dict(items, depth)
        pairs = [[self.at(key, key, depth), self.at(key, item, depth)] for key, item in items]
        return self.tag(DICT, pairs)

    def _tagged(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - any value
        if type(value) is Opaque:
            return self.tag_opaque(value, self.simplify(value.simple, depth))
        kind, simple = self._simpler(value)
        if kind is None:
            return self.simplify(simple, depth)
        if not kind.unordered:
            return self.tag(kind, self.simplify(simple, depth))
        members = [self.simplify(member, depth + 1) for member in simple]
        return self.tag(kind, sorted(members, key=self.order))

    def _simpler(self, value: Any) -> tuple[Kind | None, Any]:  # noqa: ANN401 - any value
        try:
            kind = self._kinds.find(value)
            if kind is None:
                return None, _plain_equal(value, self._kinds)
            return kind, kind.simplified(value)
        except (SerializationError, RuntimeError):
            raise
        except Exception as error:  # an app's own class may raise anything when it is looked at
            msg = f"a {type(value).__name__} can't be kept: it raised {type(error).__name__}"
            raise SerializationError(msg) from error


def within(key: object, error: SerializationError) -> SerializationError:
    """Return *error* as it is called one level up, where *key* leads to its place."""
    shows_itself = type(key) in (str, float, bool) or (type(key) is int and fits_64_bits(key))
    step = repr(key) if shows_itself else type(key).__name__
    return SerializationError(error.reason, f"[{step[:_SHOWN]}]{error.path}"[:_LONGEST_PATH])


def too_deep() -> SerializationError:
    """Return the error for what is nested too deeply."""
    return SerializationError(
        f"values lie in one another more than {MAX_DEPTH} levels deep, or hold themselves; "
        f"store them flat"
    )


def fits_64_bits(number: int) -> bool:
    """Return whether other readers of the format have this integer, too."""
    return _INT_FROM <= number < _INT_TO


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = (
            f"the text holds a lone surrogate at {error.start}, which UTF-8 can't encode; remove it"
        )
        raise SerializationError(msg) from error
    return text


# -- why a value can't be kept, and what can be kept instead -------------------


def _plain_equal(value: Any, kinds: Kinds) -> Any:  # noqa: ANN401 - any value
    """
    Return the plain value that stands for *value*, which is not in the table.

    Raises:
        SerializationError: If there is none; the reason names type and remedy.
    """
    # By its type: isinstance() asks the object, too, and one that stands for another may raise.
    cls = type(value)
    if issubclass(cls, bytearray | memoryview):
        return bytes(value)
    if issubclass(cls, getattr(sys.modules.get("numpy"), "generic", ())):
        return _python_scalar(value)
    raise SerializationError(_reason(value, kinds))


def _python_scalar(value: Any) -> Any:  # noqa: ANN401 - a numpy scalar
    scalar = value.item()
    if value.dtype.kind in "mM" and isinstance(scalar, int):
        whole = value.astype(
            f"{value.dtype.kind}8[us]"
        )  # pandas counts nanoseconds, if only by zeros
        scalar = whole.item() if whole == value else scalar
    # A part of a microsecond gives a bare integer, longdouble itself, NaT None: no equals of what was given.
    if type(scalar) not in _SCALARS or (value.dtype.kind in "mM" and isinstance(scalar, int)):
        msg = f"numpy's {type(value).__name__} of type {value.dtype} has no equal in Python; store a float or a datetime"
        raise SerializationError(msg)
    return scalar


def _reason(value: object, kinds: Kinds) -> str:
    cls = type(value)
    if cls is defaultdict:
        return f"this defaultdict's factory is none of {kept_factories()}; take one of these, or store it as a dict"
    special = next((says(value, kinds) for test, says in _SPECIAL if issubclass(cls, test)), None)
    if special is not None:
        return f"{cls.__qualname__} {special}"
    kept = next((kept for kept in _KEPT if issubclass(cls, kept)), None)
    if kept is not None:
        return (
            f"{cls.__module__}.{cls.__qualname__} would come back as a mere {kept.__name__}; "
            f"store it as a {kept.__name__}"
        )
    return f"{cls.__module__}.{cls.__qualname__} can't be kept; store text, numbers, lists and dicts instead"


def _enum_reason(value: object, kinds: Kinds) -> str:
    name = type(value).__qualname__
    if kinds.knows_enum(type(value)):
        return (
            f"is another class, with other members, than the registered enum of this name; give "
            f"one of the two {name} another name, or restart the server if it has changed"
        )
    return (
        f'is an enum that isn\'t registered; configure(serializers={{"msgpack": {{"enums": [{name}]}}}}) does it, '
        f"or store the member's name"
    )


def _name(value: object) -> str:
    return str(getattr(value, "__qualname__", getattr(value, "__name__", "unnamed")))


_SPECIAL: Final[tuple[tuple[Any, Callable[[object, Kinds], str]], ...]] = (
    (Enum, _enum_reason),
    (io.IOBase, lambda *_: "is a file; keep the file elsewhere and store its key"),
    (_CODE, lambda value, _: f"is code ({_name(value)}); store a name and look it up"),
)
