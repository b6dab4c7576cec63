# SPDX-License-Identifier: Apache-2.0
"""``sessionkit run`` and ``sessionkit demo``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from click.testing import CliRunner, Result

from sessionkit_streamlit import launcher
from sessionkit_streamlit.internals.command import run_options


@attrs.define
class Served:
    """What a launched app would have been run with, and whether Streamlit's secrets can be read."""

    script: str | None = None
    argv: list[str] | None = None
    settings: dict[str, Any] | None = None
    options: dict[str, Any] | None = None
    secrets: bool = True


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Stand in for ``st.App``."""
    seen = Served()

    class App:
        def __init__(self, script: Path, **options: Any) -> None:
            seen.script, seen.options = str(script), options

        def run(self, *, config: dict[str, Any]) -> None:
            seen.argv, seen.settings = list(sys.argv), config

    monkeypatch.setattr("streamlit.App", App)
    monkeypatch.setattr(launcher, "load_secrets", lambda *_: seen.secrets)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    return seen


def test_run_takes_streamlits_options_and_the_scripts_arguments(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags and environment variables become settings; what follows ``--`` is the script's."""
    script = tmp_path / "page.py"
    script.write_text("import streamlit as st\n")
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "sub/app")
    flags = ["--server.port", "8600", "--server.headless", "true", "--", "--mine", "x"]
    done = CliRunner().invoke(launcher.run_command(), [str(script), *flags])
    assert 0 == done.exit_code, done.output
    assert str(script) == served.script
    assert [str(script), "--mine", "x"] == served.argv
    assert {
        "server.port": 8600,
        "server.headless": True,
        "server.baseUrlPath": "sub/app",
    } == served.settings
    assert served.options is not None
    assert {"middleware", "routes", "lifespan"} == set(served.options)


