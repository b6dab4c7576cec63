# SPDX-License-Identifier: Apache-2.0
"""
Attrs objects <-> plain data, by cattrs: strictly, no value becomes another one.

What crosses a border is plain: strings, numbers, lists and dicts. The app's own
values (``Any``) pass through untouched; keeping them is the serializer's work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
import cattrs.cols
import cattrs.v
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from sessionkit.errors import SerializationError
from sessionkit.session.fields import COUNT, SELDOM, from_micros, to_micros
from sessionkit.session.unreadable import Record, complete, keep_apart, records_of, set_typed_aside
from sessionkit.values import Opaque

# What is read comes from outside and may be anything.
# ruff: noqa: ANN401

T = TypeVar("T")
_UNKNOWN: Final = "unknown"
_NOT_LOOKED_INTO: Final = frozenset({_UNKNOWN, "form_states", "user_id", "authenticated"})
"""Fields whose values have own records, and those that say whose a session is: they are read, or the session isn't."""
_OWN_ERRORS: Final = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError, OSError)
"""What an app's own objects raise where a text or a number is expected; a ``RuntimeError`` asks to encode again."""

_READ_ERRORS: Final = (cattrs.BaseValidationError, *_OWN_ERRORS)
_MOMENTS: Final = (int, str, datetime)
_SETS: Final = (set, frozenset)
_LISTS: Final = (list, tuple)
_LISTS_OR_SETS: Final = _LISTS + _SETS
_TEXT_ALONE: Final = frozenset({str})

_TOLD: Final[Mapping[Any, frozenset[type]]] = {
    bool: frozenset({bool}),
    int: frozenset({int}),
    str: _TEXT_ALONE,
    str | None: frozenset({str, NoneType}),
    bytes: frozenset({bytes}),
    datetime: frozenset({int}),
    datetime | None: frozenset({int, NoneType}),
    dict[str, Any]: frozenset({dict}),
}
"""What values are stored as that need no look inside, by the types of their fields."""

_COUNTS: Final = (0, math.inf)
_TIMES: Final = tuple(to_micros(end.replace(tzinfo=UTC)) for end in (datetime.min, datetime.max))  # noqa: DTZ901 - made aware
"""The least and the most that such a number may be."""


def to_plain(value: object) -> dict[str, Any]:
    """Return an attrs object as readable plain data."""
    plain: dict[str, Any] = READABLE.unstructure(value)
    return plain


def from_plain(data: Mapping[str, Any], cls: type[T]) -> T:
    """Return the object that :func:`to_plain` was given; raises as :func:`structure`."""
    return structure(READABLE, data, cls, cls.__name__)


def structure(converter: cattrs.Converter, data: Any, cls: type[T], what: str) -> T:
    """
    Return *data* as a *cls*.

    Args:
        converter: One of this module's.
        data: Plain data from outside.
        cls: The class that is wanted.
        what: What the data are, for the message.

    Raises:
        SerializationError: If they don't fit; the message names each wrong field.
    """
    try:
        return converter.structure(data, cls)
    except _READ_ERRORS as error:
        raise _refusal(error, what) from error


def _refusal(error: Exception, what: str) -> SerializationError:
    messages = cattrs.transform_error(error, what, format_exception=_reason)
    wrong = [SerializationError(*_reason_and_path(message, what)) for message in messages]
    return wrong[0] if len(wrong) == 1 else SerializationError("; ".join(map(str, wrong)))


def _reason(error: BaseException, wanted: type | None) -> str:
    if isinstance(error, TypeError | ValueError) and str(error):
        return str(error)
    return cattrs.v.format_exception(error, wanted)


def _reason_and_path(message: str, what: str) -> tuple[str, str]:
    reason, _, rest = message.rpartition(f" @ {what}")
    return reason, what + rest.replace("._", ".")  # a private field goes by its alias


def read_stored(data: Any, cls: type[T], what: str) -> T:
    """Return what stored *data* were made from; raises as :func:`structure`."""
    try:
        return _QUICK.structure(data, cls)
    except _READ_ERRORS:
        return structure(STORED, data, cls, what)  # says what is wrong, and where


def make_writer(
    cls: type[attrs.AttrsInstance], groups: Mapping[str, Collection[str]]
) -> Callable[[Any], dict[str, dict[str, Any]]]:
    """Return a function that writes groups of a *cls*'s fields, each by name, as they are stored."""
    writers = {name: _make_fields_writer(cls, fields) for name, fields in groups.items()}
    seldom = {name: _seldom_fields(cls).keys() & fields for name, fields in groups.items()}

    def written(value: Any) -> dict[str, dict[str, Any]]:
        try:
            plain = {name: write(value) for name, write in writers.items()}
        except _OWN_ERRORS:
            fields = _field_by_field(value, STORED)
            plain = {
                name: {field: fields[field] for field in group if field in fields}
                for name, group in groups.items()
            }
        if value.unreadable:
            for name, fields in plain.items():
                _complete(value, fields, seldom[name])
        return plain

    return written


