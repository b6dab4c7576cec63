# SPDX-License-Identifier: Apache-2.0
"""
From what the sources say to one attrs class: unknown keys, wrong types, missing tables.

A field that is an attrs class is a table with known keys; a field that is a
mapping of tables holds those of plugins, whose keys only the plugin knows; a
mapping of texts holds what the app itself names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_origin

import attrs
import cattrs

from sessionkit.conflict import ConflictStrategy, as_strategy
from sessionkit.errors import ConfigError
from sessionkit.settings.sources import DERIVED, Entries, Given, KeyPath, as_variable, nested
from sessionkit.settings.suggestions import suggest
from sessionkit.settings.types import FROM_TEXT, TYPED, literal, text

T = TypeVar("T")

_PLUGIN_KEY: Final = 3
_TABLE_OF_TEXTS: Final = 2


def _strategy(value: Any, _: object) -> str | ConflictStrategy:  # noqa: ANN401 - what a source said
    return value if isinstance(value, str) else as_strategy(value)


def _with_strategies(converter: cattrs.Converter) -> cattrs.Converter:
    own = converter.copy()
    own.register_structure_hook_func(lambda kind: kind == str | ConflictStrategy, _strategy)
    return own


_TYPED: Final = _with_strategies(TYPED)
_FROM_TEXT: Final = _with_strategies(FROM_TEXT)


def checked(cls: type[Any], entries: Entries) -> Entries:
    """
    Return what one source says, each value of its key's type.

    Args:
        cls: The attrs class of all settings.
        entries: What the source says.

    Raises:
        ConfigError: If a key is unknown or its value doesn't fit.
    """
    values = {path: _value(cls, path, given) for path, given in entries.items()}
    return {
        _joined(cls, path): attrs.evolve(given, value=values[path])
        for path, given in entries.items()
    }


def _joined(cls: type[Any], path: KeyPath) -> KeyPath:
    """Return *path*, with what leads into a mapping of texts as one key: there tables are dotted keys."""
    kinds: Any = cls
    for depth, name in enumerate(path, start=1):
        kinds = _keys(kinds)[name].type if attrs.has(kinds) else None
        if kinds is not None and _is_texts(kinds):
            return (*path[:depth], ".".join(path[depth:])) if len(path) > depth else path
    return path


def structured(cls: type[T], entries: Entries) -> T:
    """Return the settings, from entries that were :func:`checked`."""
    return _TYPED.structure(nested({path: given.value for path, given in entries.items()}), cls)


def _value(cls: type[Any], path: KeyPath, given: Given) -> Any:  # noqa: ANN401 - the key's value
    kind = _field(cls, path, 0, given).type
    if _is_tables(kind):
        return _plugin_value(path, given)
    if not attrs.has(kind):
        _no_deeper(path, 1, given)
        return _own_value(cls, path, given)
    if len(path) == 1:
        return _table(path, given)
    if _is_texts(_field(kind, path, 1, given).type):
        return _table(path, given) if len(path) == _TABLE_OF_TEXTS else _text_value(path, given)
    _no_deeper(path, 2, given)
    return _own_value(kind, path, given)


def _own_value(cls: type[Any], path: KeyPath, given: Given) -> Any:  # noqa: ANN401 - the key's value
    converter = _FROM_TEXT if given.is_text else _TYPED
    try:
        # All other keys have defaults, so whatever is wrong is wrong with this one.
        return getattr(converter.structure({path[-1]: given.value}, cls), path[-1])
    except ConfigError as error:
        raise _wrong(path, given, str(error)) from error


def _plugin_value(path: KeyPath, given: Given) -> Any:  # noqa: ANN401 - the key's value
    if len(path) < _PLUGIN_KEY:
        return _table(path, given)
    return literal(given.value) if given.is_text else given.value


def _text_value(path: KeyPath, given: Given) -> str:
    try:
        return text(given.value)
    except ConfigError as error:
        raise _wrong(path, given, str(error)) from error


def _table(path: KeyPath, given: Given) -> Mapping[str, Any]:
    if isinstance(given.value, Mapping):
        return given.value
    advice = f"; set its keys, as in {as_variable((*path, 'key'))}" if given.is_text else ""
    raise _wrong(path, given, f"a table is needed, not {type(given.value).__name__}{advice}")


def _field(cls: type[Any], path: KeyPath, level: int, given: Given) -> Any:  # noqa: ANN401 - an attrs.Attribute
    known = _keys(cls)
    if path[level] in known:
        return known[path[level]]
    above = path[: level + 1]
    if given.is_text:
        right = [as_variable((*path[:level], name)) for name in known]
        raise _wrong(above, given, f"unknown; {suggest(as_variable(above), right)}")
    raise _wrong(above, given, f"unknown; {suggest(path[level], known)}")


def _no_deeper(path: KeyPath, depth: int, given: Given) -> None:
    if len(path) > depth:
        raise _wrong(path[:depth], given, "a single value is needed, not a table")


def _keys(cls: type[Any]) -> dict[str, Any]:
    fields = attrs.fields_dict(attrs.resolve_types(cls))
    return {name: field for name, field in fields.items() if DERIVED not in field.metadata}


def _is_tables(kind: Any) -> bool:  # noqa: ANN401 - a field's type
    return get_origin(kind) is Mapping and not _is_texts(kind)


def _is_texts(kind: Any) -> bool:  # noqa: ANN401 - a field's type
    return bool(kind == Mapping[str, str])


def _wrong(path: KeyPath, given: Given, what: str) -> ConfigError:
    return ConfigError(f"{given.origin}: {'.'.join(path)}: {what}")
