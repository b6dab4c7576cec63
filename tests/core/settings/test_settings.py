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
