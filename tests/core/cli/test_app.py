# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from sessionkit import cli
from sessionkit.api import bootstrap_session, save_session
from sessionkit.manager.manager import SessionManager
from sessionkit.settings import load_settings

Install = Callable[..., None]
Run = Callable[..., Result]
COMMANDS = """\
def _greet():
    import click

    @click.command("greet")
    @click.argument("name")
    def greet(name):
        '''Greet someone.'''
        click.echo(f"hello {name}")

    return greet

@hookimpl
def sessionkit_commands():
    return {offers}
"""


def _install_command(install: Install, offers: str = "{'greet': _greet}") -> None:
    install(
        "x-greet", {"greet": "greet_hooks"}, {"greet_hooks": COMMANDS.replace("{offers}", offers)}
    )


def test_the_console_script_runs(bare: Path) -> None:
    """The script that installers make is there and knows its version."""
    script = Path(sys.executable).with_name("sessionkit")

    done = subprocess.run(  # noqa: S603 - our own script
        [script, "--version"], capture_output=True, text=True, cwd=bare, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("sessionkit, version 0.")


def test_without_click_what_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and exit code 2."""
    monkeypatch.setitem(sys.modules, "click", None)
    for name in [name for name in sys.modules if name.startswith("sessionkit.cli.")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(SystemExit) as caught:
        cli.main()

    assert 2 == caught.value.code
    assert "pip install click" in capsys.readouterr().err


def test_another_module_that_is_missing_is_no_missing_click(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broken installation is not mistaken for a missing extra."""
    monkeypatch.setitem(sys.modules, "sessionkit.cli.app", None)

    with pytest.raises(ModuleNotFoundError, match=r"sessionkit\.cli\.app"):
        cli.main()


def test_help_lists_all_commands(run: Run, install: Install) -> None:
    """This package's own, and those of plugins with the first line of their help."""
    _install_command(install)

    output = run("--help").output

    for line in (
        "cleanup     Remove expired",
        "greet       Greet someone.",
        "new-plugin  Write the",
    ):
        assert line in output


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    """As everywhere in click."""
    result = run("clean")

    assert 2 == result.exit_code
    assert "No such command 'clean'" in result.stderr


# -- commands of plugins ---------------------------------------------------------------


def test_a_plugins_command_is_run(run: Run, install: Install) -> None:
    """With its arguments."""
    _install_command(install)

    assert (0, "hello you\n") == ((result := run("greet", "you")).exit_code, result.output)


def test_own_commands_need_no_plugin(run: Run, install: Install) -> None:
    """A plugin that can't be imported isn't even tried."""
    install("x-broken", {"broken": "broken_hooks"}, {"broken_hooks": "raise SystemExit(9)"})

    assert 0 == run("cleanup", "--help").exit_code


@pytest.mark.parametrize("name", ["run", "demo"])
def test_a_command_of_a_missing_plugin_says_what_to_install(run: Run, name: str) -> None:
    """Even with further arguments."""
    result = run(name, "page.py", "--server.port", "1")

    assert 2 == result.exit_code
    assert f"command '{name}' comes with the distribution sessionkit-streamlit" in result.stderr


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ("{'bad': lambda: 1 / 0}", "command 'bad' can't be loaded: ZeroDivisionError"),
        ("{'bad': lambda: 3}", "command 'bad' is a int, not a click.Command"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_told(
    run: Run, install: Install, offers: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a traceback to who runs it; the help leaves it out and a log line says why."""
    _install_command(install, offers)

    asked, helped = run("bad"), run("--help")

    assert (1, True) == (asked.exit_code, asked.stderr.startswith(f"Error: {reason}"))
    assert 0 == helped.exit_code
    assert "bad" not in helped.stdout
    assert reason in caplog.text


def test_a_command_that_two_plugins_offer_is_told(run: Run, install: Install) -> None:
    """Both are named."""
    _install_command(install)
    source = COMMANDS.replace("{offers}", "{'greet': _greet}")
    install("x-again", {"again": "again_hooks"}, {"again_hooks": source})

    result = run("greet", "you")

    assert 1 == result.exit_code
    assert "command 'greet' is offered by" in result.stderr
    assert "x-again" in result.stderr


# -- sessionkit cleanup ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "removed 0 sessions\n"),
        (("--max-age-hours", "4"), "removed 0 sessions\n"),
        (("--max-age-hours", "2.5"), "removed 1 session\n"),
    ],
)
def test_cleanup_removes_what_was_not_used_for_so_long(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    """A session that was last used three hours ago, and expires after a day."""
    with SessionManager(load_settings(storage="memory")):
        session = bootstrap_session()
        session.last_activity -= timedelta(hours=3)
        save_session(session, immediate=True)

        result = run("cleanup", *arguments)

    assert (0, said) == (result.exit_code, result.stdout)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "soon"])
def test_an_age_is_a_number_of_hours_above_zero(run: Run, hours: str) -> None:
    """Anything else would remove too much, or nothing."""
    result = run("cleanup", f"--max-age-hours={hours}")

    assert 2 == result.exit_code
    assert "Invalid value for '--max-age-hours'" in result.stderr
