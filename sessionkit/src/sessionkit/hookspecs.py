# SPDX-License-Identifier: Apache-2.0
"""
Every hook that a plugin may implement, in order of call.

A plugin is a module named by an entry point::

    [project.entry - points.sessionkit]
    dbm = "sessionkit_dbm.hooks"

The entry point's name is the name that users choose the plugin by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    from sessionkit.conflict import ConflictStrategyFactory
    from sessionkit.events import SessionEvent
    from sessionkit.host import HostFactory
    from sessionkit.serializer import SerializerFactory
    from sessionkit.storage import StorageFactory

NAME: Final = "sessionkit"
"""The pluggy project name and the entry-point group."""

hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)
"""Marks a plugin's hook implementations."""

CommandFactory = Callable[[], Any]
"""Returns a ``click.Command``."""


@hookspec
def sessionkit_commands() -> Mapping[str, CommandFactory]:  # type: ignore[empty-body]
    """
    Offer commands for the command line.

    Called when the command ``sessionkit`` starts.

    Returns:
        Functions by command name; each returns a ``click.Command`` and is
        called only when its command or the help is asked for.
    """


@hookspec
def sessionkit_hosts() -> Mapping[str, HostFactory]:  # type: ignore[empty-body]
    """
    Offer hosts.

    Called when a session is first asked for and a module named like the entry
    point (``streamlit``) has been imported.

    Returns:
        Factories by the framework's import name. A factory is called with the
        keywords of ``[hosts.<name>]``.
    """


@hookspec
def sessionkit_storages() -> Mapping[str, StorageFactory]:  # type: ignore[empty-body]
    """
    Offer storages.

    Called when a storage is first asked for by name.

    Returns:
        Factories by the name that users choose them by. A factory is called
        with the keywords of ``[storages.<name>]``, checked against its
        signature, and returns an open storage. Names are lowercase and unique
        among all installed plugins.
    """


@hookspec
def sessionkit_serializers() -> Mapping[str, SerializerFactory]:  # type: ignore[empty-body]
    """
    Offer serializers.

    Called when a serializer is first asked for by name.

    Returns:
        Factories by name, called with the keywords of ``[serializers.<name>]``.
        The name is stored next to the bytes, so it must never be given to
        another format.
    """


@hookspec
def sessionkit_conflict_strategies() -> Mapping[str, ConflictStrategyFactory]:  # type: ignore[empty-body]
    """
    Offer conflict strategies.

    Called when a strategy is first asked for by name.

    Returns:
        Factories by name, called with the keywords of
        ``[conflict_strategies.<name>]``.
    """


@hookspec
def sessionkit_event(event: SessionEvent) -> None:
    """
    Observe what happened to a session.

    Called after each event, on the thread where it happened: return soon, and
    don't call sessionkit back. An error raised here is logged and changes nothing.

    Args:
        event: One of the classes of :mod:`sessionkit.events`.
    """