def _complete(record: Any, plain: dict[str, Any], seldom: Collection[str]) -> None:
    for field in {path[0] for path in record.unreadable}:
        if field not in plain and field not in seldom:
            continue
        if (field,) in record.unreadable and _is_as_made(record, field):
            entries = None
        else:  # what can be read of a field that is written seldom is nothing
            entries = plain[field] if field in plain else type(getattr(record, field))()
        plain[field] = complete(record, field, entries)


def _is_as_made(record: Any, field: str) -> bool:
    """Return whether a field is as a new record has it: nobody has set it."""
    default = next(one.default for one in attrs.fields(type(record)) if one.alias == field)
    made = default.factory() if hasattr(default, "factory") else default
    return bool(getattr(record, field) == made)


def _make_fields_writer(
    cls: type[attrs.AttrsInstance], names: Collection[str]
) -> Callable[[Any], Any]:
    others: dict[str, Any] = {
        field.name: override(omit=True)
        for field in attrs.fields(attrs.resolve_types(cls))
        if field.alias not in names
    }
    return make_dict_unstructure_fn(
        cls, STORED, _cattrs_use_alias=True, **{**_seldom_fields(cls), **others}
    )


def _seldom_fields(cls: type[Any]) -> dict[str, Any]:
    fields = attrs.fields(attrs.resolve_types(cls))
    return {field.name: override(omit_if_default=True) for field in fields if _is_seldom(field)}


def _is_seldom(field: attrs.Attribute[Any]) -> bool:
    return SELDOM.items() <= field.metadata.items()


def make_check(cls: type[attrs.AttrsInstance]) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that tells whether plain fields are surely read as those of a *cls*; in doubt :func:`structure` tells."""
    own = [field for field in attrs.fields(attrs.resolve_types(cls)) if field.init]
    # Most are told at a glance: each changed part of each save comes by.
    kinds = {field.alias: _TOLD[field.type] for field in own if field.type in _TOLD}
    bounds = {field.alias: _TIMES for field in own if datetime in _types_in(field.type)}
    bounds |= {field.alias: _COUNTS for field in own if field.validator is COUNT}
    readers = {
        field.alias: (_QUICK.get_structure_hook(field.type), field.type, _held_in(field.type))
        for field in own
        if field.alias not in kinds
    }

    def fit(fields: Mapping[str, Any]) -> bool:
        for field, value in fields.items():
            told = kinds.get(field)
            if told is not None:
                if type(value) not in told:
                    return False
                if field in bounds and value is not None:
                    least, most = bounds[field]
                    if not least <= value <= most:
                        return False
            elif field in readers:
                read, kind, container = readers[field]
                if not (type(value) is container and not value):
                    try:
                        read(value, kind)
                    except _READ_ERRORS:
                        return False
        return True

    return fit


def _types_in(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _held_in(kind: Any) -> type:
    """Return what values of a type of list, set or dict are stored in."""
    return dict if get_origin(kind) is dict else list


# -- how each type of field is read and written --------------------------------


def read_time(value: Any, _: type[datetime]) -> datetime:
    """Read a time as it is stored (microseconds), as ``to_dict`` writes it (ISO 8601), or as it is."""
    if isinstance(value, bool) or not isinstance(value, _MOMENTS):
        msg = f"a time is ISO 8601 text or microseconds, not {type(value).__name__}"
        raise TypeError(msg)
    if isinstance(value, int):
        return from_micros(value)
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def read_int(value: Any, _: type[int]) -> int:
    """Read a whole number; one of an app's own kind, such as an ``IntEnum``, is the number that it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"a whole number is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return int.__index__(value)


def read_bool(value: Any, _: type[bool]) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        msg = f"true or false is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def read_text(value: Any, _: type[str]) -> str:
    """Read a text; one of an app's own kind, such as a ``StrEnum``, is the text that it is."""
    if not isinstance(value, str):
        msg = f"a text is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return str.__str__(value)


def is_optional_text(kind: Any) -> bool:
    """Return whether a type is a text or None."""
    return bool(kind == str | None)


def read_optional_text(value: Any, _: Any) -> str | None:
    """Read a text, or None."""
    return None if value is None else read_text(value, str)