def test_run_takes_a_folder(served: Served, tmp_path: Path) -> None:
    """As ``streamlit run`` does, it looks for ``streamlit_app.py`` there."""
    (tmp_path / "streamlit_app.py").write_text("")
    assert 0 == CliRunner().invoke(launcher.run_command(), [str(tmp_path)]).exit_code
    assert str(tmp_path / "streamlit_app.py") == served.script


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("page.txt", "", "a Python file is needed"),
        ("missing.py", None, "there is no file"),
        ("asgi.py", "import streamlit as st\napp = st.App('page.py')\n", "makes an st.App itself"),
    ],
)
@pytest.mark.usefixtures("served")
def test_run_says_what_is_wrong_with_its_target(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    """The message names the file and what would be right."""
    script = tmp_path / name
    if text is not None:
        script.write_text(text)
    done = CliRunner().invoke(launcher.run_command(), [str(script)])
    assert 2 == done.exit_code
    assert said in done.output


def test_run_refuses_secrets_on_the_command_line(served: Served, tmp_path: Path) -> None:
    """Streamlit's own rule for sensitive settings holds."""
    (tmp_path / "page.py").write_text("")
    flags = ["--server.cookieSecret", "x"]
    done = CliRunner().invoke(launcher.run_command(), [str(tmp_path / "page.py"), *flags])
    assert 0 != done.exit_code
    assert served.settings is None


def test_demo_runs_the_packaged_app(served: Served) -> None:
    """It takes Streamlit's options, too."""
    done = CliRunner().invoke(launcher.demo_command(), ["--server.port", "8601"])
    assert 0 == done.exit_code, done.output
    assert served.script is not None
    assert Path(served.script).is_file()
    assert {"server.port": 8601} == served.settings


@pytest.mark.parametrize("command", [launcher.run_command, launcher.demo_command])
def test_help_is_ours_and_streamlits_options_are_behind_a_word(
    command: Callable[[], click.Command],
) -> None:
    """A screenful says what the command does; all of Streamlit's options are shown to who asks for them."""
    ours = CliRunner().invoke(command(), ["--help"])
    assert 0 == ours.exit_code
    assert len(ours.output.splitlines()) < 40
    assert "--help-streamlit" in ours.output
    assert "--browser.gatherUsageStats" not in ours.output

    all_of_them = CliRunner().invoke(command(), ["--help-streamlit"])
    assert 0 == all_of_them.exit_code
    shown = [one for one in run_options() if isinstance(one, click.Option) and not one.hidden]
    assert len(shown) > 100
    assert all(word in all_of_them.output for one in shown for word in one.opts)


# -- wrong settings --------------------------------------------------------------


@pytest.fixture
def launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Give what runs a page over the text of a ``sessionkit.toml``."""
    monkeypatch.chdir(tmp_path)

    def launch(settings: str, page: str = "") -> Result:
        (tmp_path / "sessionkit.toml").write_text(settings)
        (tmp_path / "page.py").write_text(page)
        return CliRunner().invoke(launcher.run_command(), ["page.py"])

    return launch


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("storage = \n", "not TOML: Invalid value (at line 1, column 11)"),
        ('storag = "sqlite"', "storag: unknown; did you mean 'storage'?"),
        ("persistence.debounce_ms = true", "debounce_ms: a whole number is needed, not bool"),
        ('storage = "sqlitee"', "offers a storage named 'sqlitee'; did you mean 'sqlite'?"),
        ('serializer = "msgpak"', "offers a serializer named 'msgpak'; did you mean 'msgpack'?"),
        ('conflict_strategy = "merg"', "offers a conflict strategy named 'merg'"),
        ('plugins = ["mine"]', "'mine'"),
        ("storages.sqlite.urll = 1", "[storages.sqlite] urll: unknown; did you mean 'url'?"),
        ("hosts.streamlit.resink = true", "[hosts.streamlit] resink: unknown; did you mean"),
        ('storages.sqlite.busy_timeout_ms = "5s"', "busy_timeout_ms: a whole number is needed"),
        ('hosts.streamlit.resync = "yes"', "resync: true or false is needed, not str 'yes'"),
        ('conflict.fields.theme = "nope"', "nope"),
        ('security.secret_key = "env:NO_SUCH"', "variable NO_SUCH is not set"),
    ],
)
def test_wrong_settings_start_no_server(
    served: Served, launched: Callable[..., Result], settings: str, said: str
) -> None:
    """The command says where, what and what would be right, in one paragraph."""
    done = launched(settings)
    assert 2 == done.exit_code
    assert said in done.output
    assert "sessionkit.toml" in done.output
    assert 1 == len(done.output.strip().splitlines())
    assert served.script is None


def test_wrong_settings_start_no_demo(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store has a switch of its own, and is the one that the settings name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sessionkit.toml").write_text('storage = "sqlitee"')
    done = CliRunner().invoke(launcher.demo_command(), [])
    assert 2 == done.exit_code
    assert "did you mean 'sqlite'?" in done.output
    assert served.script is None


@pytest.mark.parametrize(
    "settings", ['storage = "mine"', "storages.sqlite.a = 1\nstorages.sql.b = 1"]
)
def test_a_page_that_configures_itself_may_choose_other_plugins(
    served: Served, launched: Callable[..., Result], settings: str
) -> None:
    """What the settings name counts only where the page says nothing else."""
    assert 2 == launched(settings).exit_code
    page = "import sessionkit\nsessionkit.configure(storage='memory')\n"
    done = launched(settings, page)
    assert 0 == done.exit_code, done.output
    assert served.script is not None


def test_where_streamlits_secrets_can_not_be_read_the_page_says_what_is_wrong(
    served: Served, launched: Callable[..., Result]
) -> None:
    """They may say what the settings lack."""
    served.secrets = False
    assert 0 == launched('security.secret_key = "env:NO_SUCH"').exit_code


def test_streamlits_secrets_count(tmp_path: Path) -> None:
    """They are read as Streamlit reads them, before the settings are."""
    (tmp_path / "page.py").write_text("")
    (tmp_path / "said.toml").write_text('SAID = "a secret that is long enough"\n')
    code = (
        "import os, pathlib; from sessionkit_streamlit.internals.command import load_secrets;"
        "assert load_secrets(pathlib.Path('page.py').resolve(), {'secrets.files': ['said.toml']});"
        "print(os.environ['SAID'])"
    )
    done = subprocess.run(  # noqa: S603 - our own text, no shell
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "a secret that is long enough" == done.stdout.strip()
