# SPDX-License-Identifier: Apache-2.0
"""Settings with which nothing could be kept are an error where the app starts; a store that is down is none."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from errno import ENOSPC
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager
from sessionkit.cli.app import make_cli
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import ConfigError, PluginError, UnavailableError
from sessionkit.manager import default_manager
from sessionkit.plugins import Plugins
from sessionkit.settings import check_journal_folder, load_settings
from sessionkit_streamlit import launcher

PASSWORD: Final = "canary-password"  # noqa: S105 - of no server
DOWN: Final = f'storage = "redis"\nstorages.redis.url = "redis://me:{PASSWORD}@localhost:1/0"\n'
WRONG: Final = {
    "unknown": ('storage = "reddis"', "no installed plugin offers a storage named 'reddis'; did"),
    "table": ("storages.sqlite.urll = 'x'", "[storages.sqlite] urll: unknown; did you mean 'url'?"),
    "scheme": (
        f'storage = "redis"\nstorages.redis.url = "reddis://me:{PASSWORD}@h"',
        "[storages.redis]",
    ),
    "url": (
        f'storage = "sqlite"\nstorages.sqlite.url = "me:{PASSWORD}@h"',
        "one would be 'sqlite:///folder/sessions.db'",
    ),
    "driver": (
        f'storage = "sql"\nstorages.sql.url = "oracle+oracledb://me:{PASSWORD}@h/db"',
        "install oracledb",
    ),
    "folder": (
        'storage = "sqlite"\nstorages.sqlite.url = "sqlite:///sessionkit.toml/sessions.db"',
        "a file is where a folder is needed",
    ),
    "rights": (
        'storage = "sqlite"\nstorages.sqlite.url = "sqlite:///file:there.db?mode=ro&uri=true"',
        "readonly database",
    ),
    "journal": (
        "persistence.journal = 'sessionkit.toml/journal'",
        "sessionkit.toml/journal can't be written: Not a directory",
    ),
}

SCRIPT: Final = (
    "from sessionkit import bootstrap_session\nbootstrap_session().inputs['name'] = 'Ada'\n"
)

Write = Callable[[str], Path]


@pytest.fixture(name="write")
def _write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the settings of an app, in its folder, which holds a database, too; end what it started."""
    monkeypatch.chdir(tmp_path)
    there = load_settings(storage="sqlite", storages={"sqlite": {"url": "sqlite:///there.db"}})
    Plugins().open_storage(there).close()
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)

    def write(settings: str) -> Path:
        path = tmp_path / "sessionkit.toml"
        path.write_text(f"{settings}\n", encoding="utf-8")
        return path

    yield write
    if default_manager._DEFAULT.manager is not None:
        default_manager._DEFAULT.manager.persistence.close(timeout=0)
        default_manager._DEFAULT.manager.close()


@pytest.fixture(name="served")
def _served(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for ``st.App``; return the scripts that it has served."""
    served: list[Path] = []

    class App:
        def __init__(self, script: Path, **_: Any) -> None:
            self.script = script

        def run(self, **_: Any) -> None:
            served.append(self.script)

    monkeypatch.setattr("streamlit.App", App)
    monkeypatch.setattr(launcher, "load_secrets", lambda *_: True)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    return served


def launch(folder: Path) -> Result:
    """Run ``sessionkit run``."""
    (folder / "page.py").write_text(SCRIPT)
    return CliRunner().invoke(launcher.run_command(), [str(folder / "page.py")])


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script that keeps something, and ends at once."""
    return subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )


def assert_told(said: str, output: str, path: Path) -> None:
    """Assert that a message says where and what, and no password."""
    assert said in output
    assert str(path) in output
    assert PASSWORD not in output


@pytest.mark.parametrize("name", WRONG)
def test_a_script_ends_with_the_error(write: Write, name: str) -> None:
    """Else it would end well, with nothing stored."""
    text, said = WRONG[name]
    path = write(text)
    done = run_script(path.parent)
    assert 0 != done.returncode
    error = done.stderr.strip().splitlines()[-1]
    assert "sessionkit.errors." in error
    assert_told(said, error, path)


@pytest.mark.parametrize("name", WRONG)
def test_sessionkit_plugins_ends_with_it(write: Write, name: str) -> None:
    """After its list."""
    text, said = WRONG[name]
    path = write(text)
    done = CliRunner().invoke(make_cli(), ["plugins"])
    assert 1 == done.exit_code, done.output
    assert_told(said, done.stderr, path)


@pytest.mark.parametrize("name", WRONG)
def test_sessionkit_run_starts_no_server(write: Write, served: list[Path], name: str) -> None:
    """It would only show the error to whoever opens the page."""
    text, said = WRONG[name]
    path = write(text)
    done = launch(path.parent)
    assert 2 == done.exit_code, done.output
    assert [] == served
    assert_told(said, done.output, path)


