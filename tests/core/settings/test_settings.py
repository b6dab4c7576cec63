# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sessionkit.errors import ConfigError
from sessionkit.settings import Settings, load_settings
from sessionkit.settings.settings import (
    ExpirySettings,
    LimitSettings,
    PersistenceSettings,
    SecuritySettings,
)

SECRET = "a secret that is long enough"  # noqa: S105 - signs nothing


@pytest.fixture(autouse=True)
def _alone(bare: Path) -> None:
    """Every test begins without file and variables."""
    assert [] == list(bare.iterdir())


def test_without_anything_the_defaults_hold() -> None:
    """No file, no variable, no code: every default, and no source."""
    loaded = load_settings()

    assert Settings() == loaded
    assert loaded.source is None
    assert loaded.storage is None
    assert ("msgpack", "merge", ()) == (loaded.serializer, loaded.conflict_strategy, loaded.plugins)
    assert (
        PersistenceSettings(debounce_ms=500, max_wait_ms=5000, batch_size=100) == loaded.persistence
    )
    assert ExpirySettings(idle=timedelta(hours=24), absolute=timedelta(days=30)) == loaded.expiry
    assert SecuritySettings(secret_key=None, folder=Path(".sessionkit")) == loaded.security
    assert LimitSettings(session_bytes=16 * 1024 * 1024) == loaded.limits


def test_the_file_of_the_documentation_is_read(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example that the documentation gives means what it says."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", SECRET)
    path = write("""
        storage = "sqlite"
        serializer = "json"
        conflict_strategy = "refuse"
        plugins = ["audit"]

        [storages.sqlite]
        url = "sqlite:///.sessionkit/sessions.db"

        [persistence]
        debounce_ms = 100

        [expiry]
        idle = "1h30m"
        absolute = "never"

        [security]
        secret_key = "env:SESSIONKIT_SECRET_KEY"
        folder = "private"
    """)

    expected = Settings(
        storage="sqlite",
        serializer="json",
        conflict_strategy="refuse",
        plugins=("audit",),
        storages={"sqlite": {"url": "sqlite:///.sessionkit/sessions.db"}},
        persistence=PersistenceSettings(debounce_ms=100),
        expiry=ExpirySettings(idle=timedelta(minutes=90), absolute=None),
        security=SecuritySettings(secret_key=SECRET, folder=Path("private")),
    )

    assert expected == load_settings()
    assert path == load_settings().source


def test_pyproject_is_read_where_there_is_no_own_file(write: Callable[..., Path]) -> None:
    """The table [tool.sessionkit] is the same as an own file."""
    path = write('[tool.sessionkit]\nstorage = "memory"\n', "pyproject.toml")

    assert "memory" == load_settings().storage
    assert path == load_settings().source


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'sessionkit'\n", "[tool.ruff]\nsrc = ['sessionkit']"]
)
def test_a_pyproject_without_the_table_counts_as_no_file(
    write: Callable[..., Path], text: str
) -> None:
    """A project that doesn't configure sessionkit has no settings file."""
    write(text, "pyproject.toml")

    assert load_settings().source is None


def test_a_broken_pyproject_that_never_speaks_of_us_is_none_of_our_business(
    write: Callable[..., Path],
) -> None:
    """Someone else's file breaks nothing."""
    write("[project\n", "pyproject.toml")

    assert load_settings().source is None


def test_the_own_file_goes_before_pyproject(write: Callable[..., Path]) -> None:
    """Only one file is read."""
    write('[tool.sessionkit]\nstorage = "a"\nserializer = "json"\n', "pyproject.toml")
    own = write('storage = "b"\n')

    loaded = load_settings()

    assert ("b", "msgpack", own) == (loaded.storage, loaded.serializer, loaded.source)


