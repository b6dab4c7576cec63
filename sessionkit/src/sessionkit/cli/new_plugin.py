# SPDX-License-Identifier: Apache-2.0
"""The command ``sessionkit new-plugin``."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

import click

from sessionkit.cli.scaffold import PLUGIN_KINDS, NewPlugin, PluginKind, write_plugin
from sessionkit.errors import PluginError
from sessionkit.plugins.plugins import Plugins
from sessionkit.plugins.registry import InstalledPlugin, core

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST: Final = 40
_OURS: Final = frozenset({"core", "redis", "sqlite", "streamlit"})


def new_plugin_command(plugins: Plugins) -> click.Command:
    """
    Return the command.

    Args:
        plugins: What is installed; whose names are taken.
    """

    @click.command("new-plugin")
    @click.argument("kind", type=click.Choice(sorted(PLUGIN_KINDS)))
    @click.argument("name")
    @click.option(
        "--folder",
        type=click.Path(path_type=Path),
        help="Where to write it; sessionkit-NAME where you are, unless given.",
    )
    def new_plugin(kind: str, name: str, folder: Path | None) -> None:
        """
        Write the distribution of a plugin called NAME.

        It installs, is found and passes its tests as it is: begin by changing what it does.
        """
        plugin = NewPlugin(PLUGIN_KINDS[kind], name, core().version)
        _check(plugins, plugin)
        _write(plugin, Path(plugin.distribution) if folder is None else folder)

    return new_plugin


def _write(plugin: NewPlugin, folder: Path) -> None:
    try:
        written = write_plugin(plugin, folder)
    except FileExistsError as error:
        msg = f"{error.filename} exists already; remove it, or name another one by --folder"
        raise click.ClickException(msg) from error
    except OSError as error:
        msg = f"{folder} can't be written: {error}"
        raise click.ClickException(msg) from error
    for file in written:
        click.echo(f"wrote {file}")
    click.echo(f'\nnext: pip install -e "{folder}[tests]", then pytest in {folder}')


def _check(plugins: Plugins, plugin: NewPlugin) -> None:
    """Refuse a name that a new plugin can't bear."""
    name = plugin.name
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        _refuse(
            f"{name!r} can't be a name; take lower-case letters and digits, beginning with a "
            f"letter, with single - or _ between them, {_LONGEST} characters at most"
        )
    if name in _OURS:
        _refuse(f"{plugin.distribution} is a distribution of sessionkit itself; take another name")
    for installed in plugins.installed():
        if name == installed.name or name in _offered(plugins, plugin.kind, installed):
            _refuse(f"{name!r} is taken by {installed}; take another name")
    if find_spec(plugin.package) is not None:
        _refuse(f"there is a package {plugin.package!r} already; take another name")


def _offered(plugins: Plugins, kind: PluginKind, installed: InstalledPlugin) -> tuple[str, ...]:
    try:
        return plugins.offers(installed.name).get(kind.kind.word, ())
    except PluginError:
        return ()  # what can't be loaded offers nothing; its own name is taken all the same


def _refuse(reason: str) -> NoReturn:
    raise click.BadParameter(reason, param_hint="NAME")
