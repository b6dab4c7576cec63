# SPDX-License-Identifier: Apache-2.0
"""
The app's own classes <-> plain data: attrs classes, dataclasses and pydantic models, strictly and field by field.

Values that a serializer keeps (dates, sets, tables) stay as they are; objects become dicts of their fields,
members of enums their values. Nothing is turned into another value but by the class itself.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections import deque
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from threading import Lock
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin
from uuid import UUID

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from sessionkit.errors import text_of
from sessionkit.session.typed_state import Misfit, Plain
from sessionkit.values.definitions import defined_alike, hints_of
from sessionkit.values.dicts import dict_like

# The app's classes and values may be anything.
# ruff: noqa: ANN401

_CONTAINERS: Final = (list, tuple, set, frozenset, dict, deque)
_OWN_ERRORS: Final = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError, OSError)
"""What an app's own objects and validators raise; a ``RuntimeError`` asks to look again."""

_READ_ERRORS: Final = (cattrs.BaseValidationError, *_OWN_ERRORS)


class Schema:
    """
    What is known of a class whose objects are kept.

    Attributes:
        cls: The class.
        fields: The names of its fields.
        nested: The schemas of the fields that hold one object of one other class, by name.
        made: The names of fields whose default is made anew for each object, such as an id.
        is_frozen: Whether nothing can be assigned to its objects' fields.
    """

    def __init__(self, cls: type[Any], outer: tuple[type[Any], ...] = ()) -> None:
        """
        Look at a class.

        Args:
            cls: An attrs class, a dataclass or a pydantic model.
            outer: The classes that this one is a field of.

        Raises:
            TypeError: If it is none of these, or names types that are not there.
        """
        types = _types_of(cls)
        self.cls = cls
        self.fields: Final = tuple(types)
        self.made: Final = _made_anew(cls)
        self.is_frozen = _is_frozen(cls)
        self._takes_more = _is_model(cls) and cls.model_config.get("extra") == "allow"
        self.nested: Final[dict[str, Schema]] = {
            name: Schema(kind, (*outer, cls))
            for name, kind in types.items()
            if is_kept_class(kind) and kind not in (*outer, cls)
        }

    def make(self) -> Any:
        """
        Return a new object, all defaults.

        Raises:
            TypeError: If a field has no default; the message names it.
        """
        needed = _required(self.cls)
        if needed:
            name = self.cls.__name__
            msg = (
                f"{name}() can't be made: {', '.join(needed)} {'has' if len(needed) == 1 else 'have'} no default;"
                f" a new session begins with {name}(), so give each field of it one"
            )
            raise TypeError(msg)
        return self.cls()

    def write(self, value: Any) -> tuple[Plain, list[Misfit]]:
        """
        Return an object's fields, and why others can't be written: those are left out.

        Raises:
            RuntimeError: If another thread changed a container in it meanwhile.
        """
        try:
            plain: Plain = _converter().unstructure(value, self.cls)
        except (RecursionError, *_OWN_ERRORS):
            return self._write_each(value)
        return plain, []

    def _write_each(self, value: Any) -> tuple[Plain, list[Misfit]]:
        plain: Plain = {}
        misfits = []
        for name, kind in _types_of(self.cls).items():
            try:
                plain[name] = _converter().unstructure(getattr(value, name), kind)
            except RecursionError:
                misfits.append(Misfit((name,), "it holds itself; store it flat"))
            except _OWN_ERRORS as error:
                misfits.append(Misfit((name,), text_of(error)))
        return plain, misfits

    def read(self, plain: Plain) -> tuple[Any, list[Misfit]]:
        """
        Return an object of these fields, and what did not fit: that has its default.

        Args:
            plain: Fields by name; the object takes what is in them for its own. Names that the class
                does not know are passed over.
        """
        misfits: list[Misfit] = []
        if not self._takes_more:
            plain = {name: plain[name] for name in self.fields if name in plain}
        plain = self._completed(plain)
        while plain:
            try:
                return _converter().structure(plain, self.cls), misfits
            except _READ_ERRORS as error:
                found = list(_misfits(error))
            pruned = _prune_all(plain, found)
            if not pruned:
                return self._read_each(plain, misfits, found)
            misfits += [one for one in pruned if one.reason]
        return self.make(), misfits

    def _completed(self, plain: Plain) -> Plain:
        """Return fields with what is not stored of objects in them: that is as in a new object."""
        partly = [name for name in self.nested if isinstance(plain.get(name), dict)]
        if not partly:
            return plain
        default, _ = self.write(self.make())
        return plain | {
            name: self.nested[name].completed_by(default.get(name), plain[name]) for name in partly
        }

    def completed_by(self, default: Any, plain: Plain) -> Plain:
        """Return fields with those of *default* that are not among them."""
        if not isinstance(default, dict):
            return plain
        inner = {
            name: schema.completed_by(default.get(name), plain[name])
            for name, schema in self.nested.items()
            if isinstance(plain.get(name), dict)
        }
        return default | plain | inner

    def _read_each(
        self, plain: Plain, misfits: list[Misfit], found: list[Misfit]
    ) -> tuple[Any, list[Misfit]]:
        """Do as :meth:`read` where an error tells of no place: take fields as long as the object can be made."""
        made, taken = self.make(), Plain()
        for name, value in plain.items():
            try:
                made = _converter().structure({**taken, name: value}, self.cls)
                taken[name] = value
            except _READ_ERRORS:
                misfits.append(Misfit((name,), found[0].reason))
        return made, misfits


