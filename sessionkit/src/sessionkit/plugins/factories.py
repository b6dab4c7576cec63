# SPDX-License-Identifier: Apache-2.0
"""Calls a plugin's factory with its settings table, checked against its signature first."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from inspect import Parameter
from types import SimpleNamespace
from typing import Any, Final, TypeVar, get_type_hints

from sessionkit.errors import ConfigError, PluginError, SessionKitError, suggest
from sessionkit.settings.types import VARIABLE, read_as

T = TypeVar("T")

_NAMED: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def call_factory(
    factory: Callable[..., T],
    table: Mapping[str, Any],
    *,
    section: str,
    plugin: str,
    where: Callable[[str], str],
    **injected: object,
) -> T:
    """
    Return what *factory* makes from a settings table.

    Args:
        factory: What a plugin offers.
        table: The keywords that the settings give.
        section: The table's dotted path, such as ``storages.sqlite``.
        plugin: The plugin and its distribution, for messages.
        where: Says who set a key.
        **injected: Keywords that are not the settings' business.

    Raises:
        ConfigError: If a key is unknown, one that is needed is missing, or a value is of
            another type than the keyword's annotation says.
        PluginError: If the factory fails; its error is the cause.
    """
    keywords = check_table(factory, table, section, where, injected)
    try:
        return factory(**injected, **keywords)
    except ConfigError as error:
        said = where(f"{section}.")
        if not said or str(error).startswith(said):
            raise
        msg = f"{said}: {error}"
        raise ConfigError(msg) from error
    except SessionKitError:
        raise
    except Exception as error:  # a plugin's code, which may raise anything
        msg = f"{plugin}: [{section}] can't be made: {type(error).__name__}: {error}"
        raise PluginError(msg) from error


def check_table(
    factory: Callable[..., object],
    table: Mapping[str, Any],
    section: str,
    where: Callable[[str], str],
    injected: Collection[str] = (),
) -> dict[str, Any]:
    """
    Return the keywords that a factory gets; makes nothing.

    Arguments and errors are those of :func:`call_factory`. A keyword that bears no
    annotation, or one of a type that settings don't have, gets what the table says.
    """
    parameters = _parameters(factory)
    if parameters is None:
        return dict(table)
    _check_keys(parameters, table, section, where, injected)
    annotations = {one.name: one.annotation for one in parameters if one.kind in _NAMED}
    return {
        key: _value(value, _resolved(annotations.get(key, Any), factory), section, key, where)
        for key, value in table.items()
    }


def _value(
    value: object, kind: object, section: str, key: str, where: Callable[[str], str]
) -> object:
    try:
        return read_as(value, kind, is_text=where(f"{section}.{key}").startswith(VARIABLE))
    except ConfigError as error:
        raise _wrong(section, key, where, str(error)) from error


def _resolved(annotation: object, factory: Callable[..., object]) -> object:
    """
    Return the type that an annotation names, or None.

    One by one: what others name, such as the storage that is returned, is often imported for
    type checkers alone.
    """
    source: Any = inspect.unwrap(factory.func if isinstance(factory, partial) else factory)
    if isinstance(source, type):
        source = source.__init__  # type: ignore[misc]  # only its module is looked at
    try:
        names = vars(sys.modules[source.__module__])
        return get_type_hints(SimpleNamespace(__annotations__={"it": annotation}), names)["it"]
    except Exception:  # noqa: BLE001 - a plugin's text, which may raise anything
        return None


def _check_keys(
    parameters: Collection[Parameter],
    table: Mapping[str, Any],
    section: str,
    where: Callable[[str], str],
    injected: Collection[str],
) -> None:
    named = {one.name: one for one in parameters if one.kind in _NAMED}
    right = named.keys() - injected
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
    for key in table:
        if key in injected or (key not in right and not takes_any):
            raise _wrong(section, key, where, f"unknown; {suggest(key, right)}")
    for key in right - table.keys():
        if named[key].default is Parameter.empty:
            raise _wrong(section, key, where, f"missing; it has no default ({_listed(right)})")


def _parameters(factory: Callable[..., object]) -> Collection[Parameter] | None:
    try:
        return inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        # Some callables written in C have no signature: they find wrong keys themselves.
        return None


def _listed(right: Collection[str]) -> str:
    return f"keys: {', '.join(sorted(right))}"


def _wrong(section: str, key: str, where: Callable[[str], str], what: str) -> ConfigError:
    said = where(f"{section}.{key}")
    place = f"{said}: " if said else ""
    return ConfigError(f"{place}[{section}] {key}: {what}")
