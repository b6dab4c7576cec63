# SPDX-License-Identifier: Apache-2.0
"""What plugins offer: the kinds, and how one offer is picked by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from sessionkit.errors import ConfigError, DuplicatePluginError, UnknownPluginError
from sessionkit.plugins.entry_points import InstalledPlugin
from sessionkit.plugins.factories import call_factory, check_table
from sessionkit.settings.suggestions import suggest

MEMORY: Final = "memory"
PREFERRED: Final = "sqlite"

_LOG: Final = logging.getLogger("sessionkit")
_IN_MEMORY: Final = (
    "no storage is installed: sessions are kept in memory and end with this process; "
    "install sessionkit-sqlite, or set storage = %r to say that this is meant"
)
_BROUGHT_BY: Final = {
    "redis": "sessionkit-redis",
    "sql": "sessionkit-sqlite",
    "sqlite": "sessionkit-sqlite",
    "streamlit": "sessionkit-streamlit",
}

Factories = Mapping[str, Callable[..., Any]]


@attrs.frozen
class Kind:
    """
    A kind of thing that plugins offer.

    Attributes:
        word: What messages call it.
        hook: The hook that offers it.
        setting: The key that names one.
        section: The settings' tables for its factories.
    """

    word: str
    hook: str
    setting: str
    section: str


STORAGE: Final = Kind("storage", "sessionkit_storages", "storage", "storages")
SERIALIZER: Final = Kind("serializer", "sessionkit_serializers", "serializer", "serializers")
STRATEGY: Final = Kind(
    "conflict strategy",
    "sessionkit_conflict_strategies",
    "conflict_strategy",
    "conflict_strategies",
)
HOST: Final = Kind("host", "sessionkit_hosts", "hosts", "hosts")
COMMAND: Final = Kind("command", "sessionkit_commands", "commands", "commands")
KINDS: Final = (STORAGE, SERIALIZER, STRATEGY, HOST, COMMAND)


@attrs.frozen
class Offer:
    """
    What one plugin offers of one kind.

    Attributes:
        plugin: The plugin.
        factories: Its factories by name.
    """

    plugin: InstalledPlugin
    factories: Factories

    def make(
        self,
        kind: Kind,
        name: str,
        table: Mapping[str, Any],
        where: Callable[[str], str],
        **injected: object,
    ) -> Any:  # noqa: ANN401 - whatever the plugin makes
        """Call the factory called *name*; see :func:`~sessionkit.plugins.factories.call_factory`."""
        return call_factory(
            self.factories[name],
            table,
            section=f"{kind.section}.{name}",
            plugin=str(self.plugin),
            where=where,
            **injected,
        )

    def check(
        self,
        kind: Kind,
        name: str,
        table: Mapping[str, Any],
        where: Callable[[str], str],
        injected: Collection[str],
    ) -> None:
        """Refuse what the factory called *name* would not take; see :func:`~sessionkit.plugins.factories.check_table`."""
        check_table(self.factories[name], table, f"{kind.section}.{name}", where, injected)


def offering(name: str, offers: Sequence[Offer]) -> list[Offer]:
    """Return those of *offers* that bear *name*."""
    return [offer for offer in offers if name in offer.factories]


def pick(kind: Kind, name: str, offers: Sequence[Offer]) -> Offer:
    """
    Return the one offer that bears *name*; there is one at least.

    Raises:
        DuplicatePluginError: If several plugins offer it; the message names them.
    """
    first, *more = offering(name, offers)
    if more:
        owners = " and ".join(str(offer.plugin) for offer in (first, *more))
        msg = f"{kind.word} {name!r} is offered by {owners}; uninstall all but one"
        raise DuplicatePluginError(msg)
    return first


def unknown(
    word: str,
    name: str,
    available: Collection[str],
    *,
    said: str = "",
    broken: Collection[str] = (),
) -> UnknownPluginError:
    """
    Return the error about a name that no plugin offers.

    Args:
        word: What was asked for.
        name: Its name.
        available: The names that are offered.
        said: Who asked: a file, an environment variable; empty when not known.
        broken: Why other plugins could not be loaded.
    """
    place = f"{said}: " if said else ""
    what = f"{place}no installed plugin offers a {word} named {name!r}; "
    if brought_by := _BROUGHT_BY.get(name.casefold()):
        what += f"the distribution {brought_by} brings it: install that; "
    what += suggest(name, available, what="available")
    return UnknownPluginError("; ".join([what, *(f"not loaded: {reason}" for reason in broken)]))


def the_only_storage(names: Collection[str]) -> str:
    """
    Return the storage to use where none is named, of those that are installed.

    Raises:
        ConfigError: If there are several, none of them ``sqlite``.
    """
    if PREFERRED in names:
        return PREFERRED
    _refuse_several(names, "are installed")
    if not names:
        _LOG.warning(_IN_MEMORY, MEMORY)
    return next(iter(names), MEMORY)


def the_only_table(names: Collection[str]) -> str:
    """
    Return the storage to use where none is named, of those that have settings.

    Raises:
        ConfigError: If there are several.
    """
    _refuse_several(names, "have settings")
    return next(iter(names))


def _refuse_several(names: Collection[str], why: str) -> None:
    if len(names) > 1:
        msg = (
            f"several storages {why} ({', '.join(sorted(names))}) and none is named; set "
            'storage = "..." in sessionkit.toml, or environment variable SESSIONKIT_STORAGE'
        )
        raise ConfigError(msg)