_SCHEMAS: Final[dict[tuple[str, str], Schema]] = {}
_LOCK: Final = Lock()


def schema_of(cls: type[Any]) -> Schema:
    """
    Return the schema of a class; of one that a page defines anew at each rerun always the same one.

    Raises:
        TypeError: As :class:`Schema`.
    """
    if not is_kept_class(cls):
        msg = f"session.state takes an attrs class, a dataclass or a pydantic model, not {cls!r}"
        raise TypeError(msg)
    place = named(cls)
    known = _SCHEMAS.get(place)
    if known is not None and (known.cls is cls or _are_alike(known.cls, cls)):
        return known
    with _LOCK:
        schema = _SCHEMAS[place] = Schema(cls)
    return schema


def named(cls: type[Any]) -> tuple[str, str]:
    """Return by what a class is known again that a page has defined anew."""
    return cls.__module__, cls.__qualname__


# -- classes -------------------------------------------------------------------


def is_kept_class(cls: Any) -> bool:
    """Return whether objects of a class are kept by their fields."""
    return isinstance(cls, type) and (
        attrs.has(cls) or dataclasses.is_dataclass(cls) or _is_model(cls)
    )


def _is_model(cls: Any) -> bool:
    """Return whether a class is a pydantic model; nobody has one who has not imported pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def _types_of(cls: Any) -> dict[str, Any]:
    """Return the types of a class's fields by name."""
    if _is_model(cls):
        return {name: field.annotation for name, field in cls.model_fields.items()}
    fields = attrs.fields(cls) if attrs.has(cls) else dataclasses.fields(cls)
    try:
        hints = hints_of(cls)
    except NameError as error:
        msg = f"{cls.__name__} names a type that is not there: {error}; define it in the module, before its objects are made"
        raise TypeError(msg) from error
    return {field.name: hints.get(field.name, Any) for field in fields if field.init}


def _required(cls: Any) -> list[str]:
    if _is_model(cls):
        return [name for name, field in cls.model_fields.items() if field.is_required()]
    if attrs.has(cls):
        return [f.name for f in attrs.fields(cls) if f.init and f.default is attrs.NOTHING]
    missing = dataclasses.MISSING
    return [
        f.name
        for f in dataclasses.fields(cls)
        if f.init and f.default is missing and f.default_factory is missing
    ]


def _made_anew(cls: Any) -> frozenset[str]:
    if _is_model(cls):
        fields = cls.model_fields.items()
        return frozenset(name for name, field in fields if field.default_factory is not None)
    if attrs.has(cls):
        return frozenset(f.name for f in attrs.fields(cls) if isinstance(f.default, _FACTORY))
    missing = dataclasses.MISSING
    return frozenset(f.name for f in dataclasses.fields(cls) if f.default_factory is not missing)


