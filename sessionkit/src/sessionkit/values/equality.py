# SPDX-License-Identifier: Apache-2.0
"""Whether two of the app's values are the same content."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Final
from uuid import UUID

import attrs

from sessionkit.errors import SerializationError, repr_of
from sessionkit.values.dicts import DICT_TYPES
from sessionkit.values.extent import holds_too_much
from sessionkit.values.tagged import to_tagged

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

COMPARED_AT_ONCE: Final = frozenset({str, int, bool, bytes, NoneType, date, timedelta, UUID})
"""Types whose values are the same content if they are equal, and else are not."""

_COMPARED_OR_FLOAT: Final = COMPARED_AT_ONCE | {float}
"""The same, and floats: of two that are equal one may be 0.0 and the other -0.0."""

_PLAIN: Final = frozenset(
    {NoneType, bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
)
"""Types whose truth can be asked: that of an array or a table raises, an app's own may do anything."""

_HOLDING: Final = DICT_TYPES | {list, tuple}


def same_content(one: Any, other: Any) -> bool:
    """
    Tell whether two values would be stored alike: equal, of the same type, in the same order.

    ``==`` is no judge of that: ``[1] == [True]``, NaN differs from itself, and
    arrays and DataFrames compare element by element.

    Args:
        one: Any value.
        other: Another one. What can't be kept at all is compared by ``==``, and what holds too much
            to be compared is another one.
    """
    if type(one) in _HOLDING and one is not other and holds_too_much(one):
        return False  # to compare it might take for ever
    return same_stored(one, other)


def same_stored(one: Any, other: Any) -> bool:
    """Do as :func:`same_content` for values that were decoded, or encoded just now: they hold no more than their bytes."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) in COMPARED_AT_ONCE:
        return bool(one == other)
    try:
        return _ALIKE.get(type(one), _alike)(one, other)
    except Exception:  # noqa: BLE001 - what can't be kept, is changed meanwhile, or is an app's own, raises anything
        return equals(one, other, in_doubt=False)


def equals(one: Any, other: Any, *, in_doubt: bool) -> bool:
    """
    Tell whether two values are equal, by their own ``==``.

    Args:
        one: Any value.
        other: Another one.
        in_doubt: What to answer when ``==`` fails, has no single answer, as
            for arrays and DataFrames, or might take for ever.
    """
    if one is other:
        return True
    if type(one) in _HOLDING and holds_too_much(one):
        return in_doubt  # to compare it might take for ever
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - what a stranger's == raises is unknown
        return in_doubt


def content(value: Any) -> str:
    """
    Return a value as it would be written; alike for the same content, and in an order of its own.

    Raises:
        SerializationError: If it can't be kept.
    """
    return json.dumps(to_tagged(value))


def written(value: Any) -> str:
    """Do as :func:`content`; for what can't be kept return its ``repr``."""
    try:
        return content(value)
    except SerializationError:
        return type(value).__name__ if holds_too_much(value) else repr_of(value)


def is_empty(value: Any) -> bool:
    """Return whether a value is surely as an untouched widget has it."""
    return type(value) in _PLAIN and not value


# -- comparison by type --------------------------------------------------------


def _alike(one: Any, other: Any) -> bool:
    if attrs.has(type(one)):
        return _alike_records(one, other)
    return content(one) == content(other)


def _alike_lists(one: Any, other: Any) -> bool:
    kinds = list(map(type, one))
    if kinds != list(map(type, other)):
        return False
    if _are_plain(kinds, one) and (one == other or float not in kinds):
        return bool(one == other)  # without a step of Python for each item
    return all(map(same_stored, one, other))


def _are_plain(kinds: Collection[type], values: Iterable[Any]) -> bool:
    """
    Tell whether values that are equal to others of the same types are the same content.

    Args:
        kinds: Their types.
        values: The values.
    """
    if float not in kinds:
        return COMPARED_AT_ONCE.issuperset(kinds)
    zeros = [value for value in values if type(value) is float and not value]
    return not zeros and _COMPARED_OR_FLOAT.issuperset(kinds)  # 0.0 equals -0.0


def _alike_dicts(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    return _alike_lists([*one], [*other]) and _alike_lists([*one.values()], [*other.values()])


def _alike_records(one: Any, other: Any) -> bool:
    names = [field.name for field in attrs.fields(type(one)) if field.eq]
    return all(same_stored(getattr(one, name), getattr(other, name)) for name in names)


def _alike_texts(one: Any, other: Any) -> bool:
    # NaN is NaN, 0.0 is not -0.0, 1.0 is not 1.00, and noon in Ghent is not eleven in London.
    return repr(one) == repr(other)


_ALIKE: Final[Mapping[type, Callable[[Any, Any], bool]]] = {
    dict: _alike_dicts,
    list: _alike_lists,
    tuple: _alike_lists,
    float: _alike_texts,
    Decimal: _alike_texts,
    datetime: _alike_texts,
    time: _alike_texts,
}
"""How types are compared that need no writing for it; the others are compared as they are written."""
