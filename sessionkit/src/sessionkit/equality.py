# SPDX-License-Identifier: Apache-2.0
"""Whether two of the app's values are the same content."""

from __future__ import annotations

import json
from types import NoneType
from typing import Any, Final

from sessionkit.errors import SerializationError

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

_COMPARED_AT_ONCE: Final = (str, int, bool, bytes, NoneType)


def same_content(one: Any, other: Any) -> bool:
    """
    Tell whether two values would be stored alike: equal, of the same type, in the same order.

    ``==`` is no judge of that: ``[1] == [True]``, NaN differs from itself, and
    arrays and DataFrames compare element by element.

    Args:
        one: Any value.
        other: Another one. What can't be kept at all is compared by ``==``.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) in _COMPARED_AT_ONCE:
        return bool(one == other)
    try:
        return _content(one) == _content(other)
    except SerializationError:
        return equals(one, other, in_doubt=False)


def equals(one: Any, other: Any, *, in_doubt: bool) -> bool:
    """
    Tell whether two values are equal, by their own ``==``.

    Args:
        one: Any value.
        other: Another one.
        in_doubt: What to answer when ``==`` fails or has no single answer, as
            for arrays and DataFrames.
    """
    try:
        return one is other or bool(one == other)
    except Exception:  # noqa: BLE001 - what a stranger's == raises is unknown
        return in_doubt


def _content(value: Any) -> str:
    from sessionkit.values import to_tagged  # noqa: PLC0415 - keeps the import light

    return json.dumps(to_tagged(value))
