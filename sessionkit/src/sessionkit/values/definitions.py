# SPDX-License-Identifier: Apache-2.0
"""
Whether two functions, classes or objects are defined alike, though they were made anew.

A Streamlit page defines its functions and classes again at each rerun: they are
others each time, and for its author still the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, EnumType
from functools import partial
from types import CellType, FunctionType, MemberDescriptorType, MethodType
from typing import Any, Final

# What is compared may be anything.
# ruff: noqa: ANN401

_MADE_BY_PYTHON: Final = "__"
"""What begins so counts only if it is code: the rest says where and how the class was made."""

_Pairs = dict[tuple[int, int], tuple[object, object]]
"""Pairs that were met, by their ``id()``: taken for alike, since one that is not ends the whole comparison."""


class Definition:
    """What something is, for comparisons: as attrs' ``eq=Definition`` takes it."""

    def __init__(self, value: object) -> None:
        """Take anything."""
        self._value = value

    def __eq__(self, other: object) -> bool:
        """Return whether both are defined alike."""
        return isinstance(other, Definition) and defined_alike(self._value, other._value)

    def __hash__(self) -> int:
        """Return the hash of the type's name: a function made anew has it, too."""
        return hash(type(self._value).__qualname__)


def defined_alike(one: Any, other: Any) -> bool:
    """
    Return whether two things are the same, or made anew by the same source.

    Functions are compared by code, defaults and what they enclose, classes by name and what stands in
    them, enums by name and members, objects by class and attributes; all else by ``==``.

    Args:
        one: Anything.
        other: Anything else.
    """
    return _alike(one, other, {})


def _alike(one: Any, other: Any, met: _Pairs) -> bool:
    if one is other or (id(one), id(other)) in met:
        return True
    met[id(one), id(other)] = one, other
    if isinstance(one, type) and isinstance(other, type):
        return _alike_classes(one, other, met)
    if type(one) is not type(other) and not _alike(type(one), type(other), met):
        return False
    parts_of = next((parts for kind, parts in _PARTS.items() if isinstance(one, kind)), None)
    if parts_of is not None:
        return _all_alike(parts_of(one), parts_of(other), met)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key], met) for key in one)
    return _equal(one, other) or _alike_objects(one, other, met)


def _all_alike(ones: Any, others: Any, met: _Pairs) -> bool:
    return len(ones) == len(others) and all(
        _alike(one, other, met) for one, other in zip(ones, others, strict=True)
    )


def _function(made: Any) -> tuple[Any, ...]:
    cells = made.__closure__ or ()
    return (made.__qualname__, made.__code__, made.__defaults__, made.__kwdefaults__, *cells)


def _cell(cell: Any) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # nothing was put in yet
        return ()


_PARTS: Final[Mapping[type, Callable[[Any], tuple[Any, ...]]]] = {
    FunctionType: _function,
    CellType: _cell,
    MethodType: lambda made: (made.__func__, made.__self__),
    partial: lambda made: (made.func, made.args, made.keywords),
    staticmethod: lambda made: (made.__func__,),
    classmethod: lambda made: (made.__func__,),
    property: lambda made: (made.fget, made.fset, made.fdel),
    MemberDescriptorType: lambda made: (made.__name__,),
    Enum: lambda member: (member.name,),
    list: tuple,
    tuple: tuple,
}
"""What makes a thing what it is, for those that ``==`` takes for different when they were made anew."""


def _alike_classes(one: type, other: type, met: _Pairs) -> bool:
    if (one.__module__, one.__qualname__) != (other.__module__, other.__qualname__):
        return False
    if isinstance(one, EnumType) and isinstance(other, EnumType):
        return _alike(_members(one), _members(other), met)
    if not _all_alike(one.__bases__, other.__bases__, met):
        return False
    return _alike(_content(one), _content(other), met)


def _members(enum: Any) -> dict[str, Any]:
    return {name: member.value for name, member in enum.__members__.items()}


def _content(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(cls).items()
        if isinstance(value, FunctionType)
        or not (name.startswith(_MADE_BY_PYTHON) or name == "_abc_impl")
    }


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - an app's own comparison, or an array's: it is no proof that they are equal
        return False


def _alike_objects(one: Any, other: Any, met: _Pairs) -> bool:
    """Compare what an object holds; one that holds nothing to compare, such as a lock, is only itself."""
    names = [
        name
        for cls in type(one).__mro__
        for name, value in vars(cls).items()
        if isinstance(value, MemberDescriptorType)
    ]
    if not hasattr(one, "__dict__") and not names:
        return False
    nothing = object()
    return _alike(getattr(one, "__dict__", {}), getattr(other, "__dict__", {}), met) and all(
        _alike(getattr(one, name, nothing), getattr(other, name, nothing), met) for name in names
    )
