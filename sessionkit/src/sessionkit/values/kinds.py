# SPDX-License-Identifier: Apache-2.0
"""
The closed table of what can be kept beside plain data.

Names and codes are stored: an entry is never removed and never given another
meaning. Only types that stand here are made from stored bytes.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, EnumType
from typing import Any, Final, cast
from uuid import UUID
from weakref import WeakSet

from sessionkit.errors import ConfigError, SerializationError, shown
from sessionkit.values.definitions import defined_alike
from sessionkit.values.dicts import COUNTER, ORDERED, default_kinds, find_default_kind
from sessionkit.values.kind import DATE, DATETIME, TIME, TIMEDELTA, Kind
from sessionkit.values.opaque import NotReadableHereError
from sessionkit.values.tables import find_table_kind, table_kinds

DICT: Final = Kind(
    name="dict",
    code=2,
    simplify=lambda value: [[key, item] for key, item in list(value.items())],
    restore=dict,
)
"""A dict whose keys are not all text, or that looks like a tag."""


_BY_TYPE: Final[Mapping[type, Kind]] = {
    tuple: Kind(name="tuple", code=1, simplify=list, restore=tuple),
    dict: DICT,
    set: Kind(name="set", code=3, simplify=list, restore=set, unordered=True),
    frozenset: Kind(name="frozenset", code=4, simplify=list, restore=frozenset, unordered=True),
    int: Kind(name="int", code=5, simplify=hex, restore=lambda simple: int(simple, 16)),
    float: Kind(name="float", code=6, simplify=repr, restore=float),
    complex: Kind(
        name="complex",
        code=7,
        simplify=lambda value: [value.real, value.imag],
        restore=lambda simple: complex(*simple),
    ),
    bytes: Kind(
        name="bytes",
        code=8,
        simplify=lambda value: b64encode(value).decode("ascii"),
        restore=lambda simple: b64decode(simple, validate=True),
    ),
    Decimal: Kind(name="decimal", code=9, simplify=str, restore=Decimal),
    UUID: Kind(name="uuid", code=10, simplify=str, restore=UUID),
    date: DATE,
    time: TIME,
    datetime: DATETIME,
    timedelta: TIMEDELTA,
    OrderedDict: ORDERED,
    Counter: COUNTER,
}

_ENUM_CODE: Final = 11


class Kinds:
    """
    The table, with the enums that an app registered.

    Example:
        >>> Kinds().find(date(2026, 1, 31)).name
        'date'
    """

    def __init__(self, enums: Iterable[type[Enum]] = ()) -> None:
        """
        Register *enums*.

        A member is stored by its class's qualified name and its own name, and
        looked up among these classes only.

        Raises:
            ConfigError: If one is no ``Enum``, or two have the same qualified name.
        """
        self._enums = _register(enums)
        self._made_anew: WeakSet[type] = WeakSet()
        self._enum = Kind(
            name="enum", code=_ENUM_CODE, simplify=_enum_to_simple, restore=self._member
        )
        kinds = (*_BY_TYPE.values(), *default_kinds(), *table_kinds(), self._enum)
        self._by_name = {kind.name: kind for kind in kinds}
        self._by_code = {kind.code: kind for kind in kinds}

    def find(self, value: object) -> Kind | None:
        """Return the kind of exactly this type, or None when it is not in the table."""
        cls = type(value)
        if cls in _BY_TYPE:
            return _BY_TYPE[cls]
        if cls is defaultdict:
            return find_default_kind(cast("defaultdict[Any, Any]", value))
        if self._is_registered(cls):
            return self._enum
        return find_table_kind(cls)

    def _is_registered(self, cls: type) -> bool:
        """Return whether a class is a registered enum, or one of a page that has defined it anew since."""
        known = self._enums.get(_qualified(cls))
        if known is cls or cls in self._made_anew:
            return True
        if known is None or not defined_alike(known, cls):
            return False
        self._made_anew.add(cls)
        return True

    def knows_enum(self, cls: type) -> bool:
        """Return whether an enum of this qualified name is registered, be it another class."""
        return _qualified(cls) in self._enums

    def named(self, name: str) -> Kind | None:
        """Return the kind that is tagged with *name*; None when this release knows none."""
        return self._by_name.get(name)

    def coded(self, code: int) -> Kind | None:
        """Return the kind with this extension code; None when this release knows none."""
        return self._by_code.get(code)

    def _member(self, simple: Any) -> Enum:  # noqa: ANN401 - stored data
        cls_name, name = simple
        cls = self._enums.get(cls_name)
        if cls is None or name not in cls.__members__:
            msg = f"{cls_name}.{name} is no member of a registered enum; pass its class to the serializer (enums=[...])"
            raise NotReadableHereError(msg)
        return cls.__members__[name]


def _register(enums: Iterable[Any]) -> dict[str, type[Enum]]:
    found: dict[str, type[Enum]] = {}
    for cls in enums:
        if not isinstance(cls, EnumType):
            msg = f"enums are classes of the module enum, such as Enum's subclasses, not {cls!r}"
            raise ConfigError(msg)
        if found.setdefault(_qualified(cls), cast("type[Enum]", cls)) is not cls:
            msg = f"two different enums are called {_qualified(cls)}; only one of them can be kept"
            raise ConfigError(msg)
    return found


def _enum_to_simple(member: Enum) -> list[str]:
    # A combination of flags has none, or one that names no member. An app may have made ``name`` another thing.
    name = str(member._name_)
    if name not in type(member).__members__:
        msg = f"{shown(member)} has no name of its own; store its value"
        raise SerializationError(msg)
    return [_qualified(type(member)), name]


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