_FACTORY: Final[Any] = attrs.Factory  # a class, though attrs declares a function


def _is_frozen(cls: Any) -> bool:
    if _is_model(cls):
        return bool(cls.model_config.get("frozen", False))
    if attrs.has(cls):
        return getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"
    return bool(cls.__dataclass_params__.frozen)


# -- what a page has defined anew ----------------------------------------------


def classes_in(cls: Any) -> dict[tuple[str, str], type[Any]]:
    """Return the classes that an object's fields may hold, its own too, by what they are known by."""
    found: dict[tuple[str, str], type[Any]] = {}
    waiting: list[Any] = [cls]
    while waiting:
        kind = waiting.pop()
        if is_kept_class(kind) and named(kind) not in found:
            found[named(kind)] = kind
            waiting.extend(_types_of(kind).values())
        elif isinstance(kind, type) and issubclass(kind, Enum):
            found[named(kind)] = kind
        waiting.extend(get_args(kind))
    return found


def _are_alike(one: Any, other: Any) -> bool:
    """Return whether two classes are made anew by the same source, with those that their objects hold."""
    ones, others = classes_in(one), classes_in(other)
    return ones.keys() == others.keys() and all(
        _shape(ones[place]) == _shape(others[place]) and defined_alike(ones[place], others[place])
        for place in ones
    )


def _shape(cls: Any) -> str:
    if _is_model(cls):
        return repr(cls.model_fields)
    return repr(_types_of(cls)) if is_kept_class(cls) else ""


def adopt(value: Any, classes: Mapping[tuple[str, str], type[Any]]) -> None:
    """
    Make objects those of classes that were defined anew, in place.

    Those with slots that can be referred to weakly, as attrs makes them, stay of the class that they are of:
    Python gives them no other one. It is defined alike.

    Args:
        value: An object, or what may hold some.
        classes: The classes as they are now, by what they are known by.
    """
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if is_kept_class(kind):
            new = classes.get(named(kind), kind)
            if new is not kind:
                with suppress(TypeError):
                    object.__setattr__(one, "__class__", new)
            waiting.extend(getattr(one, name) for name in _types_of(new) if hasattr(one, name))
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, _CONTAINERS):
            waiting.extend(one)


# -- how they are read and written ---------------------------------------------


class _BadItemsError(TypeError):
    """What was wrong with items of a container, by their keys or places."""

    def __init__(self, errors: list[tuple[Any, Exception]]) -> None:
        super().__init__("; ".join(text_of(error) for _, error in errors))
        self.errors = errors


@cache
def _converter() -> cattrs.Converter:
    """Return what turns objects into plain data and back."""
    converter = cattrs.Converter()
    for kind in _CONVERTED:
        converter.register_unstructure_hook(kind, lambda value: value)
        converter.register_structure_hook(kind, _read_leaf)
    # The last that takes a type is asked first.
    converter.register_unstructure_hook_func(_is_leaf, lambda value: value)
    converter.register_structure_hook_func(_is_leaf, _read_leaf)
    converter.register_unstructure_hook_func(_is_open, lambda value: value)
    converter.register_structure_hook_func(_is_open, lambda value, _: value)
    for is_kind, writer, reader in (
        (_is_sequence, _sequence_writer, _sequence_reader),
        (_is_tuple, _tuple_writer, _tuple_reader),
        (_is_set, _set_writer, _set_reader),
        (_is_dict, _dict_writer, _dict_reader),
        (_is_union, _union_writer, _union_reader),
        (_is_object, _object_writer, _object_reader),
        (_is_model, _model_writer, _model_reader),
    ):
        converter.register_unstructure_hook_factory(is_kind, writer)
        converter.register_structure_hook_factory(is_kind, reader)
    return converter


_Reader = Callable[[Any, Any], Any]
_Writer = Callable[[Any], Any]


def _is_open(kind: Any) -> bool:
    """Return whether a type says nothing of what its values hold."""
    return kind is Any or kind is object or kind is None or typing.is_typeddict(kind)


