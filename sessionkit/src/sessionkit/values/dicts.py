# SPDX-License-Identifier: Apache-2.0
"""
The types of dict that can be kept: which two are of one kind, how another one is made, and their entries in the table.

The entries of a ``Counter`` and the like are merged one by one, as those of dicts are.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import partial
from typing import Any, Final

from sessionkit.values.kind import Kind

# What they hold may be anything.
# ruff: noqa: ANN401

DICT_TYPES: Final = frozenset({dict, Counter, OrderedDict, defaultdict})
"""Types of dicts that come back as what they were."""


def of_one_kind(one: Any, other: Any) -> bool:
    """Return whether both are dicts, of one type, that make missing values alike."""
    if type(one) is not type(other):
        return False
    return type(one) is dict or (isinstance(one, dict) and kind_of_dict(one) == kind_of_dict(other))


def kind_of_dict(value: Any) -> str | None:
    """Return what kind of dict a value is, in words that have an order; None if it is none."""
    cls = type(value)
    if cls is dict:
        return ""
    if not isinstance(value, dict):
        return None
    return f"{cls.__module__}.{cls.__qualname__} {getattr(value, 'default_factory', None)!r}"


def dict_like(like: dict[Any, Any], entries: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a dict of another one's kind that holds *entries*."""
    made = copy(like)
    made.clear()
    for key, value in entries.items():
        made[key] = value  # a Counter's update() counts
    return made


# -- entries in the table of what can be kept ----------------------------------


def _filled_by(make: Callable[[dict[Any, Any]], Any]) -> Callable[[Any], Any]:
    def restore(simple: Any) -> Any:
        # A text would be counted letter by letter.
        if type(simple) is not dict:
            msg = f"a dict is needed, not {type(simple).__name__}"
            raise TypeError(msg)
        return make(simple)

    return restore


ORDERED: Final = Kind(name="ordereddict", code=12, simplify=dict, restore=_filled_by(OrderedDict))
COUNTER: Final = Kind(name="counter", code=13, simplify=dict, restore=_filled_by(Counter))


def _default_kind(factory: Any, code: int) -> Kind:
    return Kind(
        name=f"defaultdict({'None' if factory is None else factory.__name__})",
        code=code,
        simplify=dict,
        restore=_filled_by(partial(defaultdict, factory)),
    )


_BY_FACTORY: Final[Mapping[Any, Kind]] = {
    factory: _default_kind(factory, code)
    for code, factory in enumerate(
        (None, bool, int, float, str, list, dict, set, tuple),
        start=20,
    )
}
"""Only these make values that are missing: a factory is code, and no code comes out of stored bytes."""


def find_default_kind(value: defaultdict[Any, Any]) -> Kind | None:
    """Return the kind of a ``defaultdict``, or None when its factory is not in the table."""
    factory = value.default_factory
    # By identity: an app's own factory need not be hashable.
    return next((kind for known, kind in _BY_FACTORY.items() if known is factory), None)


def default_kinds() -> Iterable[Kind]:
    """Return the kinds of all factories that are in the table."""
    return _BY_FACTORY.values()


def kept_factories() -> str:
    """Return their names, for a message."""
    return ", ".join(factory.__name__ for factory in _BY_FACTORY if factory is not None)


def put_in_order(own: dict[Any, Any], order: Iterable[Any]) -> None:
    """
    Put the entries of a dict in an order, those that it lacks passed over and those not named behind; the dict itself is changed.

    The order of an app's dict is content: two that hold the same in another order are stored anew.

    Args:
        own: The dict.
        order: Keys.
    """
    named = [key for key in order if key in own]
    known = set(named)
    if [key for key in own if key in known] != named:
        for key in (*named, *(key for key in tuple(own) if key not in known)):
            own[key] = own.pop(key)
