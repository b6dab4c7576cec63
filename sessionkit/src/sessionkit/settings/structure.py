# SPDX-License-Identifier: Apache-2.0
"""
From what the sources say to one attrs class: unknown keys, wrong types, missing tables.

A field that is an attrs class is a table with known keys; a field that is a
mapping of tables holds those of plugins, whose keys only the plugin knows; a
mapping of texts holds what the app itself names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, get_origin

import attrs
import cattrs

from sessionkit.conflict import ConflictStrategy, as_strategy
from sessionkit.errors import ConfigError, WrongKindError, suggest
from sessionkit.serializer import Serializer
from sessionkit.settings.sources import DERIVED, Entries, Entry, KeyPath, as_variable
from sessionkit.settings.types import FROM_TEXT, TYPED, as_serializer, as_storage, literal, text
from sessionkit.storage import Storage

T = TypeVar("T")

_PLUGIN_KEY: Final = 3
_TABLE_OF_TEXTS: Final = 2


def check_entries(cls: type[Any], sources: Iterable[Entries]) -> list[Entries]:
    """
    Return what each source says, each value of its key's type.

    Args:
        cls: The attrs class of all settings.
        sources: What they say.

    Raises:
        ConfigError: If a key is unknown or its value doesn't fit.
    """
    return [
        dict(_checked(cls, path, entry) for path, entry in entries.items()) for entries in sources
    ]


def _checked(cls: type[Any], path: KeyPath, entry: Entry) -> tuple[KeyPath, Entry]:
    fitting = attrs.evolve(entry, value=_value(cls, path, entry))
    return _join_texts(cls, path), fitting


def build_settings(cls: type[T], tables: Mapping[str, Any], **derived: Any) -> T:  # noqa: ANN401 - by field
    """
    Return the settings.

    Args:
        cls: The attrs class of all settings.
        tables: Values that :func:`check_entries` returned, as tables within tables.
        **derived: What no source can set.
    """
    keys = _keys(cls)
    values = {
        name: keys[name].type(**value) if attrs.has(keys[name].type) else value
        for name, value in tables.items()
    }
    return cls(**values, **derived)


def _join_texts(cls: type[Any], path: KeyPath) -> KeyPath:
    """Return *path*, with what leads into a mapping of texts as one key: there tables are dotted keys."""
    kinds: Any = cls
    for depth, name in enumerate(path, start=1):
        kinds = _keys(kinds)[name].type if attrs.has(kinds) else None
        if kinds is not None and _is_texts(kinds):
            return (*path[:depth], ".".join(path[depth:])) if len(path) > depth else path
    return path


# -- the value of one key --------------------------------------------------------------


def _strategy(value: Any, _: object) -> str | ConflictStrategy:  # noqa: ANN401 - what a source said
    return value if isinstance(value, str) else as_strategy(value)


def _storage(value: Any, _: object) -> Storage | str | None:  # noqa: ANN401 - what a source said
    return value if value is None or isinstance(value, str) else as_storage(value)


def _serializer(value: Any, _: object) -> Serializer | str:  # noqa: ANN401 - what a source said
    return value if isinstance(value, str) else as_serializer(value)


def _accept_objects(converter: cattrs.Converter) -> cattrs.Converter:
    """Take a storage, a serializer or a strategy where its name may stand: code gives them."""
    own = converter.copy()
    own.register_structure_hook_func(lambda kind: kind == str | Storage | None, _storage)
    own.register_structure_hook_func(lambda kind: kind == str | Serializer, _serializer)
    own.register_structure_hook_func(lambda kind: kind == str | ConflictStrategy, _strategy)
    return own


_TYPED: Final = _accept_objects(TYPED)
_FROM_TEXT: Final = _accept_objects(FROM_TEXT)


def _value(cls: type[Any], path: KeyPath, entry: Entry) -> Any:  # noqa: ANN401 - the key's value
    _check_underscores(cls, path, entry)
    field = _field(cls, path, 0, entry)
    kind = field.type
    if _is_tables(kind):
        return _plugin_value(path, entry)
    if not attrs.has(kind):
        _no_deeper(path, 1, entry)
        return _own_value(field, path, entry)
    if len(path) == 1:
        return _table(path, entry)
    field = _field(kind, path, 1, entry)
    if _is_texts(field.type):
        return _table(path, entry) if len(path) == _TABLE_OF_TEXTS else _text_value(path, entry)
    _no_deeper(path, 2, entry)
    return _own_value(field, path, entry)


def _own_value(field: Any, path: KeyPath, entry: Entry) -> Any:  # noqa: ANN401 - an attrs.Attribute, and its value
    try:
        value = (_FROM_TEXT if entry.is_text else _TYPED).structure(entry.value, field.type)
        if field.converter is not None:
            value = field.converter(value)
        if field.validator is not None:
            field.validator(None, field, value)  # none looks at the other keys
    except ConfigError as error:
        wrong = _wrong(path, entry, str(error))
        raise (
            WrongKindError(*wrong.args) if isinstance(error, WrongKindError) else wrong
        ) from error
    return value


def _plugin_value(path: KeyPath, entry: Entry) -> Any:  # noqa: ANN401 - the key's value
    if len(path) < _PLUGIN_KEY:
        return _table(path, entry)
    return literal(entry.value) if entry.is_text else entry.value


def _text_value(path: KeyPath, entry: Entry) -> str:
    try:
        return text(entry.value)
    except ConfigError as error:
        raise _wrong(path, entry, str(error)) from error


def _table(path: KeyPath, entry: Entry) -> Mapping[str, Any]:
    if isinstance(entry.value, Mapping):
        return entry.value
    advice = f"; set its keys, as in {as_variable((*path, 'key'))}" if entry.is_text else ""
    raise _wrong(path, entry, f"a table is needed, not {type(entry.value).__name__}{advice}")


# -- keys and their types --------------------------------------------------------------


def _field(cls: type[Any], path: KeyPath, level: int, entry: Entry) -> Any:  # noqa: ANN401 - an attrs.Attribute
    known = _keys(cls)
    if path[level] in known:
        return known[path[level]]
    above = path[: level + 1]
    if entry.is_text:
        right = [as_variable((*path[:level], name)) for name in known]
        raise _wrong(above, entry, f"unknown; {suggest(as_variable(above), right)}")
    raise _wrong(above, entry, f"unknown; {suggest(path[level], known)}")


def _check_underscores(cls: type[Any], path: KeyPath, entry: Entry) -> None:
    """Refuse a variable that would name a key if one underscore of it were two, or two were one."""
    if not entry.is_text or _leads_to_key(cls, path):
        return
    words = "_".join(word for name in path for word in name.split("_") if word)
    right = next(_paths_spelt(cls, words), None)
    if right is not None:
        what = f"unknown; did you mean {as_variable(right)!r}? (two underscores lead into a table, one is part of a name)"
        raise _wrong(path, entry, what)


def _leads_to_key(cls: type[Any], path: KeyPath) -> bool:
    """Return whether a path has a key's length and begins with the names that we know."""
    kind = _keys(cls)[path[0]].type if path[0] in _keys(cls) else None
    if kind is None or _is_tables(kind):
        return kind is not None and len(path) >= _PLUGIN_KEY
    if not attrs.has(kind):
        return len(path) == 1
    return (
        len(path) > 1
        and path[1] in _keys(kind)
        and (len(path) == _TABLE_OF_TEXTS or _is_texts(_keys(kind)[path[1]].type))
    )


