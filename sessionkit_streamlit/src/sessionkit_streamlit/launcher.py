# SPDX-License-Identifier: Apache-2.0
"""``sessionkit run page.py`` and ``sessionkit demo``: an unchanged script, with our middleware."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final

import click

from sessionkit.errors import ConfigError, NewerFormatError, PluginError, UnavailableError
from sessionkit.settings import load_settings
from sessionkit_streamlit.browser.app import app_options
from sessionkit_streamlit.browser.unchanged import read_names
from sessionkit_streamlit.internals.command import holds_app, load_secrets, run_options


class WrongSettingsError(click.ClickException):
    """Ends the command as a wrong option does, with a message and no traceback."""

    exit_code = 2


_DEFAULT: Final = "streamlit_app.py"
_DOWN: Final = "the store can't be reached for now; sessions are kept in memory until it can"
_DEMO: Final = Path(__file__).parent / "demo" / "app.py"


_RUN_HELP: Final = """
Run a Streamlit script whose sessions are kept. The script stays as it is.

TARGET is the script, or a folder that holds streamlit_app.py. What follows '--' goes to the script.

sessionkit's settings stand in sessionkit.toml beside which you start, in [tool.sessionkit] of pyproject.toml, or
in environment variables such as SESSIONKIT_STORAGE; wrong ones end the command before there is a server, and
'sessionkit plugins' shows which storage is used.

Streamlit's settings stand in .streamlit/config.toml, or in options and variables of their own, as 'streamlit run'
takes them:

\b
  sessionkit run page.py --server.port 8502 --server.address 127.0.0.1
"""
_DEMO_HELP: Final = """
Run the demo: a small issue tracker that survives whatever you do to it.

Takes every option of 'streamlit run', such as --server.port 8502.
"""


def run_command() -> click.Command:
    """Return the command ``run``, which takes every option of ``streamlit run``."""
    target = click.Argument(["target"], default=_DEFAULT, envvar="STREAMLIT_RUN_TARGET")
    rest = click.Argument(["args"], nargs=-1)
    params = [target, rest, *_options()]
    return click.Command("run", callback=_run, params=params, help=_RUN_HELP)


def demo_command() -> click.Command:
    """Return the command ``demo``."""
    return click.Command(
        "demo",
        callback=lambda **options: serve(_DEMO, (), options),
        params=_options(),
        help=_DEMO_HELP,
    )


def _options() -> list[click.Parameter]:
    """Return Streamlit's options, which fill 5,000 lines and are shown only to who asks for them, and how to ask."""
    ask = click.Option(
        ["--help-streamlit"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_options,
        help="Show Streamlit's options and exit.",
    )
    hidden = [copy(option) for option in run_options()]
    for option in hidden:
        if isinstance(option, click.Option):
            option.hidden = True
    return [ask, *hidden]


def _show_options(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - as click calls it
    if asked:
        about = "Streamlit's options, each with its environment variable."
        shown = click.Command(context.command.name, params=run_options(), help=about)
        click.echo(shown.get_help(context))
        context.exit()


def _run(target: str, args: Sequence[str], **options: Any) -> None:  # noqa: ANN401 - any setting
    serve(_script(target), args, options)


def _script(target: str) -> Path:
    path = Path(target)
    path = path / _DEFAULT if path.is_dir() else path
    if path.suffix not in {".py", ".py3"}:
        msg = f"a Python file is needed (page.py) or a folder that holds {_DEFAULT}, not {target!r}"
        raise click.BadParameter(msg)
    if not path.is_file():
        msg = f"there is no file {str(path)!r}"
        raise click.BadParameter(msg)
    if holds_app(path):
        msg = (
            f"{str(path)!r} makes an st.App itself: add **sessionkit_streamlit.app_options() "
            "to it and start it with 'streamlit run'"
        )
        raise click.BadParameter(msg)
    return path.resolve()


def serve(script: Path, args: Sequence[str], options: dict[str, Any]) -> None:
    """
    Serve a script until the process is told to stop.

    Args:
        script: The page's absolute path.
        args: What the script finds behind its own name in ``sys.argv``.
        options: Streamlit's settings by the name that click gives them (``server_port``).

    Raises:
        WrongSettingsError: If sessionkit's own settings are wrong.
    """
    from streamlit import App  # noqa: PLC0415 - loads the web server

    # Streamlit looks for config.toml, secrets.toml and modules beside argv[0].
    sys.argv = [str(script), *args]
    settings = {
        name.replace("_", "."): value
        for name, value in options.items()
        if value is not None and value != ()
    }
    if load_secrets(script, settings):
        _check_settings(script)
    App(script, **app_options()).run(config=settings)


def _check_settings(script: Path) -> None:
    """
    Refuse wrong settings before there is a server that could only show them to whoever opens the page.

    The store is opened, too. One that is down for now stops nothing. A script that calls ``configure``
    may name other plugins than the file does.
    """
    from sessionkit.plugins import Plugins  # noqa: PLC0415 - the command's help needs none of this
    from sessionkit.tokens import load_secret  # noqa: PLC0415 - the same

    try:
        settings, plugins = load_settings(), Plugins()
        read_names(settings)
        if b"configure" not in script.read_bytes():
            plugins.observe(settings.plugins, where=settings.where)
            load_secret(settings.security)
            plugins.check_settings(settings, hosts=["streamlit"], open_store=True)
    except UnavailableError as error:
        click.echo(f"Warning: {_DOWN}: {error}", err=True)
    except (ConfigError, NewerFormatError, PluginError) as error:
        raise WrongSettingsError(str(error)) from error
