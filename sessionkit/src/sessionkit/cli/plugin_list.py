# SPDX-License-Identifier: Apache-2.0
"""What ``sessionkit plugins`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs
import click

from sessionkit.errors import ConfigError, PluginError, UnavailableError
from sessionkit.plugins.plugins import Plugins
from sessionkit.plugins.registry import STORAGE, InstalledPlugin, unknown_plugin
from sessionkit.settings.settings import Settings, load_settings

_HEADING: Final = ("name", "distribution", "version", "offers")

Offered = Mapping[str, tuple[str, ...]] | PluginError
"""Names by kind, or why they can't be had."""


def print_plugins(plugins: Plugins) -> None:
    """
    Print every plugin, which storage is used because of what, and whether the store that is named can be used.

    Raises:
        ConfigError: If the settings are wrong; the plugins have been printed.
        PluginError: If the settings name what nobody offers.
    """
    found = [(plugin, _offered(plugins, plugin)) for plugin in plugins.installed()]
    for line in _columns([_HEADING, *(_row(plugin, offered) for plugin, offered in found)]):
        click.echo(line)
    settings = load_settings()
    # No code is asked here: what stands in a file or a variable is a name.
    name = str(settings.storage or plugins.choose_storage(settings.storages))
    said = settings.where("storage")
    storages = {one for _, offered in found for one in _names(offered)}
    if name not in storages:
        raise unknown_plugin(STORAGE.word, name, storages, said=said)
    chosen = "it alone has settings" if settings.storages else "no setting names one"
    because = f"set by {said}" if settings.storage else chosen
    click.echo(f"\nstorage: {name} ({because})")
    click.echo(f"settings: {settings.source or 'no file'}")
    used = attrs.evolve(settings, storage=name)  # to choose it again would warn again
    plugins.check_settings(used, hosts=settings.hosts, tables_only=True)
    if settings.storage or settings.storages:
        _open_store(plugins, used)


def _open_store(plugins: Plugins, settings: Settings) -> None:
    """Open the store that settings name, and say whether it can be reached; one that code completes is left alone."""
    name = str(settings.storage or "")
    if name not in settings.storages and not _is_complete(plugins, name):
        click.echo("store: not opened, its settings are not complete; code may give the others")
        return
    try:
        plugins.check_settings(settings, hosts=settings.hosts, tables_only=True, open_store=True)
    except UnavailableError as error:
        click.echo(f"store: can't be reached for now: {error}")
    else:
        click.echo("store: open, and reached")


def _is_complete(plugins: Plugins, name: str) -> bool:
    try:
        plugins.check(STORAGE, name)
    except ConfigError:  # a key that has no default
        return False
    return True


def _offered(plugins: Plugins, plugin: InstalledPlugin) -> Offered:
    try:
        return plugins.offers(plugin.name)
    except PluginError as error:
        return error


def _names(offered: Offered) -> Iterable[str]:
    return () if isinstance(offered, PluginError) else offered.get(STORAGE.word, ())


def _row(plugin: InstalledPlugin, offered: Offered) -> tuple[str, ...]:
    return (plugin.name, plugin.distribution, plugin.version, _described(offered))


def _described(offered: Offered) -> str:
    if isinstance(offered, PluginError):
        return f"nothing: {offered}"
    kinds = (f"{kind} {', '.join(names)}" for kind, names in offered.items())
    return "; ".join(kinds) or "observes events"


def _columns(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