def test_a_variable_names_the_file(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """$SESSIONKIT_CONFIG goes before both files of the folder."""
    write('storage = "a"\n')
    named = write('storage = "b"\n', "other.toml")
    monkeypatch.setenv("SESSIONKIT_CONFIG", "other.toml")

    assert ("b", named) == (load_settings().storage, load_settings().source)


def test_a_variable_may_name_a_pyproject(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    """Of a file called pyproject.toml the table [tool.sessionkit] is read, wherever it lies."""
    (bare / "deep").mkdir()
    named = write('[tool.sessionkit]\nstorage = "b"\n', "deep/pyproject.toml")
    monkeypatch.setenv("SESSIONKIT_CONFIG", str(named))

    assert "b" == load_settings().storage


def test_a_byte_order_mark_is_no_error(bare: Path) -> None:
    """Editors that write one are used."""
    (bare / "sessionkit.toml").write_bytes(b"\xef\xbb\xbfstorage = 'memory'\n")

    assert "memory" == load_settings().storage


def test_the_source_does_not_count_when_settings_are_compared(write: Callable[..., Path]) -> None:
    """Equal settings from different places are equal."""
    said_in_code = load_settings(storage="memory")
    write('storage = "memory"\n')

    assert said_in_code == load_settings()


def test_settings_know_who_said_each_key(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages about a key name the file, the variable or the call."""
    path = write('serializer = "json"\n[storages.sqlite]\nurl = "x"\n')
    monkeypatch.setenv("SESSIONKIT_STORAGE", "sqlite")

    loaded = load_settings(expiry={"idle": "1h"})

    assert str(path) == loaded.where("serializer")
    assert str(path) == loaded.where("storages.sqlite.urll")
    assert str(path) == loaded.where("storages.sqlite")
    assert "environment variable SESSIONKIT_STORAGE" == loaded.where("storage")
    assert "configure(...)" == loaded.where("expiry.idle")
    assert "" == loaded.where("conflict_strategy") == loaded.where("hosts.local")


@pytest.mark.parametrize("reference", ["env:OWN_NAME", "env: OWN_NAME"])
def test_a_secret_may_stand_in_any_variable(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """env:NAME stands for what the variable NAME holds."""
    monkeypatch.setenv("OWN_NAME", SECRET)

    loaded = load_settings(security={"secret_key": reference})

    assert SECRET == loaded.security.secret_key
    assert "environment variable OWN_NAME" == loaded.where("security.secret_key")


def test_env_alone_is_the_variable_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """env: without a name stands for SESSIONKIT_SECRET_KEY."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", SECRET)

    assert SECRET == load_settings(security={"secret_key": "env:"}).security.secret_key


def test_the_variable_counts_where_no_secret_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting SESSIONKIT_SECRET_KEY is enough; a secret that is given goes before it."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", SECRET)

    assert SECRET == load_settings().security.secret_key
    assert "x" * 16 == load_settings(security={"secret_key": "x" * 16}).security.secret_key


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"GONE is not set"),
        ("", r"GONE: .* at least 16 characters"),
        ("short", r"GONE: .* this one has 5"),
    ],
)
def test_a_secret_that_is_asked_for_must_be_there(
    value: str | None, message: str, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names file, key and variable."""
    path = write("security.secret_key = 'env:GONE'\n")
    if value is not None:
        monkeypatch.setenv("GONE", value)

    with pytest.raises(ConfigError, match=message) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{path}: security.secret_key: environment variable GONE")


def test_an_empty_variable_is_no_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that forgot the secret's value fails, rather than making a secret of its own."""
    monkeypatch.setenv("SESSIONKIT_SECRET_KEY", "")

    with pytest.raises(
        ConfigError, match="environment variable SESSIONKIT_SECRET_KEY: a secret has"
    ):
        load_settings()


def test_nothing_that_may_be_secret_is_shown() -> None:
    """Neither the key nor what stands in the tables of plugins, which hold passwords."""
    loaded = load_settings(
        security={"secret_key": SECRET}, storages={"redis": {"url": "redis://:hunter2@host"}}
    )

    assert SECRET not in repr(loaded)
    assert "hunter2" not in repr(loaded)
    assert "storages={'redis': ['url']}" in repr(loaded)


def test_an_error_does_not_show_the_secret() -> None:
    """Not even a malformed one."""
    for secret in (["hunter2"], "hunter2"):
        with pytest.raises(ConfigError, match=r"security\.secret_key") as caught:
            load_settings(security={"secret_key": secret})

        assert "hunter2" not in str(caught.value)
