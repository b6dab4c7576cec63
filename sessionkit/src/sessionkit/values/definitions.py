# SPDX-License-Identifier: Apache-2.0
"""
Whether two functions, classes or objects are defined alike, though they were made anew, and the types that a class names.

A Streamlit page defines its functions and classes again at each rerun: they are
others each time, and for its author still the same. Each run, of any user, is a
module of its own, and all are called ``__main__``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from enum import Enum, EnumType
from functools import partial
from types import CellType, FunctionType, MemberDescriptorType, MethodType
from typing import Any, Final, ForwardRef, get_args, get_type_hints

# What is compared may be anything.
# ruff: noqa: ANN401

_MADE_BY_PYTHON: Final = "__"
"""What begins so counts only if it is code: the rest says where and how the class was made."""

_OF_A_RUN: Final = "__main__"
"""The module of a script: Streamlit puts another one into its place whenever a run begins, while others go on."""

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


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """
    Return the types of a class's annotations by name, as ``typing.get_type_hints`` does.

    That looks up what an annotation names in the module that ``sys.modules`` has, where the run of another tab
    may have begun since. A class of a script is looked up in its own run, which is among the callers; what was
    found is noted in the class, for those who ask later, in other runs and threads.

    Args:
        cls: A class, of the app as a rule.

    Raises:
        NameError: If an annotation names what is not there.
    """
    for one in cls.__mro__:
        if one.__module__ == _OF_A_RUN:
            _note_types(one)
    return get_type_hints(cls)


def _note_types(cls: Any) -> None:
    own = inspect.get_annotations(cls)
    if not any(map(_is_named, own.values())):
        return
    names = _names_beside(cls)
    if names is None:  # made in a function: nobody knows what it could name
        return
    probe = type(cls.__name__, (), {"__annotations__": own})
    # In this order, as Python has it: a field may be called like its type.
    cls.__annotations__ = get_type_hints(probe, dict(vars(cls)), names, include_extras=True)


def _is_named(kind: Any) -> bool:
    return isinstance(kind, (str, ForwardRef)) or any(map(_is_named, get_args(kind)))


def _names_beside(cls: type) -> dict[str, Any] | None:
    """Return the globals that a class stands in: those of the script as it is now, or of one of the callers."""
    script = sys.modules.get(_OF_A_RUN)
    if script is not None and _stands_in(vars(script), cls):
        return vars(script)
    frame = inspect.currentframe()
    while frame is not None and not _stands_in(frame.f_globals, cls):
        frame = frame.f_back
    return None if frame is None else frame.f_globals


def _stands_in(names: Mapping[str, Any], cls: type) -> bool:
    first, *rest = cls.__qualname__.split(".")
    found = names.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found is cls