@pytest.mark.parametrize("name", [*WRONG, "key"])
def test_a_page_says_it_in_words_and_the_log_why(
    write: Write, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """From the first visit on: visitors are told nothing of the server, by no cause either."""
    text, said = WRONG.get(name, ("storag = 'sqlite'", "storag: unknown; did you mean 'storage'?"))
    path = write(text)
    page = AppTest.from_string(SCRIPT, default_timeout=30).run()
    for shown in (page.exception[0], page.run().exception[0]):
        assert "this app is not set up right" in shown.message
        everything = f"{shown.message} {shown.stack_trace}"
        assert said not in everything
        assert str(path) not in everything
    assert_told(said, caplog.text, path)


def test_what_a_page_gives_to_configure_is_refused_in_words_too(write: Write) -> None:
    """The file may be wrong."""
    path = write("storag = 'sqlite'")
    script = "from sessionkit import configure\nconfigure(storage='memory')"
    page = AppTest.from_string(script, default_timeout=30).run()
    assert "this app is not set up right" in page.exception[0].message
    assert str(path) not in f"{page.exception[0].stack_trace}"


# -- a store that is down for now ----------------------------------------------


def test_a_store_that_is_down_stops_no_server(write: Write, served: list[Path]) -> None:
    """It says so."""
    path = write(DOWN)
    done = launch(path.parent)
    assert 0 == done.exit_code, done.output
    assert 1 == len(served)
    assert "Warning: the store can't be reached for now" in done.output
    assert PASSWORD not in done.output


def test_a_store_that_is_down_is_named_by_sessionkit_plugins(write: Write) -> None:
    """It is no mistake of the settings."""
    write(DOWN)
    done = CliRunner().invoke(make_cli(), ["plugins"])
    assert 0 == done.exit_code, done.output
    assert "store: can't be reached for now" in done.output
    assert PASSWORD not in done.output


def test_a_page_works_while_the_store_is_down(write: Write) -> None:
    """Its sessions are provisional."""
    write(DOWN)
    assert not AppTest.from_string(SCRIPT, default_timeout=30).run().exception


def test_a_script_whose_store_is_down_says_at_its_end_that_nothing_was_stored(write: Write) -> None:
    """The log has it, as an error."""
    path = write(f"{DOWN}persistence.exit_timeout_ms = 10\n")
    done = run_script(path.parent)
    assert "closed with unsaved changes of 1 session" in done.stderr
    assert PASSWORD not in done.stderr


def test_a_store_that_works_is_named_by_sessionkit_plugins(write: Write) -> None:
    """It was opened."""
    write('storage = "sqlite"\nstorages.sqlite.url = "sqlite:///there.db"')
    done = CliRunner().invoke(make_cli(), ["plugins"])
    assert done.output.endswith("store: open, and reached\n")


def test_sessionkit_plugins_makes_nothing_that_no_setting_names(
    tmp_path: Path, write: Write
) -> None:
    """It is asked in any folder."""
    write("")
    before = set(tmp_path.iterdir())
    assert 0 == CliRunner().invoke(make_cli(), ["plugins"]).exit_code
    assert before == set(tmp_path.iterdir())


# -- the check itself ----------------------------------------------------------


class Odd(MemoryStorage):
    """A storage that may fail when it is tried; counts how often it is."""

    def __init__(self, error: Exception | None = None) -> None:
        """Take what is raised."""
        super().__init__()
        self.error = error
        self.tried = self.closed = 0

    def touch(self, *args: Any, **keywords: Any) -> bool:
        """Touch, or fail."""
        self.tried += 1
        if self.error is not None:
            raise self.error
        return super().touch(*args, **keywords)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class OddPlugins(Plugins):
    """Opens an odd storage."""

    def __init__(self, store: Odd) -> None:
        """Take it."""
        super().__init__()
        self.store = store

    def storage(self, *_: object, **__: object) -> Odd:
        """Return it."""
        return self.store


def test_a_process_tries_its_store_once() -> None:
    """A rerun costs nothing for it."""
    store = Odd()
    with SessionManager(load_settings(storage="memory"), plugins=OddPlugins(store)) as manager:
        for _ in range(3):
            manager.bootstrap()
        assert 1 == store.tried


def test_a_store_that_was_down_is_not_tried_again_by_the_check() -> None:
    """Each rerun would wait for it."""
    store = Odd(UnavailableError("down"))
    with SessionManager(load_settings(storage="memory"), plugins=OddPlugins(store)) as manager:
        for _ in range(3):
            manager.bootstrap()
        assert 1 == store.tried


def test_what_is_tried_and_refused_is_closed() -> None:
    """A plugin's own bug is named as one."""
    store = Odd(ValueError("a bug"))
    with pytest.raises(PluginError, match=r"\[storages.memory\] can't be used: ValueError: a bug"):
        OddPlugins(store).check_settings(load_settings(storage="memory"), open_store=True)
    assert 1 == store.closed


def test_a_check_waits_for_no_store_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver may."""
    monkeypatch.setattr("sessionkit.plugins.plugins._PATIENCE", 0.01)
    store = Odd()
    stuck = Event()
    monkeypatch.setattr(store, "touch", lambda *_, **__: stuck.wait())
    with pytest.raises(UnavailableError, match="no answer within"):
        OddPlugins(store).check_settings(load_settings(storage="memory"), open_store=True)
    stuck.set()


def test_a_journal_whose_disk_is_full_stops_no_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no mistake of the settings, and passes."""

    class Full:
        def __init__(self, **_: object) -> None:
            raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("sessionkit.settings.settings.TemporaryFile", Full)
    settings = load_settings(storage="memory", persistence={"journal": tmp_path / "journal"})
    with SessionManager(settings) as manager:
        manager.bootstrap()


def test_the_check_leaves_nothing_in_the_journals_folder(tmp_path: Path) -> None:
    """It is 0700."""
    folder = tmp_path / "deep" / "journal"
    check_journal_folder(load_settings(persistence={"journal": folder}))
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert [] == list(folder.iterdir())


def test_what_is_wrong_is_an_error_each_time(write: Write) -> None:
    """Until it is mended, which needs no restart where it is the folder's fault."""
    path = write(WRONG["folder"][0].replace("sessionkit.toml/", "wrong/"))
    (path.parent / "wrong").write_text("a file")
    with SessionManager() as manager:
        for _ in range(2):
            with pytest.raises(ConfigError, match="a file is where a folder is needed"):
                manager.bootstrap()
        (path.parent / "wrong").unlink()
        assert manager.bootstrap() is manager.bootstrap()