def _is_leaf(kind: Any) -> bool:
    """Return whether a type is a class of which nothing is known: its values are kept by a serializer, or not at all."""
    return (
        isinstance(kind, type)
        and get_origin(kind) is None
        and not issubclass(kind, (*_CONTAINERS, *_ABSTRACT, Enum))
        and not is_kept_class(kind)
        and kind is not type(None)
    )


_CONVERTED: Final = (bool, int, float, complex, str, bytes, Decimal, UUID, PurePath, Path)
"""Types that a converter by itself makes of values of other types."""

_ABSTRACT: Final = (Sequence, AbstractSet, Mapping)


def _read_leaf(value: Any, kind: type[Any]) -> Any:
    kinds = (int, float) if kind is float else (kind,)
    if not isinstance(value, kinds) or (type(value) is bool and kind is not bool):
        _refuse(kind.__name__, value)
    return value


def _refuse(wanted: str, value: Any) -> typing.NoReturn:
    msg = f"{wanted} is needed, not {type(value).__name__}"
    raise TypeError(msg)


def _check(value: Any, *kinds: type[Any]) -> None:
    if not isinstance(value, kinds):
        _refuse(kinds[0].__name__, value)


def _origin(kind: Any) -> Any:
    return get_origin(kind) or kind


def _item_types(kind: Any, count: int) -> tuple[Any, ...]:
    return get_args(kind) or (Any,) * count


def _all(items: Iterable[Any], do: Callable[[Any], Any]) -> list[Any]:
    """Return what becomes of items; the error of a bad one says by its place which one it was."""
    try:
        return list(map(do, items))
    except RuntimeError:
        raise
    except Exception:  # noqa: BLE001 - as below, which tells what it was
        return _each(enumerate(items), do)


def _each(items: Iterable[tuple[Any, Any]], read: Callable[[Any], Any]) -> list[Any]:
    """Return what becomes of items; the error of a bad one says by its key which one it was."""
    done, errors = [], []
    for key, item in items:
        try:
            done.append(read(item))
        except RuntimeError:
            raise
        except Exception as error:  # noqa: BLE001 - an app's own validator raises anything
            errors.append((key, error))
    if errors:
        raise _BadItemsError(errors)
    return done


# Lists, tuples and sets.


def _is_sequence(kind: Any) -> bool:
    return _origin(kind) in {list, deque, Sequence, MutableSequence}


def _maker(kind: Any) -> Callable[[Iterable[Any]], Any]:
    """Return what becomes of a tuple: where any sequence will do it stays one."""
    return tuple if _origin(kind) is Sequence else list


def _sequence_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    write = converter.get_unstructure_hook(_item_types(kind, 1)[0])

    made = _maker(kind)

    def written(value: Any) -> Any:
        _check(value, list, tuple, deque)
        return (made if type(value) is tuple else list)(_all(value, write))

    return written


def _sequence_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    item = _item_types(kind, 1)[0]
    read = converter.get_structure_hook(item)
    made = deque if _origin(kind) is deque else _maker(kind)

    def reader(value: Any, _: Any) -> Any:
        _check(value, list, tuple)
        return (made if made is deque or type(value) is tuple else list)(
            _all(value, lambda one: read(one, item))
        )

    return reader


def _is_tuple(kind: Any) -> bool:
    return _origin(kind) is tuple or _is_named_tuple(kind)


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _types_in_tuple(kind: Any, size: int) -> tuple[Any, ...]:
    if _is_named_tuple(kind):
        hints = hints_of(kind)
        types: tuple[Any, ...] = tuple(hints.get(name, Any) for name in kind._fields)
    else:
        types = get_args(kind) or (Any, ...)
    if len(types) == 2 and types[1] is ...:  # noqa: PLR2004 - any number of one type
        return (types[0],) * size
    if len(types) != size:
        msg = f"a tuple of {len(types)} is needed, not one of {size}"
        raise TypeError(msg)
    return types


