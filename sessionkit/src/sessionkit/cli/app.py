# SPDX-License-Identifier: Apache-2.0
"""The group of commands: this package's own, and those of plugins, loaded by need."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from sessionkit.cli.new_plugin import new_plugin_command
from sessionkit.cli.plugin_list import print_plugins
from sessionkit.errors import PluginError, SessionKitError
from sessionkit.plugins.plugins import Plugins
from sessionkit.plugins.registry import CORE, install_hint
from sessionkit.settings.types import length_of

if TYPE_CHECKING:
    from sessionkit.hookspecs import CommandFactory

_LOG: Final = logging.getLogger("sessionkit")
_BROUGHT_BY: Final = {"run": "sessionkit-streamlit", "demo": "sessionkit-streamlit"}


class SessionKitGroup(click.Group):
    """Commands of this package and of plugins; what sessionkit raises becomes a message."""

    def __init__(self, plugins: Plugins, **keywords: Any) -> None:  # noqa: ANN401 - the parent's
        """Take what is installed."""
        super().__init__(**keywords)
        self._plugins = plugins
        self._offered: Mapping[str, CommandFactory] | None = None

    def main(self, *args: Any, **keywords: Any) -> Any:  # noqa: ANN401 - the parent's
        """Run; an error of sessionkit is printed without a traceback, with exit code 1."""
        try:
            return super().main(*args, **keywords)
        except SessionKitError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands that can be loaded; why one can't is logged."""
        names = set(super().list_commands(ctx))
        for name in self._factories().keys() - names:
            try:
                self._loaded(name)
            except PluginError as error:
                _LOG.warning("%s", error)
            else:
                names.add(name)
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; for one that a missing plugin would bring, say which."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        if cmd_name in self._factories():
            return self._loaded(cmd_name)
        if cmd_name in _BROUGHT_BY:
            _refuse_missing(cmd_name)
        return None

    def _factories(self) -> Mapping[str, CommandFactory]:
        if self._offered is None:
            self._offered = self._plugins.commands()
        return self._offered

    def _loaded(self, name: str) -> click.Command:
        try:
            command = self._factories()[name]()
        except SessionKitError:
            raise
        except Exception as error:  # a plugin's code, which may raise anything
            msg = f"command {name!r} can't be loaded: {type(error).__name__}: {error}"
            raise PluginError(msg) from error
        if not isinstance(command, click.Command):
            msg = f"command {name!r} is a {type(command).__name__}, not a click.Command"
            raise PluginError(msg)
        return command


def make_cli(plugins: Plugins | None = None) -> SessionKitGroup:
    """
    Return the command ``sessionkit``.

    Args:
        plugins: What is installed; found when it is first needed.
    """
    found = Plugins() if plugins is None else plugins
    cli = SessionKitGroup(found, name="sessionkit", help="Sessions that survive.")
    cli = click.version_option(package_name=CORE, prog_name="sessionkit")(cli)
    cli.add_command(_plugins_command(found))
    cli.add_command(new_plugin_command(found))
    cli.add_command(_cleanup)
    return cli


def _plugins_command(plugins: Plugins) -> click.Command:
    @click.command("plugins")
    def list_plugins() -> None:
        """Show what is installed, what it offers and which storage is used."""
        print_plugins(plugins)

    return list_plugins


def _an_age(_: click.Context, __: click.Parameter, hours: float | None) -> float | None:
    try:
        if hours is not None:
            length_of(hours, "hours", "it")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return hours


@click.command("cleanup")
@click.option(
    "--max-age-hours",
    type=float,
    callback=_an_age,
    help="Remove sessions that were not used for so long, too; above 0.",
)
def _cleanup(max_age_hours: float | None) -> None:
    """Remove expired sessions from the store."""
    from sessionkit.api import cleanup_expired_sessions  # noqa: PLC0415 - the rest needs no manager

    removed = cleanup_expired_sessions(max_age_hours)
    click.echo(f"removed {removed} session{'' if removed == 1 else 's'}")


def _refuse_missing(name: str) -> NoReturn:
    brought_by = _BROUGHT_BY[name]
    msg = f"command {name!r} comes with the distribution {brought_by}: {install_hint(brought_by)}"
    raise click.UsageError(msg)
