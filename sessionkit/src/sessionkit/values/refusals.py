# SPDX-License-Identifier: Apache-2.0
"""Why a value can't be kept, and what can be kept instead."""

from __future__ import annotations

import io
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final
from uuid import UUID

from sessionkit.errors import SerializationError
from sessionkit.values.dicts import kept_factories
from sessionkit.values.kinds import Kinds

_SCALARS: Final = (bool, int, float, complex, str, bytes, date, datetime, time, timedelta)
_CODE: Final = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
# A datetime is a date and a Counter is a dict: the narrower type comes first.
_KEPT: Final = (
    *(Counter, OrderedDict, defaultdict),
    *(str, int, float, complex, bytes, tuple, list, dict, set, frozenset),
    *(datetime, date, time, timedelta, Decimal, UUID),
)


def as_kept(value: Any, kinds: Kinds) -> Any:  # noqa: ANN401 - any value
    """
    Return the plain value that stands for *value*, which is not in the table.

    Raises:
        SerializationError: If there is none; the reason names type and remedy.
    """
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, getattr(sys.modules.get("numpy"), "generic", ())):
        return _python_scalar(value)
    raise SerializationError(_reason(value, kinds))


def _python_scalar(value: Any) -> Any:  # noqa: ANN401 - a numpy scalar
    scalar = value.item()
    # datetime64[ns] gives a bare integer, longdouble itself, NaT None: no equals of what was given.
    if type(scalar) not in _SCALARS or (value.dtype.kind in "mM" and isinstance(scalar, int)):
        msg = f"numpy's {type(value).__name__} of type {value.dtype} has no equal in Python; store a float or a datetime"
        raise SerializationError(msg)
    return scalar


def _reason(value: object, kinds: Kinds) -> str:
    cls = type(value)
    if cls is defaultdict:
        return f"this defaultdict's factory is none of {kept_factories()}; take one of these, or store it as a dict"
    special = next((says(value, kinds) for test, says in _SPECIAL if isinstance(value, test)), None)
    if special is not None:
        return f"{cls.__qualname__} {special}"
    kept = next((kept for kept in _KEPT if isinstance(value, kept)), None)
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
            f"is another class than the registered enum of this name (a Streamlit page defines its "
            f"classes anew in each run); define {name} in a module that the page imports"
        )
    return (
        f'is an enum that isn\'t registered; configure(serializers={{"msgpack": {{"enums": [{name}]}}}}) does it, '
        f"or store the member's name"
    )


_SPECIAL: Final[tuple[tuple[Any, Callable[[object, Kinds], str]], ...]] = (
    (Enum, _enum_reason),
    (io.IOBase, lambda *_: "is a file; keep the file elsewhere and store its key"),
    (_CODE, lambda value, _: f"is code ({_name(value)}); store a name and look it up"),
)


def _name(value: object) -> str:
    return str(getattr(value, "__qualname__", getattr(value, "__name__", "unnamed")))