def _tuple_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    def written(value: Any) -> Any:
        _check(value, tuple)
        types = _types_in_tuple(kind, len(value))
        pairs = enumerate(zip(value, types, strict=True))
        return tuple(_each(pairs, lambda pair: converter.unstructure(*pair)))

    return written


def _tuple_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    def reader(value: Any, _: Any) -> Any:
        _check(value, tuple, list)
        types = _types_in_tuple(kind, len(value))
        pairs = enumerate(zip(value, types, strict=True))
        items = _each(pairs, lambda pair: converter.structure(*pair))
        return kind(*items) if _is_named_tuple(kind) else tuple(items)

    return reader


def _is_set(kind: Any) -> bool:
    return _origin(kind) in {set, frozenset, AbstractSet, MutableSet}


def _set_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    write = converter.get_unstructure_hook(_item_types(kind, 1)[0])

    def written(value: Any) -> Any:
        _check(value, set, frozenset)
        return type(value)(_all(value, write))

    return written


def _set_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    item = _item_types(kind, 1)[0]
    read = converter.get_structure_hook(item)
    made = frozenset if _origin(kind) is frozenset else set

    def reader(value: Any, _: Any) -> Any:
        _check(value, set, frozenset)
        return made(_all(value, lambda one: read(one, item)))

    return reader


# Dicts.


def _is_dict(kind: Any) -> bool:
    cls = _origin(kind)
    if typing.is_typeddict(cls):
        return False
    return cls in {Mapping, MutableMapping} or (isinstance(cls, type) and issubclass(cls, dict))


def _types_in_dict(kind: Any) -> tuple[Any, Any]:
    types = get_args(kind) or (Any, Any)
    return types if len(types) == 2 else (types[0], int)  # noqa: PLR2004 - a Counter has numbers


def _dict_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    key, item = map(converter.get_unstructure_hook, _types_in_dict(kind))

    def written(value: Any) -> Any:
        _check(value, dict)
        return dict_like(value, _entries(value, key, item))

    return written


def _dict_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    types = _types_in_dict(kind)
    key, item = map(converter.get_structure_hook, types)
    wanted = _origin(kind) if isinstance(_origin(kind), type) else dict

    def reader(value: Any, _: Any) -> Any:
        _check(value, dict if wanted in {Mapping, MutableMapping} else wanted)
        return dict_like(
            value, _entries(value, lambda one: key(one, types[0]), lambda one: item(one, types[1]))
        )

    return reader


def _entries(
    value: dict[Any, Any], key: Callable[[Any], Any], item: Callable[[Any], Any]
) -> dict[Any, Any]:
    try:
        return {key(name): item(one) for name, one in value.items()}
    except RuntimeError:
        raise
    except Exception:  # noqa: BLE001 - as above
        pairs = ((name, (name, one)) for name, one in value.items())
        return dict(_each(pairs, lambda pair: (key(pair[0]), item(pair[1]))))


# Unions.


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


_CLASS: Final = "$class"
"""Says beside an object's fields which class it is of, where it may be of several."""


def _kept_members(kind: Any) -> list[Any]:
    return [member for member in get_args(kind) if is_kept_class(member)]


