# SPDX-License-Identifier: Apache-2.0
"""Values <-> data that JSON knows; what JSON lacks bears a tag."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, NoReturn

from sessionkit.errors import SerializationError
from sessionkit.values.kind import Kind
from sessionkit.values.kinds import Kinds
from sessionkit.values.opaque import Opaque
from sessionkit.values.simplify import MAX_DEPTH, Simplifier, fits_64_bits, too_deep, within

_TAG: Final = "$t"
_VALUE: Final = "v"

_LEVELS: Final = 4 * (MAX_DEPTH + 1)
"""A value makes up to four levels of tagged data: the tag of a Counter, that of its dict, pairs, pair."""

_BUILT_IN: Final = Kinds()


def to_tagged(value: Any, kinds: Kinds = _BUILT_IN) -> Any:  # noqa: ANN401 - any value
    """
    Return *value* as data that JSON knows.

    Args:
        value: Any value that can be kept.
        kinds: The table, with the enums that are registered.

    Raises:
        SerializationError: If a value can't be kept; ``path`` says which.
        RuntimeError: If another thread changed *value* meanwhile.

    Example:
        >>> from datetime import date
        >>> to_tagged({"day": date(2026, 1, 31)})
        {'day': {'$t': 'date', 'v': '2026-01-31'}}
    """
    return _Tagger(kinds)(value)


def from_tagged(value: Any, kinds: Kinds = _BUILT_IN) -> Any:  # noqa: ANN401 - any value
    """
    Return the value that :func:`to_tagged` was given, as a new object.

    Args:
        value: Data that JSON knows.
        kinds: The table, with the enums that are registered.

    Returns:
        The value; an ``Opaque`` in the place of each one that this process can't read, such as one with
        an unknown tag: :func:`to_tagged` writes it back.

    Raises:
        SerializationError: If a tag is malformed, or holds what is not of its kind.

    Example:
        >>> from_tagged({"$t": "tuple", "v": [1, 2]})
        (1, 2)
    """
    try:
        return _untag(value, kinds, 0)
    except RecursionError as error:
        raise too_deep() from error


def parse_json(text: str, kinds: Kinds = _BUILT_IN) -> Any:  # noqa: ANN401 - any value
    """
    Return the value whose tagged data *text* holds.

    Args:
        text: JSON.
        kinds: The table, with the enums that are registered.

    Raises:
        SerializationError: If the text is no JSON (line and column are named), or a tag is wrong.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        msg = f"this is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise SerializationError(msg) from error
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        msg = f"this JSON can't be read: {error}"
        raise SerializationError(msg) from error
    return from_tagged(data, kinds)


def _refuse_constant(name: str) -> NoReturn:
    msg = f'{name} is no JSON; write {{"$t": "float", "v": "{name.lower()}"}}'
    raise ValueError(msg)


class _Tagger(Simplifier):
    def takes(self, value: int | float | bytes) -> bool:  # noqa: PYI041 - each is meant, exactly
        if isinstance(value, int):
            return fits_64_bits(value)
        return isinstance(value, float) and isfinite(value)

    def tag(self, kind: Kind, simple: Any) -> Any:  # noqa: ANN401 - plain data
        return {_TAG: kind.name, _VALUE: simple}

    def tag_opaque(self, value: Opaque, simple: Any) -> Any:  # noqa: ANN401 - plain data
        return {_TAG: value.kind, _VALUE: simple}

    def order(self, simple: Any) -> str:  # noqa: ANN401 - plain data
        return json.dumps(simple)

    def is_plain(self, keys: list[Any]) -> bool:
        return super().is_plain(keys) and _TAG not in keys


def _untag(value: Any, kinds: Kinds, level: int) -> Any:  # noqa: ANN401 - tagged data
    if level > _LEVELS:
        raise too_deep()
    if type(value) is list:
        return [item for _, item in _untag_each(enumerate(value), kinds, level)]
    if type(value) is not dict:
        return value
    if _TAG not in value:
        return dict(_untag_each(value.items(), kinds, level))
    if value.keys() != {_TAG, _VALUE}:
        msg = f"a tag has two keys, {_TAG!r} and {_VALUE!r}, not {sorted(value)}"
        raise SerializationError(msg)
    name, simple = value[_TAG], _untag(value[_VALUE], kinds, level + 1)
    if not isinstance(name, str):
        msg = f"a tag is a text, not {type(name).__name__}"
        raise SerializationError(msg)
    kind = kinds.named(name)
    if kind is None:
        reason = f"no kind of value is tagged {name!r}; a newer release may have written it"
        return Opaque(name, simple, reason)
    return kind.restored(simple)


def _untag_each(
    items: Iterable[tuple[Any, Any]], kinds: Kinds, level: int
) -> list[tuple[Any, Any]]:
    done = []
    for key, item in items:
        try:
            done.append((key, _untag(item, kinds, level + 1)))
        except SerializationError as error:
            raise within(key, error) from error.__cause__
    return done