def _paths_spelt(cls: type[Any], words: str) -> Iterator[KeyPath]:
    """Yield the keys that are written as *words*, with single underscores alone."""
    for name, field in _keys(cls).items():
        rest = words.removeprefix(f"{name}_")
        if words == name and not attrs.has(field.type) and not _is_tables(field.type):
            yield (name,)
        elif rest != words and _is_tables(field.type) and all(rest.partition("_")):
            plugin, _, key = rest.partition("_")
            yield name, plugin, key
        elif rest != words and _is_texts(field.type):
            yield name, rest
        elif rest != words and attrs.has(field.type):
            yield from ((name, *below) for below in _paths_spelt(field.type, rest))


def _no_deeper(path: KeyPath, depth: int, entry: Entry) -> None:
    if len(path) > depth:
        raise _wrong(path[:depth], entry, "a single value is needed, not a table")


def _keys(cls: type[Any]) -> dict[str, Any]:
    fields = attrs.fields_dict(attrs.resolve_types(cls))
    return {name: field for name, field in fields.items() if DERIVED not in field.metadata}


def _is_tables(kind: Any) -> bool:  # noqa: ANN401 - a field's type
    return get_origin(kind) is Mapping and not _is_texts(kind)


def _is_texts(kind: Any) -> bool:  # noqa: ANN401 - a field's type
    return bool(kind == Mapping[str, str])


def _wrong(path: KeyPath, entry: Entry, what: str) -> ConfigError:
    return ConfigError(f"{entry.origin}: {'.'.join(path)}: {what}")
