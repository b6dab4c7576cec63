# SPDX-License-Identifier: Apache-2.0
"""What is filled into a form: the fields of an app's own class, and whether they are right."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from sessionkit.values.definitions import hints_of

# The app's classes and values may be anything.
# ruff: noqa: ANN401

MISSING: Final = attrs.NOTHING
"""Stands for a default that is not there."""

WHOLE: Final = ""
"""Under this name stand messages about the form as a whole."""

REQUIRED: Final = "This field is required."

Errors = dict[str, list[str]]
"""Messages by field."""

Check = Callable[[Any], Mapping[str, str | Sequence[str]] | None]
"""An app's own check: of what was filled in, messages by field; none if all is right."""

_REFUSALS: Final = (ValueError, TypeError)
"""What a class raises that does not take its fields."""


@attrs.frozen
class Field:
    """
    A field of a class.

    Attributes:
        name: Its name.
        kind: Its type, without ``None``.
        default: What it is where nothing is filled in, or :data:`MISSING`.
        optional: Whether it may be ``None``.
    """

    name: str
    kind: Any
    default: Any
    optional: bool

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name.replace("_", " ").strip().capitalize()

    @property
    def options(self) -> list[Any]:
        """What there is to choose from; empty where anything may be filled in."""
        kind = get_args(self.kind)[0] if self.is_list and get_args(self.kind) else self.kind
        if get_origin(kind) is Literal:
            return list(get_args(kind))
        return list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else []

    @property
    def is_list(self) -> bool:
        """Whether several may be chosen."""
        return get_origin(self.kind) is list

    def lacks(self, value: Any) -> bool:
        """Return whether it has to be filled in, and is not: an empty text says nothing either."""
        return self.default is MISSING and not self.optional and (value is None or value == "")

    @property
    def widget(self) -> str | None:
        """The name of the widget for it, or None where there is none."""
        if self.options:
            return "multiselect" if self.is_list else "selectbox"
        return _WIDGETS.get(self.kind)


_WIDGETS: Final[Mapping[Any, str]] = MappingProxyType(
    {
        str: "text_input",
        int: "number_input",
        float: "number_input",
        bool: "checkbox",
        date: "date_input",
        datetime: "datetime_input",
        time: "time_input",
    }
)


class Content:
    """
    What a form is filled in with.

    Attributes:
        cls: The app's class, or None: a dict of all that is filled in.
        fields: The fields of the class by name.
    """

    def __init__(
        self, cls: type[Any] | None, check: Check | None, required: str = REQUIRED
    ) -> None:
        """
        Look at the class.

        Args:
            cls: An attrs class, a dataclass or a pydantic model; None for a dict.
            check: The app's own check, besides those of the class.
            required: The message at a field that has to be filled in, and is not.

        Raises:
            TypeError: If the class is none of these.
        """
        self.cls = cls
        self.fields: dict[str, Field] = {} if cls is None else _fields_of(cls)
        self._check, self._required = check, required

    def make(self, values: Mapping[str, Any]) -> tuple[Any, Errors]:
        """
        Return what is filled in as the app's class has it, and what is wrong with it.

        Args:
            values: What is filled in, by name; what the class does not know is left out.

        Returns:
            The object, or the dict without a class; None where something is wrong. And the messages.
        """
        made: Any = dict(values)
        errors: Errors = {}
        if self.cls is not None:
            filled = {name: values[name] for name in self.fields if name in values}
            made, errors = self._made(self.cls, filled)
        if not errors and self._check is not None:
            errors = {
                name: [found] if isinstance(found, str) else list(found)
                for name, found in (self._check(made) or {}).items()
                if found
            }
        return (None if errors else made), errors

    def _made(self, cls: type[Any], filled: dict[str, Any]) -> tuple[Any, Errors]:
        missing = [one.name for one in self.fields.values() if one.lacks(filled.get(one.name))]
        told = {name: [self._required] for name in missing}
        if missing:
            rest = {name: value for name, value in filled.items() if name not in missing}
            return None, told | (_refused_by_attrs(cls, rest) if attrs.has(cls) else {})
        try:
            return cls(**filled), {}
        except _REFUSALS as error:
            return None, _errors_of(cls, filled, error)


def _fields_of(cls: type[Any]) -> dict[str, Field]:
    if attrs.has(cls):
        defaults = {one.alias: _attrs_default(one) for one in attrs.fields(cls) if one.init}
    elif dataclasses.is_dataclass(cls):
        defaults = {
            one.name: _dataclass_default(one) for one in dataclasses.fields(cls) if one.init
        }
    elif _is_model(cls):
        defaults = {
            name: MISSING if one.is_required() else one.get_default(call_default_factory=True)
            for name, one in cls.model_fields.items()
        }
    else:
        msg = f"a form takes an attrs class, a dataclass or a pydantic model, not {cls!r}"
        raise TypeError(msg)
    hints = hints_of(cls)
    return {name: _field(name, hints.get(name, str), default) for name, default in defaults.items()}


def _field(name: str, hint: Any, default: Any) -> Field:
    optional = False
    if get_origin(hint) in {Union, UnionType}:
        kinds = [one for one in get_args(hint) if one is not NoneType]
        optional = len(kinds) < len(get_args(hint))
        hint = kinds[0] if len(kinds) == 1 else hint
    return Field(name, Decimal if hint is Decimal else hint, default, optional)


def _attrs_default(one: attrs.Attribute[Any]) -> Any:
    default: Any = one.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return MISSING if default.takes_self else default.factory()
    return default


def _dataclass_default(one: dataclasses.Field[Any]) -> Any:
    if one.default is not dataclasses.MISSING:
        return one.default
    return MISSING if one.default_factory is dataclasses.MISSING else one.default_factory()


def _is_model(cls: Any) -> bool:
    pydantic = sys.modules.get("pydantic")  # whoever has a model has imported it
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def _errors_of(cls: type[Any], filled: Mapping[str, Any], error: Exception) -> Errors:
    """Return by field why a class does not take what is filled in."""
    told: Errors = {}
    if _is_model(cls):
        for one in error.errors():  # type: ignore[attr-defined]
            place = one["loc"]
            told.setdefault(str(place[0]) if place else WHOLE, []).append(str(one["msg"]))
    elif attrs.has(cls):
        told = _refused_by_attrs(cls, filled)
    return told or {WHOLE: [_text_of(error)]}


def _refused_by_attrs(cls: type[Any], filled: Mapping[str, Any]) -> Errors:
    """Ask each field's own validator: the class stops at the first that refuses."""
    told: Errors = {}
    bare = object.__new__(cls)
    for one in attrs.fields(cls):
        if one.alias not in filled:
            continue
        value = filled[one.alias]
        try:
            if one.converter is not None and callable(one.converter):
                value = one.converter(value)
            object.__setattr__(bare, one.name, value)
            if one.validator is not None:
                one.validator(bare, one, value)
        except _REFUSALS as error:
            told[one.alias] = [_text_of(error)]
    return told


def _text_of(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