def _union_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    several = len(_kept_members(kind)) > 1

    def written(value: Any) -> Any:
        for member in get_args(kind):
            if _is_of(value, member):
                plain = converter.unstructure(value, member)
                return (
                    {**plain, _CLASS: member.__qualname__}
                    if several and is_kept_class(member)
                    else plain
                )
        return _refuse(_shown(kind), value)

    return written


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a value is one of a type, as far as that is seen at a glance."""
    if _is_open(kind):
        return True
    if get_origin(kind) is typing.Literal:
        return value in get_args(kind)
    if is_kept_class(kind):
        return named(type(value)) == named(kind)
    cls = _origin(kind)
    if cls is bool or type(value) is bool:
        return cls is type(value)
    return (
        isinstance(value, (int, float) if cls is float else cls) if isinstance(cls, type) else True
    )


def _union_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    members = [member for member in get_args(kind) if member is not type(None)]
    kept = {member.__qualname__: member for member in _kept_members(kind)}

    def reader(value: Any, _: Any) -> Any:
        if value is None and len(members) < len(get_args(kind)):
            return None
        if len(members) == 1:
            return converter.structure(value, members[0])
        if len(kept) > 1 and isinstance(value, dict) and value.get(_CLASS) in kept:
            return converter.structure(value, kept[value[_CLASS]])
        for member in members:
            if len(kept) > 1 and member in kept.values():
                continue
            try:
                return converter.structure(value, member)
            except _READ_ERRORS:
                continue
        return _refuse(_shown(kind), value)

    return reader


def _shown(kind: Any) -> str:
    return " or ".join(getattr(member, "__name__", str(member)) for member in get_args(kind))


# Objects.


def _is_object(kind: Any) -> bool:
    return is_kept_class(kind) and not _is_model(kind)


def _object_writer(kind: Any, converter: cattrs.Converter) -> _Writer:
    write = make_dict_unstructure_fn(kind, converter)

    def written(value: Any) -> Any:
        if type(value) is not kind and named(type(value)) != named(kind):
            _refuse(kind.__name__, value)
        return write(value)

    return written


def _object_reader(kind: Any, converter: cattrs.Converter) -> _Reader:
    read = make_dict_structure_fn(kind, converter)

    def reader(value: Any, cls: Any) -> Any:
        _check(value, dict)
        return read(value, cls)

    return reader


def _model_writer(kind: Any, _: cattrs.Converter) -> _Writer:
    def written(value: Any) -> Any:
        if type(value) is not kind and named(type(value)) != named(kind):
            _refuse(kind.__name__, value)
        return _without_members(value.model_dump(round_trip=True, warnings=False))

    return written


def _without_members(plain: Any) -> Any:
    """Return what a model has dumped with the values of enums' members in their place."""
    if isinstance(plain, Enum):
        return plain.value
    if isinstance(plain, dict):
        return {_without_members(key): _without_members(one) for key, one in plain.items()}
    if type(plain) in {list, tuple, set, frozenset}:
        return type(plain)(map(_without_members, plain))
    return plain


def _model_reader(kind: Any, _: cattrs.Converter) -> _Reader:
    def reader(value: Any, __: Any) -> Any:
        return kind.model_validate(value, by_name=True, by_alias=False)

    return reader


# -- what did not fit ----------------------------------------------------------


def _misfits(error: BaseException, path: tuple[Any, ...] = ()) -> Iterator[Misfit]:
    """Yield what was wrong, and where."""
    if isinstance(error, cattrs.ClassValidationError):
        placed, others = error.group_exceptions()
        for one, note in placed:
            yield from _misfits(one, (*path, note.name))
        for one in others:
            yield from _misfits(one, path)
    elif isinstance(error, _BadItemsError):
        for key, one in error.errors:
            yield from _misfits(one, (*path, key))
    elif isinstance(error, ValueError) and hasattr(error, "errors"):  # pydantic's
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            is_unknown = (
                one["type"] == "extra_forbidden"
            )  # another release's: nothing is wrong with it
            yield Misfit((*path, *one["loc"]), "" if is_unknown else one["msg"])
    else:
        yield Misfit(path, text_of(error))


def _prune_all(plain: Plain, found: list[Misfit]) -> list[Misfit]:
    """Take what did not fit out of plain data; return what was taken out, and why."""
    cut: dict[tuple[Any, ...], str] = {}
    for one in found:
        if not any(one.path[: len(path)] == path for path in cut):
            path = _prune(plain, one.path)
            if path is not None:
                cut[path] = one.reason
    return [Misfit(path, reason) for path, reason in cut.items()]


def _prune(plain: Plain, path: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Take the deepest entry of a dict out that lies on a path, and return where that was; None where none does."""
    here: Any = plain
    holder: dict[Any, Any] | None = None
    cut: tuple[Any, ...] = ()
    for depth, key in enumerate(path):
        if isinstance(here, dict) and key in here:
            holder, cut = here, path[: depth + 1]
        elif not (isinstance(here, list | tuple) and isinstance(key, int) and key < len(here)):
            break
        here = here[key]
    if holder is None:
        return None
    del holder[cut[-1]]
    return cut