def read_texts(value: Any, _: type[set[str]]) -> set[str]:
    """Read a set of texts."""
    if not isinstance(value, _LISTS_OR_SETS):
        msg = f"a list of texts is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return {read_text(item, str) for item in value}


def write_texts(value: Any) -> list[str]:
    """Write a set of texts; sorted, so that equal sets are written alike."""
    if not isinstance(value, _SETS):
        msg = f"a set is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return sorted(value)


def is_app_dict(kind: Any) -> bool:
    """Return whether a type is a dict of the app's own, of which nothing is known."""
    return bool(kind == dict[str, Any])


def read_app_dict(value: Any, _: type[dict[str, Any]]) -> dict[str, Any]:
    """Return a dict of the app's own, whatever its keys: what the app put in, it gets back."""
    if not isinstance(value, Mapping):
        msg = f"a mapping is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return dict(value)


def read_own_dict(value: Any, _: type[dict[str, Any]]) -> dict[str, Any]:
    """Do as :func:`read_app_dict` for a dict that nobody else has: it is not copied."""
    if type(value) is not dict:
        msg = f"a dict is needed, not {type(value).__name__}"
        raise TypeError(msg)
    return value


def is_list(kind: Any) -> bool:
    """Return whether a type is a list of something."""
    return get_origin(kind) is list


def list_reader(kind: Any, converter: cattrs.Converter) -> Callable[..., list[Any]]:
    """Make the reader of a type of list."""
    read = cattrs.cols.list_structure_factory(kind, converter)

    def with_check(value: Any, cls: type[list[Any]]) -> list[Any]:
        _check_list(value)
        made: list[Any] = read(value, cls)
        return made

    return with_check


def list_writer(kind: Any, converter: cattrs.Converter) -> Callable[[Any], list[Any]]:
    """Make the writer of a type of list."""
    write = converter.get_unstructure_hook(get_args(kind)[0])

    def with_check(value: Any) -> list[Any]:
        _check_list(value)
        return [write(item) for item in value] if value else []

    return with_check


def _check_list(value: Any) -> None:
    # A text is a sequence of texts, but hardly meant as one.
    if not isinstance(value, _LISTS):
        msg = f"a list is needed, not {type(value).__name__}"
        raise TypeError(msg)


