# SPDX-License-Identifier: Apache-2.0
"""How each type of field is read from plain data and written to it: strictly, no value becomes another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, get_args, get_origin

import cattrs
import cattrs.cols

from sessionkit.session.moments import from_micros

# What is read comes from outside and may be anything.
# ruff: noqa: ANN401

_MOMENTS: Final = (int, str, datetime)
_SETS: Final = (set, frozenset)
_LISTS: Final = (list, tuple)
_LISTS_OR_SETS: Final = _LISTS + _SETS


def moment(value: Any, _: type[datetime]) -> datetime:
    """Read a time as it is stored (microseconds), as ``to_dict`` writes it (ISO 8601), or as it is."""
    if isinstance(value, bool) or not isinstance(value, _MOMENTS):
        msg = f"a time is ISO 8601 text or microseconds, not {type(value).__name__}"
        raise TypeError(msg)
    if isinstance(value, int):
        return from_micros(value)
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def number(value: Any, _: type[int]) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"a whole number is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def truth(value: Any, _: type[bool]) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        msg = f"true or false is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def text(value: Any, _: type[str]) -> str:
    """Read a text."""
    if not isinstance(value, str):
        msg = f"a text is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def is_optional_text(kind: Any) -> bool:
    """Return whether a type is a text or None."""
    return bool(kind == str | None)


def optional_text(value: Any, _: Any) -> str | None:
    """Read a text, or None."""
    return None if value is None else text(value, str)


def texts(value: Any, _: type[set[str]]) -> set[str]:
    """Read a set of texts."""
    if not isinstance(value, _LISTS_OR_SETS):
        msg = f"a list of texts is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return {text(item, str) for item in value}


def sorted_texts(value: Any) -> list[str]:
    """Write a set of texts; sorted, so that equal sets are written alike."""
    if not isinstance(value, _SETS):
        msg = f"a set is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return sorted(value)


def is_app_dict(kind: Any) -> bool:
    """Return whether a type is a dict of the app's own, of which nothing is known."""
    return bool(kind == dict[str, Any])


def app_dict(value: Any, _: type[dict[str, Any]]) -> dict[str, Any]:
    """Return a dict of the app's own, whatever its keys: what the app put in, it gets back."""
    if not isinstance(value, Mapping):
        msg = f"a mapping is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return dict(value)


def own_dict(value: Any, _: type[dict[str, Any]]) -> dict[str, Any]:
    """Do as :func:`app_dict` for a dict that nobody else has: it is not copied."""
    if type(value) is not dict:
        msg = f"a dict is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def is_list(kind: Any) -> bool:
    """Return whether a type is a list of something."""
    return get_origin(kind) is list


def _check_list(value: Any) -> None:
    # A text is a sequence of texts, but hardly meant as one.
    if not isinstance(value, _LISTS):
        msg = f"a list is needed, not {type(value).__name__}"
        raise TypeError(msg)


def unstructure_list(kind: Any, converter: cattrs.Converter) -> Callable[[Any], list[Any]]:
    """Make the writer of a type of list."""
    to_plain = converter.get_unstructure_hook(get_args(kind)[0])

    def with_check(value: Any) -> list[Any]:
        _check_list(value)
        return [to_plain(item) for item in value]

    return with_check


def structure_list(kind: Any, converter: cattrs.Converter) -> Callable[..., list[Any]]:
    """Make the reader of a type of list."""
    structure = cattrs.cols.list_structure_factory(kind, converter)

    def with_check(value: Any, cls: type[list[Any]]) -> list[Any]:
        _check_list(value)
        made: list[Any] = structure(value, cls)
        return made

    return with_check
