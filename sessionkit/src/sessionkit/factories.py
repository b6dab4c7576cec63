# SPDX-License-Identifier: Apache-2.0
"""A plugin's factory is called with its settings table, checked against its signature first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from inspect import Parameter
from typing import Any, Final, TypeVar

from sessionkit.errors import ConfigError, PluginError, SessionKitError
from sessionkit.suggestions import suggest

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
        ConfigError: If a key is unknown, or one that is needed is missing.
        PluginError: If the factory fails; its error is the cause.
    """
    _check_keys(factory, table, section, where, injected)
    try:
        return factory(**injected, **table)
    except SessionKitError:
        raise
    except Exception as error:  # a plugin's code, which may raise anything
        msg = f"{plugin}: [{section}] can't be made: {type(error).__name__}: {error}"
        raise PluginError(msg) from error


def _check_keys(
    factory: Callable[..., object],
    table: Mapping[str, Any],
    section: str,
    where: Callable[[str], str],
    injected: Collection[str],
) -> None:
    parameters = _parameters(factory)
    if parameters is None:
        return
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