def read_exactly(*kinds: type) -> Callable[[Any, Any], Any]:
    """Make a reader that takes no other types than these; of what it refuses another one knows more."""

    def read(value: Any, _: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError
        return value

    return read


def read_exact_texts(value: Any, _: type[set[str]]) -> set[str]:
    """Read a set of texts, none of an app's own kind."""
    if type(value) is not list or not _TEXT_ALONE.issuperset(map(type, value)):
        raise TypeError
    return set(value)


# -- fields that a newer release stored ----------------------------------------


def _takes_unknown(cls: Any) -> bool:
    return attrs.has(cls) and _UNKNOWN in attrs.fields_dict(cls)


def _structure_with_unknown(cls: type[T], converter: cattrs.Converter) -> Callable[..., T]:
    """Keep what this release doesn't know: a newer one has stored it and wants it back."""
    known = {field.alias for field in attrs.fields(cls) if field.init}  # type: ignore[arg-type]
    explains = converter.detailed_validation
    typed = typed_fields(cast("type[attrs.AttrsInstance]", cls))
    read = make_dict_structure_fn(
        cls,
        converter,
        _cattrs_use_alias=True,
        _cattrs_forbid_extra_keys=False,
        _cattrs_detailed_validation=converter.detailed_validation,
    )

    def with_unknown(data: Mapping[str, Any], _: type[T]) -> T:
        if type(data) is dict and known.issuperset(data) and not (explains and Opaque.made):
            return read(data, cls)
        if not isinstance(data, Mapping):
            msg = f"a mapping of fields is needed, not {type(data).__name__}"
            raise TypeError(msg)
        data, aside = set_typed_aside(data, typed) if Opaque.made else (data, {})
        newer = {name: value for name, value in data.items() if name not in known}
        unknown = read_app_dict(data.get(_UNKNOWN, {}), dict[str, Any]) | newer
        made = read({**data, _UNKNOWN: unknown}, cls)
        if aside:
            cast("Record", made).unreadable.update(aside)
        return made

    return with_unknown


def _unstructure_with_unknown(cls: type[T], converter: cattrs.Converter) -> Callable[[T], Any]:
    seldom = _seldom_fields(cls)
    unstructure = make_dict_unstructure_fn(
        cls, converter, _cattrs_use_alias=True, unknown=override(omit=True), **seldom
    )

    def with_unknown(value: Any) -> Any:
        record = value
        if not isinstance(value, cls):
            return value  # the app put it there; who reads it tells
        try:
            plain = unstructure(value)
        except _OWN_ERRORS:
            plain = _field_by_field(value, converter)
        if record.unreadable:
            _complete(record, plain, seldom)
        if not record.unknown:
            return plain
        unknown = dict(record.unknown)
        # A part may be called like a field: what is unknown never takes a known one's place.
        clashing = {name: unknown.pop(name) for name in plain if name in unknown}
        return plain | unknown | ({_UNKNOWN: clashing} if clashing else {})

    return with_unknown


def _field_by_field(value: Any, converter: cattrs.Converter) -> dict[str, Any]:
    """Leave fields as they are in which the app put what does not belong there; who reads them tells."""
    plain: dict[str, Any] = {}
    for field in attrs.fields(type(value)):
        if field.init and field.name != _UNKNOWN:
            mine = getattr(value, field.name)
            if _is_seldom(field) and mine == cast("Any", field.default).factory():
                continue
            try:
                plain[field.alias] = converter.unstructure(mine, field.type)
            except _OWN_ERRORS:
                plain[field.alias] = mine
    return plain


# -- values that can't be read here --------------------------------------------


def keep_unread_apart(session: Any) -> None:
    """Take what this process can't read out of a session that was just made."""
    for _, record in records_of(session):
        keep_apart(record, _fields_of_the_app(type(record)))


def typed_fields(cls: type[attrs.AttrsInstance]) -> frozenset[str]:
    """Return the fields that hold no values of the app, by their names in plain data."""
    fields = attrs.fields(attrs.resolve_types(cls))
    return frozenset(
        str(f.alias)
        for f in fields
        if f.init and f.name not in _NOT_LOOKED_INTO and not is_app_dict(f.type)
    )


@cache
def _fields_of_the_app(cls: type[Record]) -> list[str]:
    fields = attrs.fields(attrs.resolve_types(cast("type[attrs.AttrsInstance]", cls)))
    return [f.name for f in fields if f.init and f.name != _UNKNOWN and is_app_dict(f.type)]


# -- converters ----------------------------------------------------------------


def make_converter(
    time_to_plain: Callable[[datetime], int | str], *, explains: bool = True
) -> cattrs.Converter:
    """
    Return a converter for the session's classes.

    Args:
        time_to_plain: How a time is written; every way is read.
        explains: Whether an error says where it was; reading takes twice as long then.
    """
    converter = cattrs.Converter(use_alias=True, detailed_validation=explains)
    converter.register_unstructure_hook_func(lambda kind: kind is Any, lambda value: value)
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    converter.register_unstructure_hook(datetime, time_to_plain)
    converter.register_structure_hook(datetime, read_time)
    converter.register_structure_hook(int, read_int)
    converter.register_structure_hook(bool, read_bool)
    converter.register_structure_hook(str, read_text)
    converter.register_structure_hook(bytes, read_exactly(bytes))
    converter.register_unstructure_hook_func(is_optional_text, identity)
    converter.register_structure_hook_func(is_optional_text, read_optional_text)
    converter.register_unstructure_hook_func(is_app_dict, dict)
    converter.register_structure_hook_func(is_app_dict, read_app_dict)
    converter.register_unstructure_hook_factory(is_list, list_writer)
    converter.register_structure_hook_factory(is_list, list_reader)
    converter.register_unstructure_hook_func(cattrs.cols.is_set, write_texts)
    converter.register_structure_hook_func(cattrs.cols.is_set, read_texts)
    converter.register_unstructure_hook_factory(_takes_unknown, _unstructure_with_unknown)
    converter.register_structure_hook_factory(_takes_unknown, _structure_with_unknown)
    return converter


STORED: Final = make_converter(to_micros)
"""Writes times as microseconds: what the stored parts are made with."""

_QUICK: Final = make_converter(to_micros, explains=False)
"""Reads what a serializer has just made, if it is just as it should be; the others say what is wrong."""

_QUICK.register_structure_hook_func(is_app_dict, read_own_dict)
_QUICK.register_structure_hook(int, read_exactly(int))
_QUICK.register_structure_hook(str, read_exactly(str))
_QUICK.register_structure_hook_func(is_optional_text, read_exactly(str, NoneType))
_QUICK.register_structure_hook_func(cattrs.cols.is_set, read_exact_texts)

READABLE: Final = make_converter(datetime.isoformat)
"""Writes times as ISO 8601: what ``to_dict`` is made with."""
